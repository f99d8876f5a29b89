// What the view `coverage` must say on every backend, at every moment: what a calculation by hand over all polls and gaps
// ever written says, whatever came late or twice, whoever counts meanwhile, and whatever has been pruned since.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { silentLog } from '../../src/model/log.js';
import type { Gap, MissingReason, Poll } from '../../src/model/poll.js';
import { splitByHour } from '../../src/store/batch.js';
import { openStore } from '../../src/store/open.js';
import { type Dialect, type Store, StoreFailure } from '../../src/store/store.js';
import { gauge, HOUR_MS, noon, sampleMeter } from '../store/sample.js';
import type { TestDatabase } from './database.js';
import type { ContractOptions } from './store.js';
import { maintainAll } from './upkeep.js';

const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;
const METRICS = 5;
const REASONS = [
  ...['timeout', 'unreachable', 'disconnected', 'bad answer', 'exception 2', 'exception 11', 'not available'],
  ...['invalid value', 'offline', 'refused before', 'deadline', 'shutdown', 'rejected'],
] as readonly MissingReason[];
const COLUMNS = [
  ...['timeout', 'unreachable', 'disconnected', 'bad_answer', 'exception', 'not_available', 'invalid_value'],
  ...['offline', 'refused_before', 'deadline', 'shutdown', 'missed', 'down', 'rejected', 'lost'],
];
const columnOf = (reason: string) => reason.replace(/^exception .*/, 'exception').replace(' ', '_');

type Batch = Parameters<Store['write']>[0];

