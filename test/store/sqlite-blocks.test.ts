// How the embedded database's readings come from the order of time into the order of topics, some hours at once, and how
// their rollups are there before: whatever comes late, whoever does it, wherever it was interrupted.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import type { Store } from '../../src/store/store.js';
import { maintainAll } from '../contract/upkeep.js';
import { gauge, HOUR_MS, sampleMeter, samplePoll } from './sample.js';
import { makeSqliteDatabase, type SqliteDatabase } from './sqlite-database.js';

const MINUTE_MS = 60_000;
const BLOCK_MS = 2 * HOUR_MS;
/** The start of a block, and later than what a new database takes to be in history. */
const start = Date.now() - (Date.now() % BLOCK_MS) + BLOCK_MS;
/** When an hour counts as over. */
const GRACE_MS = 2 * MINUTE_MS;

describe('blocks of hours on SQLite', () => {
  let database: SqliteDatabase;
  let store: Store;
  beforeEach(async () => {
    database = makeSqliteDatabase();
    store = await open();
  });
  afterEach(async () => {
    await store.close();
    await database.drop();
  });

  const open = () => openStore({ url: database.url, log: silentLog });
  const number = async (sql: string) => Number((await database.rows(sql))[0]?.[0]);
  const recent = () => number('SELECT count(*) FROM reading_recent');
  const history = () => number('SELECT count(*) FROM reading_history');
  const state = (name: string) => number(`SELECT value FROM upkeep WHERE name = '${name}'`);
  const buckets = async () =>
    (await database.rows('SELECT DISTINCT bucket FROM rollup ORDER BY bucket')).map((row) => Number(row[0]));
  const quartersOf = (from: number, hours: number) =>
    Array.from({ length: 4 * hours }, (_, index) => from + index * 15 * MINUTE_MS);

  const [a, b] = [sampleMeter('A'), sampleMeter('B')];
  const write = (slot: number, meters = [a, b]) =>
    store.write({
      polls: meters.map((meter) =>
        samplePoll(
          meter,
          slot,
          meter.metrics.map((_, index) => slot + index),
        ),
      ),
      gaps: [],
    });
  /** A reading of each of the four topics every five minutes. */
  const writeHours = async (from: number, hours: number) => {
    for (let slot = from; slot < from + hours * HOUR_MS; slot += 5 * MINUTE_MS) await write(slot);
  };
  const HOUR_ROWS = 48;

  /** What the rollups of closed hours should say, and do not, or the other way round. */
  const wrongRollups = () =>
    database.rows(`
WITH said AS (SELECT topic_id, bucket, count, min, max, first, last, first_ts, last_ts, CAST(round(1000 * mean) AS INTEGER) FROM rollup),
quarter AS (
  SELECT topic_id, ts - ts % 900000 AS bucket, count(*) AS count, min(value) AS min, max(value) AS max,
    avg(value) AS mean, min(ts) AS first_ts, max(ts) AS last_ts
  FROM reading WHERE ts < (SELECT value FROM upkeep WHERE name = 'closed_until') GROUP BY 1, 2
),
truth AS (
  SELECT q.topic_id, bucket, count, min, max, f.value, l.value, first_ts, last_ts, CAST(round(1000 * mean) AS INTEGER)
  FROM quarter q JOIN reading f ON f.topic_id = q.topic_id AND f.ts = first_ts
  JOIN reading l ON l.topic_id = q.topic_id AND l.ts = last_ts
)
SELECT * FROM (SELECT * FROM said EXCEPT SELECT * FROM truth) UNION ALL
SELECT * FROM (SELECT * FROM truth EXCEPT SELECT * FROM said)`);

  it('an hour has its rollups as soon as it is over, and is moved with the others of its block', async () => {
    await writeHours(start, 1);
    await maintainAll(store, start + HOUR_MS + GRACE_MS - 1);
    assert.deepEqual(await buckets(), []);
    await maintainAll(store, start + HOUR_MS + GRACE_MS);
    assert.deepEqual(await buckets(), quartersOf(start, 1));
    assert.deepEqual([await recent(), await history()], [HOUR_ROWS, 0]);
    await writeHours(start + HOUR_MS, 1);
    await write(start + BLOCK_MS);
    await maintainAll(store, start + BLOCK_MS + GRACE_MS - 1);
    assert.deepEqual([await recent(), await history()], [2 * HOUR_ROWS + 4, 0]);
    await maintainAll(store, start + BLOCK_MS + GRACE_MS);
    assert.deepEqual(await buckets(), quartersOf(start, 2));
    assert.deepEqual([await recent(), await history()], [4, 2 * HOUR_ROWS]);
    assert.deepEqual(await wrongRollups(), []);
  });

  it('what comes late into an hour that has rollups and is not moved yet is in them, also from new topics', async () => {
    await writeHours(start, 1);
    await maintainAll(store, start + HOUR_MS + GRACE_MS);
    await write(start + HOUR_MS);
    // Their topics' ids do not follow those of the same meter.
    const more = sampleMeter('A', [...a.metrics, gauge('Current_A')]);
    for (const minute of [1, 16, 59]) await write(start + minute * MINUTE_MS, [more, sampleMeter('C')]);
    await maintainAll(store, start + HOUR_MS + GRACE_MS + 1);
    assert.equal(await history(), 0);
    assert.equal(await recent(), HOUR_ROWS + 4 + 15);
    assert.deepEqual(await buckets(), quartersOf(start, 1));
    assert.deepEqual(await wrongRollups(), []);
  });

  it('late, early or twice, by two processes, at any step of upkeep: readings and rollups are right', async () => {
    const other = await open();
    try {
      let base = start;
      const written = new Set<string>();
      const action = fc.record({
        kind: fc.constantFrom('write', 'wait', 'step', 'all'),
        other: fc.boolean(),
        minutes: fc.oneof(fc.integer({ min: -300, max: 0 }), fc.constantFrom(-1, -60, -180)),
        waited: fc.constantFrom(7, 61, 180),
        meter: fc.nat(2),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 60 }), async (actions) => {
          let now = base;
          for (const one of actions) {
            const which = one.other ? other : store;
            if (one.kind === 'wait') now += one.waited * MINUTE_MS;
            else if (one.kind === 'step') await which.maintain(now);
            else if (one.kind === 'all') await maintainAll(which, now);
            else {
              const slot = now + one.minutes * MINUTE_MS;
              const poll = samplePoll(sampleMeter(`M${one.meter}`), slot, [slot, one.minutes]);
              await which.write({ polls: [poll], gaps: [] });
              written.add(`${one.meter} ${slot}`);
            }
            assert.equal(await number('SELECT count(*) FROM reading'), 2 * written.size);
          }
          await maintainAll(store, now);
          assert.deepEqual(await wrongRollups(), []);
          base = now + 6 * HOUR_MS;
        }),
        { numRuns: 25, endOnFailure: true },
      );
      assert.ok((await history()) > 0 && (await state('moved_until')) % BLOCK_MS === 0);
    } finally {
      await other.close();
    }
  });

  /** As the version before left it, which moved an hour at a time, marked it then and knew of no closed hours. */
  const asBefore = (movedUntil: number, movingUntil: number, topic: number) => `
DELETE FROM _prisma_migrations WHERE migration_name LIKE '%_blocks'; DELETE FROM rollup; DELETE FROM stale;
UPDATE upkeep SET value = ${movedUntil} WHERE name = 'moved_until';
UPDATE upkeep SET value = ${movingUntil} WHERE name = 'moving_until';
UPDATE upkeep SET value = ${topic} WHERE name = 'move_topic';
DELETE FROM upkeep WHERE name = 'closed_until';
INSERT INTO reading_history SELECT topic_id, ts, value FROM reading_recent
WHERE ts < ${movedUntil} OR ts < ${movingUntil} AND topic_id <= ${topic};
DELETE FROM reading_recent WHERE ts < ${movedUntil};
INSERT INTO stale (meter_id, bucket) SELECT DISTINCT meter_id, ts - ts % 900000
FROM reading_history h JOIN topic t ON t.id = h.topic_id WHERE ts < ${movedUntil};`;

  for (const [what, movedHours, movingHours, topic] of [
    ['between two moves', 1, 1, 0],
    ['in the middle of a move', 0, 1, 2],
  ] as const) {
    it(`a database of the version before goes on, left ${what}`, async () => {
      const all = 2 * HOUR_ROWS + 4 + 8;
      await writeHours(start, 2);
      await write(start + BLOCK_MS);
      await store.close();
      await database.run(asBefore(start + movedHours * HOUR_MS, start + movingHours * HOUR_MS, topic));
      store = await open();
      // Late, into an hour that is in history or on its way, and into one that is not.
      for (const hour of [0, 1]) await write(start + hour * HOUR_MS + MINUTE_MS);
      for (const time of [start + HOUR_MS + GRACE_MS, start + BLOCK_MS + GRACE_MS]) {
        do assert.equal(await number('SELECT count(*) FROM reading'), all, 'at every step');
        while (await store.maintain(time));
        assert.deepEqual(await wrongRollups(), []);
      }
      assert.equal(await state('moved_until'), start + BLOCK_MS);
      assert.deepEqual([await recent(), await history()], [4, all - 4]);
      assert.deepEqual(await buckets(), quartersOf(start, 2));
    });
  }
});
