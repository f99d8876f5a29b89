// What upkeep must leave behind on every backend: rollups and energy equal to a calculation by hand, whatever came late,
// wrapped or was reset; and no history that is too old.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { silentLog } from '../../src/model/log.js';
import type { MeterInfo } from '../../src/model/meter.js';
import { openStore } from '../../src/store/open.js';
import type { Store } from '../../src/store/store.js';
import { counter, gauge, HOUR_MS, noon, sampleMeter, samplePoll } from '../store/sample.js';
import type { TestDatabase } from './database.js';
import type { ContractOptions } from './store.js';

const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;
const RANGE = 1000;
const RUNS = 25;
/** When all runs are over. */
const afterwards = noon + RUNS * 2 * DAY_MS;

interface Reading {
  readonly ts: number;
  readonly value: number;
}

export async function maintainAll(store: Store, now: number): Promise<void> {
  while (await store.maintain(now));
}

export function upkeepContract(name: string, { make, ms, skip = false }: ContractOptions): void {
  describe(`upkeep on ${name}`, { skip }, () => {
    let database: TestDatabase;
    let store: Store;
    before(async () => {
      database = await make();
      store = await openStore({ url: database.url, log: silentLog });
    });
    after(async () => {
      await store.close();
      await database.drop();
    });

    it('rollups and energy equal a calculation by hand, with late readings, gaps, wraps and resets', async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(history, history, fc.nat(22), async (early, delayed, hours) => {
          // Each run later than all before, so that its readings are new to the database and not late from the start.
          const from = noon + run * 2 * DAY_MS;
          run++;
          const shifted = (steps: readonly Step[]) => steps.map((step) => ({ ...step, ts: from + step.ts }));
          const [first, late] = [shifted(early), shifted(delayed)];
          const meter = sampleMeter(`Run ${run}`, [
            gauge('power', 'W'),
            counter('ranged', RANGE),
            counter('endless', null),
          ]);
          const now = from + 40 * HOUR_MS;
          await store.write({ polls: first.map((step) => pollOf(meter, step)), gaps: [] });
          // Some hours are over then, some are not.
          await maintainAll(store, from + hours * HOUR_MS);
          await store.write({ polls: late.map((step) => pollOf(meter, step)), gaps: [] });
          await maintainAll(store, now);
          const readings = merged(first, late);
          for (const [metric, column] of [
            ['power', 0],
            ['ranged', 1],
            ['endless', 2],
          ] as const) {
            const topic = `${meter.name}/${metric}`;
            const series = readings.flatMap(({ ts, values }) => {
              const value = values[column] ?? null;
              return value === null ? [] : [{ ts, value }];
            });
            await compareReadings(topic, series);
            await compareRollups(topic, series);
            const range = metric === 'ranged' ? RANGE : null;
            if (metric !== 'power') await compareEnergy(topic, series, range);
          }
        }),
        { numRuns: RUNS, endOnFailure: true },
      );
    });

    async function compareReadings(topic: string, series: readonly Reading[]): Promise<void> {
      const rows = await database.rows(
        `SELECT ${ms('time')}, value FROM measurement WHERE topic = '${topic}' ORDER BY 1`,
      );
      assert.deepEqual(
        rows,
        series.map(({ ts, value }) => [ts, value]),
      );
    }

    async function compareRollups(topic: string, series: readonly Reading[]): Promise<void> {
      const rows = await database.rows(
        `SELECT ${ms('r.bucket')}, r.count, r.min, r.max, r.first, r.last, ${ms('r.first_ts')}, ${ms('r.last_ts')}, r.mean
         FROM rollup r JOIN topic t ON t.id = r.topic_id WHERE t.name = '${topic}' ORDER BY 1`,
      );
      const expected = quarters(series).map(([bucket, part]) => {
        const values = part.map((reading) => reading.value);
        const [first, last] = [part[0] as Reading, part.at(-1) as Reading];
        const exact = [bucket, part.length, Math.min(...values), Math.max(...values)];
        return { exact: [...exact, first.value, last.value, first.ts, last.ts], mean: mean(values) };
      });
      assert.deepEqual(
        rows.map((row) => row.slice(0, -1).map(Number)),
        expected.map(({ exact }) => exact),
      );
      for (const [index, row] of rows.entries()) assertClose(Number(row.at(-1)), expected[index]?.mean ?? Number.NaN);
    }

    async function compareEnergy(topic: string, series: readonly Reading[], range: number | null): Promise<void> {
      for (const [period, lengthMs] of [
        ['quarter', QUARTER_MS],
        ['hour', HOUR_MS],
        ['day', DAY_MS],
      ] as const) {
        const rows = await database.rows(
          `SELECT ${ms('time')}, consumption, quality FROM energy WHERE topic = '${topic}' AND period = '${period}' ORDER BY 1`,
        );
        const expected = energyOf(series, range, lengthMs);
        assert.deepEqual(
          rows.map((row) => [Number(row[0]), row[2]]),
          expected.map((row) => [row.time, row.quality]),
        );
        for (const [index, row] of rows.entries()) {
          assertClose(Number(row[1]), expected[index]?.consumption ?? Number.NaN);
        }
      }
    }

    it('leaves nothing marked, and a step with nothing to do says so', async () => {
      assert.deepEqual(
        (await database.rows('SELECT count(*) FROM stale')).map((row) => row.map(Number)),
        [[0]],
      );
      // Another day has its own, first.
      await maintainAll(store, afterwards);
      assert.equal(await store.maintain(afterwards), false);
    });

    it('survives the largest values there are', async () => {
      const meter = sampleMeter('Huge', [gauge('g'), counter('c', null)]);
      const values = [Number.MAX_VALUE, -Number.MAX_VALUE, Number.MAX_VALUE, 0];
      await store.write({
        polls: values.map((value, index) => samplePoll(meter, noon + HOUR_MS + index * 1000, [value, value])),
        gaps: [],
      });
      await maintainAll(store, noon + 40 * HOUR_MS);
      const rows = await database.rows(
        "SELECT r.min, r.max, r.count, r.increase, r.suspect FROM rollup r JOIN topic t ON t.id = r.topic_id WHERE t.name = 'Huge/c'",
      );
      assert.deepEqual(
        rows.map((row) => row.map(Number)),
        [[-Number.MAX_VALUE, Number.MAX_VALUE, 4, 0, 3]],
      );
    });

    it('forgets readings, polls and gaps after their time, rollups after theirs', async () => {
      const meter = sampleMeter('Old', [gauge('a'), gauge('b')]);
      // Whole months apart, since PostgreSQL forgets by the month.
      const ages = [400, 300, 200, 100, 10, 0];
      const polls = ages.map((days) => samplePoll(meter, noon - days * DAY_MS, [days, null]));
      await store.write({ polls, gaps: [] });
      await maintainAll(store, noon + 2 * HOUR_MS);
      const retention = { readingsMs: 150 * DAY_MS, rollupsMs: 250 * DAY_MS };
      const forgetful = await openStore({ url: database.url, log: silentLog, retention });
      try {
        await maintainAll(forgetful, noon + 2 * HOUR_MS);
      } finally {
        await forgetful.close();
      }
      const old = async (sql: string) => (await database.rows(`${sql} ORDER BY 1`)).map((row) => Number(row[0]));
      const at = (days: number) => noon - days * DAY_MS;
      const named = "m.name = 'Old'";
      assert.deepEqual(await old("SELECT value FROM measurement WHERE meter = 'Old'"), [0, 10, 100]);
      assert.deepEqual(await old(`SELECT ${ms('slot')} FROM poll p JOIN meter m ON m.id = p.meter_id WHERE ${named}`), [
        at(100),
        at(10),
        at(0),
      ]);
      assert.deepEqual(await old(`SELECT ${ms('ts')} FROM gap g JOIN meter m ON m.id = g.meter_id WHERE ${named}`), [
        at(100),
        at(10),
        at(0),
      ]);
      assert.deepEqual(
        await old("SELECT first FROM rollup r JOIN topic t ON t.id = r.topic_id WHERE t.name = 'Old/a'"),
        [0, 10, 100, 200],
      );
    });
  });
}

