// Upkeep of the embedded database: moves the readings of an hour that is over from the order of time into the order of
// topics, has its rollups made and its polls counted, and forgets what is too old. Each step is one short transaction that leaves the database
// right; a process killed between two of them goes on where it was.

import type { Upkeep } from './backend.js';
import { type Db, runAll } from './db.js';
import { topicIdsAfter } from './lookup.js';
import { nextStep, Rollups } from './rollups.js';
import { BUCKET_MS } from './rows.js';
import { SqliteTally } from './sqlite-tally.js';
import { GRACE_MS, Pruner, type Retention, type RetentionSql } from './upkeep.js';

const HOUR_MS = 3_600_000;

/** Rows of the newest hour that are deleted at once, after they have been moved. */
const FIRST_CLEARED = 5_000;
const MAX_CLEARED = 100_000;
/** Topics that are copied at once. */
const FIRST_COPIED = 10;
const MAX_COPIED = 1_000;

export function sqliteUpkeep(options: { readonly db: Db; readonly retention: Retention }): Upkeep {
  const mover = new Mover(options.db);
  const rollups = new Rollups(options.db, 'sqlite');
  const tally = new SqliteTally(options.db);
  const pruner = new Pruner({ ...options, sql: retentionSql });
  return async (now) =>
    (await mover.clear()) ||
    (await mover.move(now)) ||
    (await rollups.step(now)) ||
    (await tally.step(now)) ||
    (await pruner.step(now));
}

const SET = 'UPDATE upkeep SET value = ? WHERE name = ?';

// From time to time, not from row to row: the hour's other topics are leapt over.
const COPY = `
WITH RECURSIVE slot (ts) AS (
  SELECT min(ts) FROM reading_recent WHERE ts >= ?1
  UNION ALL
  SELECT (SELECT min(ts) FROM reading_recent WHERE ts > slot.ts) FROM slot WHERE slot.ts < ?2
)
INSERT INTO reading_history (topic_id, ts, value)
SELECT r.topic_id, r.ts, r.value FROM slot CROSS JOIN reading_recent r
WHERE r.ts = slot.ts AND r.ts < ?2 AND r.topic_id > ?3 AND r.topic_id <= ?4 ORDER BY r.topic_id, r.ts
ON CONFLICT DO NOTHING`;

/** Rows that are still needed, beside those that have been moved: with more, the moved ones are deleted one by one. */
const MAX_KEPT = 150_000;

// A row that is deleted has its page written, even one that is given up with its last row: as many bytes as the hour has
// once more. A table that is emptied gives up its pages unwritten, so the few rows that are needed step aside meanwhile.
const CLEAR_ALL = [
  'INSERT INTO temp.reading_kept SELECT ts, topic_id, value FROM reading_recent WHERE ts >= ?',
  'DELETE FROM reading_recent',
  'INSERT INTO reading_recent (ts, topic_id, value) SELECT ts, topic_id, value FROM temp.reading_kept',
  'DELETE FROM temp.reading_kept',
] as const;

