// A gateway with 32 units, of which 1, 4 or 16 are dead, from the start or dying later: the others keep every slot. All
// times are half of what they stand for: 20 ms per request, 1 s timeout and wait, 10 s interval.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Meter } from '../../src/model/meter.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { everySeconds, type Laboratory, openLaboratory, type PollRow } from '../support/laboratory.js';
import { meter } from '../support/metric.js';
import { stampedMetrics, stampedUnit, stampProblem } from '../support/stamped.js';

const COMPRESSION = 2;
const INTERVAL_MS = 10_000 / COMPRESSION;
const TIMES = { timeoutMs: 1000 / COMPRESSION, retries: 3, retryWaitMs: 1000 / COMPRESSION };
const LATENCY_MS = 20 / COMPRESSION;
const UNITS = 32;
const SLOTS_AFTER = 6;
const ADDRESSES = [0, 4, 8];
const metrics = stampedMetrics(ADDRESSES);

interface Gateway {
  readonly name: string;
  readonly dead: ReadonlySet<number>;
  readonly fromStart: boolean;
  readonly units: readonly number[];
  readonly server: MeterServer;
}

/** Spread over the gateway, and neither first nor last in all of them. */
const deadUnits = (count: number, offset: number): Set<number> =>
  new Set(Array.from({ length: count }, (_, i) => ((offset + i * 13) % UNITS) + 1));

describe('behind a gateway with 32 units', { timeout: 120_000 }, () => {
  const gateways: Gateway[] = [];
  const nameOf = (gateway: Gateway, unitId: number) => `${gateway.name}/${unitId}`;
  let laboratory: Laboratory;
  let polls: ReadonlyMap<string, readonly PollRow[]>;
  let diedAt = 0;

  before(async () => {
    const meters: Meter[] = [];
    for (const fromStart of [true, false]) {
      for (const count of [1, 4, 16]) {
        const units = Array.from({ length: UNITS }, (_, i) =>
          stampedUnit({ meter: i + 1, unitId: i + 1, addresses: ADDRESSES }),
        );
        const server = await startMeterServer({ units, latencyMs: LATENCY_MS });
        const dead = deadUnits(count, gateways.length * 7);
        const gateway = {
          name: `${count} ${fromStart ? 'from the start' : 'later'}`,
          dead,
          fromStart,
          units: units.map(({ unitId }) => unitId),
          server,
        };
        gateways.push(gateway);
        for (const { unitId } of units) {
          const { host, port } = server;
          const schedule = everySeconds(INTERVAL_MS / 1000);
          meters.push(meter({ name: nameOf(gateway, unitId), host, port, unitId, metrics, schedule, ...TIMES }));
        }
        if (fromStart) await kill(gateway);
      }
    }
    laboratory = await openLaboratory(meters);
    const healthy = gateways
      .filter(({ fromStart }) => !fromStart)
      .flatMap((g) => g.units.map((unit) => nameOf(g, unit)));
    await laboratory.online(healthy, 30_000);
    await laboratory.slots(1);
    diedAt = Date.now();
    for (const gateway of gateways) if (!gateway.fromStart) await kill(gateway);
    await laboratory.slots(SLOTS_AFTER);
    polls = await laboratory.finish();
    await Promise.all(gateways.map(({ server }) => server.close()));
  });
  after(() => laboratory?.close());

  async function kill({ dead, server }: Gateway): Promise<void> {
    for (const unitId of dead) await server.setFault('silent', { unitId });
  }

  /** The slot by which every unit has been asked: the first, unless this machine was too busy to start in time. */
  function foundOut(gateway: Gateway): number {
    const stories = gateway.units.map((unitId) => polls.get(nameOf(gateway, unitId)) ?? []);
    const first = Math.min(...stories.map((rows) => rows[0]?.slot ?? Number.POSITIVE_INFINITY));
    const last = Math.max(...stories.map((rows) => rows.find(({ requests }) => requests > 0)?.slot ?? 0));
    assert.ok(last <= first + INTERVAL_MS, `${(last - first) / INTERVAL_MS} slots until all were asked`);
    return last;
  }

  for (const fromStart of [true, false]) {
    for (const count of [1, 4, 16]) {
      test(`${count} dead ${fromStart ? 'from the start' : 'later'}: after one cycle the others keep every slot`, () => {
        const gateway = gateways.find((g) => g.fromStart === fromStart && g.dead.size === count) as Gateway;
        const findsOut = fromStart ? foundOut(gateway) : Math.ceil(diedAt / INTERVAL_MS) * INTERVAL_MS;
        for (let unitId = 1; unitId <= UNITS; unitId++) {
          const rows = (polls.get(nameOf(gateway, unitId)) ?? []).filter(({ slot }) => slot >= findsOut);
          if (gateway.dead.has(unitId)) {
            for (const row of rows) assert.equal(row.stored, 0);
            continue;
          }
          assert.ok(rows.length >= SLOTS_AFTER - 2, `unit ${unitId}: ${rows.length} polls`);
          rows.forEach((row, i) => {
            const when = `unit ${unitId}, slot ${(row.slot - findsOut) / INTERVAL_MS} after`;
            assert.equal(row.slot, findsOut + i * INTERVAL_MS, `${when}: on the grid, each slot once`);
            if (i > 0) assert.equal(row.stored, metrics.length, `${when}: ${row.error}`);
            metrics.forEach((m, index) => {
              const value = row.values.get(m.name);
              if (value === undefined) return;
              const expected = { meter: unitId, metric: index, from: row.slot, until: row.slot + INTERVAL_MS };
              assert.equal(stampProblem(value, expected), null, when);
            });
          });
        }
      });
    }
  }
});