interface Step {
  readonly ts: number;
  readonly values: readonly (number | null)[];
}

/** A few polls of some hours from 0 on, one second to half an hour apart, their counters running, wrapping and being reset. */
const history: fc.Arbitrary<readonly Step[]> = fc
  .array(
    fc.record({
      waitMs: fc.oneof(fc.constant(1000), fc.integer({ min: 1, max: 1_800_000 }), fc.constant(3 * HOUR_MS)),
      power: fc.option(fc.integer({ min: -1000, max: 1000 }), { freq: 5 }),
      run: fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 200 }) }, fc.integer({ min: -700, max: 700 })),
      reset: fc.nat(9).map((n) => n === 0),
    }),
    { maxLength: 40 },
  )
  .map((steps) => {
    let ts = 0;
    let total = 500;
    return steps
      .map(({ waitMs, power, run, reset }) => {
        ts += waitMs;
        total = reset ? 3 : Math.max(0, total + run);
        return { ts, values: [power, ((total % RANGE) * 8) / 8, total / 4] };
      })
      .filter((step) => step.ts < 20 * HOUR_MS);
  });

const pollOf = (meter: MeterInfo, { ts, values }: Step) => samplePoll(meter, ts, values);

/** What was written first counts: a slot is on record once. */
function merged(first: readonly Step[], late: readonly Step[]): Step[] {
  const all = new Map<number, Step>();
  for (const step of [...first, ...late]) if (!all.has(step.ts)) all.set(step.ts, step);
  // A metric that was missing at first is filled in by whoever reads it later.
  return [...all.values()]
    .map((step) => {
      const again = [...first, ...late].filter((other) => other.ts === step.ts);
      const values = step.values.map(
        (_, index) => again.find((other) => other.values[index] != null)?.values[index] ?? null,
      );
      return { ts: step.ts, values };
    })
    .sort((a, b) => a.ts - b.ts);
}