export function coverageContract(name: string, { make, ms, skip = false }: ContractOptions): void {
  describe(`coverage on ${name}`, { skip }, () => {
    let database: TestDatabase;
    let stores: readonly [Store, Store];
    let forgetful: Store;
    let written: Written;
    let run = 0;
    // Whole days go: what is written here, up to 27 hours before `noon`, stays at any time of day.
    const retention = { readingsMs: 3 * DAY_MS, rollupsMs: null };
    const open = () => openStore({ url: database.url, log: silentLog });
    before(async () => {
      database = await make();
      stores = [await open(), await open()];
      forgetful = await openStore({ url: database.url, log: silentLog, retention });
    });
    after(async () => {
      for (const store of [...stores, forgetful]) await store.close();
      await database.drop();
    });
    beforeEach(() => {
      written = new Written(`Run ${++run}`);
    });

    const shown = async (): Promise<readonly (readonly (number | string)[])[]> => {
      const rows = await database.rows(
        `SELECT ${ms('time')}, meter, expected, stored, missing, ${COLUMNS.join(', ')} FROM coverage
         WHERE meter LIKE '${written.prefix}/%' ORDER BY 2, 1`,
      );
      return rows.map((row) => row.map((value, index) => (index === 1 ? String(value) : Number(value))));
    };
    const compare = async (what: string) => assert.deepEqual(await shown(), written.coverage(), what);
    const write = async (store: Store, batch: Batch) => {
      written.add(batch);
      await persistently(() => store.write(batch));
    };

    it('is right after every step of writes, late writes, gaps that grow, upkeep and pruning', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 25 }), async (actions) => {
          written = new Written(`Run ${++run}`);
          for (const one of actions) {
            const store = stores[one.store];
            const batch = written.batch(one);
            switch (one.kind) {
              case 'write':
                await write(store, batch);
                break;
              case 'again':
                await write(store, batch);
                await write(stores[1 - one.store] as Store, batch);
                break;
              case 'step':
                await persistently(() => store.maintain(one.now));
                break;
              case 'all':
                await persistently(() => maintainAll(store, one.now));
                break;
              case 'prune':
                await persistently(() => forgetful.maintain(noon));
                break;
              case 'at once': {
                const others = written.batch({ ...one, seed: one.seed + 1, at: one.at + 1 });
                written.add(batch);
                written.add(others);
                await Promise.all([
                  persistently(() => store.write(batch)),
                  persistently(() => stores[1].write(others)),
                  persistently(() => maintainAll(stores[0], one.now)),
                  persistently(() => maintainAll(stores[1], one.now)),
                ]);
              }
            }
            await compare(`after ${JSON.stringify(one)}`);
          }
          await maintainAll(forgetful, noon + DAY_MS);
          await compare('in the end');
        }),
        { numRuns: 12, endOnFailure: true },
      );
    });

    it('never shows an hour twice or not at all while it is being counted', async () => {
      for (let hour = 0; hour < 20; hour++) {
        await write(stores[0], written.batch({ seed: hour, at: noon - hour * HOUR_MS, spread: HOUR_MS }));
      }
      let counting = true;
      const done = Promise.all(stores.map((store) => persistently(() => maintainAll(store, noon + DAY_MS)))).finally(
        () => {
          counting = false;
        },
      );
      let looks = 0;
      for (; counting || looks === 0; looks++) {
        await compare(`look ${looks}`);
        // SQLite is asked without leaving this thread.
        await new Promise(setImmediate);
      }
      await done;
      await compare('when all is counted');
    });

    it('has a column for what the database refuses for ever, and each metric missing counts once', async () => {
      const meter = written.meter(0);
      const missing = new Map<number, MissingReason>([
        [0, 'rejected'],
        [1, 'rejected'],
        [2, 'exception 2'],
      ]);
      await write(stores[0], { polls: [pollOf({ meter, slot: noon - DAY_MS, missing })], gaps: [] });
      const rows = async () =>
        (
          await database.rows(
            `SELECT expected, stored, missing, rejected, exception FROM coverage WHERE meter = '${meter.name}'`,
          )
        ).map((row) => row.map(Number));
      assert.deepEqual(await rows(), [[METRICS, METRICS - 3, 3, 2, 1]]);
      await maintainAll(stores[0], noon + HOUR_MS);
      assert.deepEqual(await rows(), [[METRICS, METRICS - 3, 3, 2, 1]]);
    });

    it('outlives its polls, takes in those that come later still, and goes when rollups go, too', async () => {
      const old = noon - 30 * DAY_MS;
      await write(stores[0], written.batch({ seed: 1, at: old, spread: HOUR_MS }));
      await maintainAll(forgetful, noon + 3 * DAY_MS);
      const polls = () => database.rows(`SELECT count(*) FROM poll WHERE ${ms('slot')} <= ${old}`);
      assert.deepEqual((await polls())[0]?.map(Number), [0]);
      await compare('pruned');
      // From a gateway whose spool comes back after a month.
      const late = { polls: [pollOf({ meter: written.meter(7), slot: old, missing: new Map() })], gaps: [] };
      await write(stores[0], late);
      await persistently(() => stores[0].write(late));
      await maintainAll(stores[0], noon + 3 * DAY_MS);
      await compare('late');
      const brief = { readingsMs: 2 * DAY_MS, rollupsMs: 20 * DAY_MS };
      const store = await openStore({ url: database.url, log: silentLog, retention: brief });
      await maintainAll(store, noon + 4 * DAY_MS).finally(() => store.close());
      assert.deepEqual(await shown(), []);
    });

    it('counts what a database from before has, little by little, and shows it at once', async () => {
      for (let hour = 0; hour < 8; hour++) {
        await write(stores[0], written.batch({ seed: hour, at: noon - hour * HOUR_MS, spread: HOUR_MS }));
      }
      for (const store of [...stores, forgetful]) await store.close();
      await database.run(asBefore[stores[0].dialect]);
      stores = [await open(), await open()];
      forgetful = await openStore({ url: database.url, log: silentLog, retention });
      await compare('migrated');
      for (let step = 0; await stores[0].maintain(noon + DAY_MS); step++) await compare(`step ${step}`);
      await compare('counted');
    });

    it('leaves the rollups of pruned readings alone', async () => {
      const [old, meter] = [noon - 60 * DAY_MS, written.meter(0)];
      const rollups = async () =>
        (
          await database.rows(
            `SELECT count(*) FROM rollup r JOIN topic t ON t.id = r.topic_id WHERE t.name LIKE '${meter.name}/%'`,
          )
        )[0]?.map(Number);
      await write(stores[0], { polls: [pollOf({ meter, slot: old, missing: new Map() })], gaps: [] });
      await maintainAll(forgetful, noon + 5 * DAY_MS);
      assert.deepEqual(await rollups(), [METRICS]);
      const gap: Gap = { meter, from: old + 1000, until: old + HOUR_MS, slots: 10, reason: 'down' };
      await persistently(() => stores[0].write({ polls: [], gaps: [gap] }));
      await maintainAll(stores[0], noon + 5 * DAY_MS);
      assert.deepEqual(await rollups(), [METRICS]);
    });
  });
}

/** Undoes the migrations that brought the counts, and what builds on them. */
const undone = `DROP VIEW coverage; DROP VIEW coverage_quarter; DROP TABLE tally; DELETE FROM stale;
DELETE FROM upkeep WHERE name IN ('counted_until', 'pruned_until');
DELETE FROM _prisma_migrations WHERE migration_name LIKE '%_coverage' OR migration_name LIKE '%_lost';
ALTER TABLE stale DROP COLUMN readings`;
const asBefore: Record<Dialect, string> = {
  sqlite: `DROP TRIGGER poll_late; DROP TRIGGER gap_late; DROP TRIGGER gap_longer; ${undone}; CREATE VIEW coverage AS SELECT 1`,
  postgresql: undone,
  mysql: `${undone}, DROP INDEX stale_bucket_idx`,
};

/** What two that want the same rows at once may be told, but not for ever. */
async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreFailure) || error.remedy !== 'retry' || tries === 100) throw error;
    }
  }
}

interface Choice {
  readonly seed: number;
  /** Polls lie before it, … */
  readonly at: number;
  /** … by so many milliseconds at most. */
  readonly spread: number;
}