class Mover {
  readonly #db: Db;
  #cleared = FIRST_CLEARED;
  #copied = FIRST_COPIED;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Deletes what has been moved. */
  async clear(): Promise<boolean> {
    const { movedUntil } = await this.#state();
    const [found] = await this.#db.$queryRawUnsafe<{ moved: bigint; kept: bigint }[]>(
      `SELECT EXISTS (SELECT 1 FROM reading_recent WHERE ts < ?1) AS moved,
  (SELECT count(*) FROM (SELECT 1 FROM reading_recent WHERE ts >= ?1 LIMIT ${MAX_KEPT + 1})) AS kept`,
      movedUntil,
    );
    if (!found || Number(found.moved) === 0) return false;
    if (Number(found.kept) > MAX_KEPT) return this.#clearSome();
    await this.#db.$executeRawUnsafe(
      'CREATE TEMP TABLE IF NOT EXISTS reading_kept (ts INTEGER, topic_id INTEGER, value REAL)',
    );
    const [keep, ...others] = CLEAR_ALL;
    await runAll(this.#db, [[keep, movedUntil], ...others.map((sql) => [sql] as const)]);
    return true;
  }

  async #clearSome(): Promise<boolean> {
    const started = performance.now();
    const count = await this.#db.$executeRawUnsafe(
      `DELETE FROM reading_recent WHERE ts < (SELECT value FROM upkeep WHERE name = 'moved_until')
AND ts <= coalesce((SELECT ts FROM reading_recent ORDER BY ts, topic_id LIMIT 1 OFFSET ?), 9e15)`,
      this.#cleared,
    );
    if (count === 0) return false;
    this.#cleared = nextStep(this.#cleared, performance.now() - started, MAX_CLEARED);
    return true;
  }

  async move(now: number): Promise<boolean> {
    const state = await this.#state();
    return state.movingUntil > state.movedUntil ? this.#copy(state) : this.#begin(state, now);
  }

  async #state(): Promise<{ movedUntil: number; movingUntil: number; topic: number }> {
    const rows = await this.#db.$queryRawUnsafe<{ name: string; value: bigint }[]>('SELECT name, value FROM upkeep');
    const values = new Map(rows.map(({ name, value }) => [name, Number(value)]));
    return {
      movedUntil: values.get('moved_until') ?? 0,
      movingUntil: values.get('moving_until') ?? 0,
      topic: values.get('move_topic') ?? 0,
    };
  }

  /** Takes up the oldest hour that has readings and is over. */
  async #begin({ movedUntil }: { movedUntil: number }, now: number): Promise<boolean> {
    const [oldest] = await this.#db.$queryRawUnsafe<{ ts: bigint | null }[]>(
      'SELECT min(ts) + 0 AS ts FROM reading_recent WHERE ts >= ?',
      movedUntil,
    );
    if (!oldest || oldest.ts === null) return false;
    const ts = Number(oldest.ts);
    if (ts - (ts % HOUR_MS) + HOUR_MS + GRACE_MS > now) return false;
    // Looked up again in the same transaction: another process may have written something older.
    await runAll(this.#db, [
      [
        `UPDATE upkeep SET value = (SELECT min(ts) - min(ts) % ${HOUR_MS} FROM reading_recent WHERE ts >= upkeep.value)
WHERE name = 'moved_until'`,
      ],
      [
        `UPDATE upkeep SET value = (SELECT value + ${HOUR_MS} FROM upkeep WHERE name = 'moved_until')
WHERE name = 'moving_until'`,
      ],
      [SET, 0, 'move_topic'],
    ]);
    return true;
  }

  async #copy(state: { movedUntil: number; movingUntil: number; topic: number }): Promise<boolean> {
    const { movedUntil, movingUntil, topic } = state;
    const last = (await topicIdsAfter(this.#db, topic, this.#copied)).at(-1);
    if (last === undefined) {
      const quarters = [0, 1, 2, 3].map((index) => movedUntil + index * BUCKET_MS);
      await runAll(this.#db, [
        [SET, movingUntil, 'moved_until'],
        [
          `INSERT INTO stale (meter_id, bucket) SELECT meter.id, quarter.value FROM meter, json_each(?) quarter
WHERE true ON CONFLICT DO NOTHING`,
          JSON.stringify(quarters),
        ],
      ]);
      return true;
    }
    const started = performance.now();
    await runAll(this.#db, [
      [COPY, movedUntil, movingUntil, topic, last],
      [SET, last, 'move_topic'],
    ]);
    this.#copied = nextStep(this.#copied, performance.now() - started, MAX_COPIED);
    return true;
  }
}

const byTopic = (table: string, time: string) => (topicIds: readonly number[], before: number, limit: number) =>
  [
    `DELETE FROM ${table} WHERE (topic_id, ${time}) IN (SELECT r.topic_id, r.${time} FROM json_each(?) t
CROSS JOIN ${table} r WHERE r.topic_id = t.value AND r.${time} < ? LIMIT ?)`,
    JSON.stringify(topicIds),
    before,
    limit,
  ] as const;

const byTime = (table: string, time: string, key: string) => (before: number, limit: number) =>
  [
    `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${time} < ? ORDER BY ${key} LIMIT ?)`,
    before,
    limit,
  ] as const;

const retentionSql: RetentionSql = {
  polls: byTime('poll', 'slot', 'slot, meter_id'),
  gaps: byTime('gap', 'ts', 'ts, meter_id, reason'),
  readings: byTopic('reading_history', 'ts'),
  rollups: byTopic('rollup', 'bucket'),
  tally: byTime('tally', 'hour', 'hour, meter_id, bucket, reason'),
  pruning: null,
};