function quarters(series: readonly Reading[]): [number, Reading[]][] {
  const parts = new Map<number, Reading[]>();
  for (const reading of series) {
    const bucket = reading.ts - (reading.ts % QUARTER_MS);
    parts.set(bucket, [...(parts.get(bucket) ?? []), reading]);
  }
  return [...parts];
}

const SEVERITIES = ['good', 'gap', 'wrap', 'reset', 'suspect'] as const;

function energyOf(series: readonly Reading[], range: number | null, lengthMs: number) {
  const rows = new Map<number, { time: number; consumption: number; severity: number }>();
  series.forEach(({ ts, value }, index) => {
    const time = ts - (ts % lengthMs);
    const row = rows.get(time) ?? { time, consumption: 0, severity: 0 };
    rows.set(time, row);
    const before_ = series[index - 1];
    if (before_ === undefined) return;
    const quarterOf = (t: number) => Math.floor(t / QUARTER_MS);
    const step = stepOf(before_.value, value, range);
    const skipped = quarterOf(ts) - quarterOf(before_.ts) > 1 ? 1 : 0;
    row.consumption += step.amount;
    row.severity = Math.max(row.severity, step.severity, skipped);
  });
  return [...rows.values()].map((row) => ({ ...row, quality: SEVERITIES[row.severity] }));
}

function stepOf(from: number, to: number, range: number | null): { amount: number; severity: number } {
  const run = to - from;
  if (run >= 0) return range !== null && run > range / 2 ? { amount: 0, severity: 4 } : { amount: run, severity: 0 };
  if (range !== null && -run > range / 2) return { amount: run + range, severity: 2 };
  return to < from / 2 ? { amount: to, severity: 3 } : { amount: 0, severity: 4 };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function assertClose(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${actual} is not ${expected}`);
}