const action = fc.record({
  kind: fc.constantFrom('write', 'write', 'write', 'again', 'step', 'step', 'step', 'all', 'prune', 'at once'),
  store: fc.constantFrom(0, 1) as fc.Arbitrary<0 | 1>,
  seed: fc.nat(1_000_000),
  // Live, late by quarters and by hours; nothing as old as what has been pruned.
  at: fc.constantFrom(noon, noon, noon - QUARTER_MS, noon - 5 * HOUR_MS, noon - 20 * HOUR_MS),
  spread: fc.constantFrom(1, QUARTER_MS, 6 * HOUR_MS),
  // A clock may be wrong, either way.
  now: fc.constantFrom(noon, noon + QUARTER_MS, noon + HOUR_MS, noon + DAY_MS, noon - 3 * HOUR_MS, noon - 10 * DAY_MS),
});

const pollOf = (poll: Pick<Poll, 'meter' | 'slot' | 'missing'>, readAt = poll.slot + 3): Poll => ({
  ...poll,
  readAt,
  durationMs: 12,
  requests: 2,
  values: Float64Array.from({ length: METRICS }, (_, index) => (poll.missing.has(index) ? Number.NaN : index)),
  error: null,
});

/** All that has been written under one prefix: first come, first kept; a gap that begins where another does replaces it if longer. */
class Written {
  readonly prefix: string;
  readonly #polls = new Map<string, Poll>();
  readonly #gaps = new Map<string, { meter: string; ts: number; until: number; reason: string; readings: number }>();

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  meter(index: number) {
    return sampleMeter(
      `${this.prefix}/${index}`,
      Array.from({ length: METRICS }, (_, metric) => gauge(`m${metric}`)),
    );
  }

  /** Polls and gaps, the same for the same seed. */
  batch({ seed, at, spread }: Choice): Batch {
    const random = mulberry(seed);
    const pick = (count: number) => Math.floor(random() * count);
    const polls = Array.from({ length: pick(12) }, () => {
      // Even where `at` is even: so two batches at once can be told not to want the same slots.
      const slot = at - 2 * Math.floor((pick(1000) / 2000) * spread);
      const missing = new Map<number, MissingReason>();
      for (let metric = 0; metric < METRICS; metric++) {
        if (pick(3) === 0) missing.set(metric, REASONS[pick(REASONS.length)] as MissingReason);
      }
      if (pick(4) === 0) for (let metric = 0; metric < METRICS; metric++) missing.set(metric, 'offline');
      // Told apart by when it was read, should another poll have the slot already.
      return pollOf({ meter: this.meter(pick(3)), slot, missing }, slot + 1 + pick(1_000_000_000));
    });
    const gaps = Array.from({ length: pick(3) }, (): Gap => {
      // Few beginnings, so that some meet again with another length.
      const from = at - spread - pick(4) * QUARTER_MS;
      const slots = 1 + pick(500);
      const reason = (['down', 'missed', 'lost'] as const)[pick(3)] ?? 'down';
      return { meter: this.meter(pick(3)), from, until: from + slots * 10_000, slots, reason };
    });
    return { polls, gaps };
  }

  add({ polls, gaps }: Batch): void {
    for (const poll of polls) {
      const key = `${poll.meter.name} ${poll.slot}`;
      if (!this.#polls.has(key)) this.#polls.set(key, poll);
    }
    for (const gap of gaps) {
      for (const { ts, until, reason, readings } of splitByHour(gap, 0)) {
        const key = `${gap.meter.name} ${ts} ${reason}`;
        const known = this.#gaps.get(key);
        if (!known || until > known.until) this.#gaps.set(key, { meter: gap.meter.name, ts, until, reason, readings });
      }
    }
  }

  /** As the view has it. */
  coverage(): (readonly (number | string)[])[] {
    const hours = new Map<
      string,
      { hour: number; meter: string; expected: number; stored: number; reasons: number[] }
    >();
    const at = (meter: string, time: number) => {
      const hour = time - (time % HOUR_MS);
      const row = hours.get(`${meter} ${hour}`) ?? {
        hour,
        meter,
        expected: 0,
        stored: 0,
        reasons: COLUMNS.map(() => 0),
      };
      hours.set(`${meter} ${hour}`, row);
      return row;
    };
    const miss = (row: { reasons: number[] }, reason: string, readings: number) => {
      const column = COLUMNS.indexOf(columnOf(reason));
      row.reasons[column] = (row.reasons[column] as number) + readings;
    };
    for (const { meter, slot, missing } of this.#polls.values()) {
      const row = at(meter.name, slot);
      row.expected += METRICS;
      row.stored += METRICS - missing.size;
      for (const reason of missing.values()) miss(row, reason, 1);
    }
    for (const { meter, ts, reason, readings } of this.#gaps.values()) {
      const row = at(meter, ts);
      row.expected += readings;
      miss(row, reason, readings);
    }
    return [...hours.values()]
      .sort((a, b) => (a.meter < b.meter ? -1 : a.meter > b.meter ? 1 : a.hour - b.hour))
      .map(({ hour, meter, expected, stored, reasons }) => [
        hour,
        meter,
        expected,
        stored,
        expected - stored,
        ...reasons,
      ]);
  }
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
