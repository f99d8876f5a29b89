import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startDaemon } from '../../src/daemon.js';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import type { Meter } from '../../src/model/meter.js';
import { planBlocks } from '../../src/plan/blocks.js';
import { learnedPlansFile, openLearnedPlans } from '../../src/plan/refused-registers.js';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { exhaustivePlan } from '../support/exhaustive-plan.js';
import { meter, metric } from '../support/metric.js';
import { RecordingLog } from '../support/recording-log.js';
import { closing, configOf, everySecond, remove, temporaryFolder } from '../support/simulated-site.js';

const MOST = 40;
const metrics = Array.from({ length: 14 }, (_, i) => metric({ name: `metric_${i}`, address: 8 * i }));
const unsupported = [16, 24, 104];

test('three unsupported registers and a limit of 40: known after one cycle, also to the next process', async (t) => {
  const close = closing(t);
  const folder = await temporaryFolder();
  close(() => remove(folder));
  const image = new RegisterImage({ maxRegisters: MOST });
  image.set('holding', 0, new Array<number>(120).fill(7));
  for (const address of unsupported) image.remove('holding', address);
  const server = await startMeterServer({ units: [{ unitId: 1, image }] });
  close(() => server.close());
  const { host, port } = server;
  const subject: Meter = meter({ name: 'limited', host, port, metrics, schedule: everySecond });
  const config = configOf([subject], folder);
  /** What of the requests since `from` the meter cannot have answered. */
  const refusedSince = (from: number) =>
    server.requests
      .slice(from)
      .filter(({ start, count }) => count > MOST || unsupported.some((a) => start <= a && a < start + count));

  const log = new RecordingLog();
  const daemon = await startDaemon({ config, log });
  close(() => daemon.stop());
  await log.until('cycle ended', 1);
  const readable = metrics.filter(({ address }) => !unsupported.includes(address));
  const read = [...daemon.service.latest.all()].filter(({ value }) => value !== null);
  assert.deepEqual(
    read.map(({ metric: { name }, value }) => [name, value]),
    readable.map(({ name }) => [name, 7]),
  );
  assert.ok(refusedSince(0).length > 0);

  const afterFirst = server.requests.length;
  await log.until('cycle ended', 3);
  await daemon.stop();
  assert.deepEqual(refusedSince(afterFirst), []);

  const file = learnedPlansFile(config.spool.directory);
  assert.match(await readFile(file, 'utf8'), /"maxRegisters": 40/);
  const learned = (await openLearnedPlans({ file, clock: systemClock, log: silentLog })).get(subject);
  const limits = { maxRegisters: subject.maxRegisters, maxGap: subject.maxGap, learned };
  const { blocks } = planBlocks(metrics, limits);
  const registers = blocks.reduce((sum, { count }) => sum + count, 0);
  assert.deepEqual([blocks.length, registers], exhaustivePlan(readable, limits));

  const beforeRestart = server.requests.length;
  const again = new RecordingLog();
  const next = await startDaemon({ config, log: again });
  close(() => next.stop());
  await again.until('cycle ended', 1);
  await next.stop();
  assert.deepEqual(refusedSince(beforeRestart), []);
  assert.ok(server.requests.length > beforeRestart);
});
