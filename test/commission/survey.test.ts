import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findSunSpec, fitMap, scanUnits } from '../../src/commission/scan.js';
import { countConnections, findLargestBlock, surveyMeter } from '../../src/commission/survey.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import { systemClock } from '../../src/model/clock.js';
import { packageRoot } from '../../src/model/paths.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { simulateMeter } from '../../src/simulate/simulated-meter.js';
import { meter, metric } from '../support/metric.js';

const shipped = (name: string) => loadRegisterMap(`${packageRoot}register-maps/${name}.xlsx`).map;

async function withServer(
  server: MeterServer,
  work: (pool: ReturnType<typeof openLinkPool>, endpoint: { host: string; port: number }) => Promise<void>,
): Promise<void> {
  const pool = openLinkPool();
  try {
    await work(pool, { host: '127.0.0.1', port: server.port });
  } finally {
    await pool.close();
    await server.close();
  }
}

const metrics = Array.from({ length: 30 }, (_, i) =>
  metric({ name: `m${i}`, dataType: 'FLOAT32', size: 2, address: 100 + 2 * i }),
);

test('a meter that takes 40 registers is found to take 40', async () => {
  const image = new RegisterImage({ maxRegisters: 40 });
  image.set('holding', 0, new Array(400).fill(7));
  await withServer(await startMeterServer({ units: [{ unitId: 1, image }] }), async (pool, endpoint) => {
    const asked = meter({ ...endpoint, metrics });
    const found = await findLargestBlock({ meter: asked, link: pool.link(endpoint), clock: systemClock });
    assert.deepEqual(found, { registers: 40, start: 100, exceptionCode: 3 });
  });
});

test('registers that the meter refuses are named, and everything around them is read', async () => {
  const image = new RegisterImage();
  image.set('holding', 90, new Array(90).fill(7));
  image.remove('holding', 120, 2);
  await withServer(await startMeterServer({ units: [{ unitId: 1, image }] }), async (pool, endpoint) => {
    const asked = meter({ ...endpoint, metrics });
    const survey = await surveyMeter({
      meter: asked,
      link: pool.link(endpoint),
      clock: systemClock,
      rounds: 2,
      intervalMs: 0,
    });
    assert.deepEqual(survey.refused, [{ function: 'holding', start: 120, count: 2, exceptionCode: 2 }]);
    const missing = metrics.filter(({ address }) => survey.images[1]?.get('holding', address) === null);
    assert.deepEqual(
      missing.map(({ address }) => address),
      [120],
    );
  });
});

test('a meter with a single connection is found to take one', async () => {
  const image = new RegisterImage();
  image.set('holding', 0, new Array(400).fill(7));
  const server = await startMeterServer({ units: [{ unitId: 1, image }] });
  await server.setFault('one-connection');
  await withServer(server, async (_pool, endpoint) => {
    const asked = meter({ ...endpoint, metrics, timeoutMs: 300 });
    const pools: ReturnType<typeof openLinkPool>[] = [];
    const open = () => {
      const pool = openLinkPool();
      pools.push(pool);
      return pool.link(endpoint);
    };
    assert.equal(await countConnections({ meter: asked, open, most: 3 }), 1);
    await Promise.all(pools.map((pool) => pool.close()));
  });
});

test('the units behind a gateway are found, silent ones and those that its gateway denies are not', async () => {
  const image = new RegisterImage();
  image.set('holding', 5000, [1]);
  const units = [3, 7].map((unitId) => ({ unitId, image }));
  for (const unknownUnit of ['silence', 11] as const) {
    await withServer(await startMeterServer({ units, unknownUnit }), async (pool, endpoint) => {
      const found = await scanUnits({
        link: pool.link(endpoint),
        unitIds: [1, 2, 3, 4, 7, 8],
        timeoutMs: 150,
        pauseMs: 0,
        monotonic: systemClock.monotonic,
      });
      // Register 0 does not exist there: the refusal is the answer.
      assert.deepEqual(
        found.map(({ unitId, answer }) => [unitId, answer]),
        [
          [3, 2],
          [7, 2],
        ],
      );
    });
  }
});

test('of the shipped maps, the right one explains a meter best', async () => {
  for (const name of ['janitza-umg604', 'carlo-gavazzi-em340', 'schneider-pm5xxx']) {
    const simulated = simulateMeter({ map: shipped(name), unitId: 1 });
    await withServer(await startMeterServer({ units: [simulated] }), async (pool, endpoint) => {
      const fits = [];
      for (const candidate of [
        'janitza-umg604',
        'carlo-gavazzi-em340',
        'schneider-pm5xxx',
        'eastron-sdm630',
        'eaton-pxm4000',
      ]) {
        const map = shipped(candidate);
        const asked = meter({ ...endpoint, metrics: map.metrics, maxRegisters: map.limits.maxRegisters ?? 125 });
        fits.push(await fitMap(map, { meter: asked, link: pool.link(endpoint), clock: systemClock }));
      }
      fits.sort((a, b) => b.score - a.score);
      assert.equal(fits[0]?.map.name, name);
      assert.equal(fits[0]?.broken, 0);
    });
  }
});

test('the SunSpec directory is walked model by model', async () => {
  const image = new RegisterImage();
  image.set('holding', 40_000, [0x5375, 0x6e53, 1, 4, 0, 0, 0, 0, 203, 2, 0, 0, 0xffff, 0]);
  await withServer(await startMeterServer({ units: [{ unitId: 1, image }] }), async (pool, endpoint) => {
    const found = await findSunSpec({ link: pool.link(endpoint), unitId: 1, timeoutMs: 500, pauseMs: 0 });
    assert.deepEqual(found, {
      base: 40_000,
      models: [
        { id: 1, address: 40_002, length: 4 },
        { id: 203, address: 40_008, length: 2 },
      ],
    });
  });
});
