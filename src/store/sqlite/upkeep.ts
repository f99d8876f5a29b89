// Upkeep of the embedded database: has the rollups of an hour made when it is over, moves the readings of some hours at
// once from the order of time into the order of topics, has polls counted, and forgets what is too old. Each step is one
// short transaction that leaves the database right; a process killed between two of them goes on where it was.

import type { Upkeep } from '../backend.js';
import { type Db, runAll } from '../db.js';
import { topicIdsAfter } from '../lookup.js';
import { nextStep, Rollups } from '../rollups.js';
import { BUCKET_MS } from '../rows.js';
import { GRACE_MS, Pruner, type Retention, type RetentionSql } from '../upkeep.js';
import { SqliteTally } from './tally.js';

const HOUR_MS = 3_600_000;

/**
 * What is moved at once, counted from midnight UTC. The ends of a topic's stretch cost some blocks of the device whatever
 * its length, and what has not been moved is read by leaps. One, two and three hours: 270, 225 and 207 bytes per reading
 * of 2,100 topics every 10 s after 38 hours (with two it stays at 232 from 56 hours on); a topic's day just before a move
 * is read in 1.15, 1.7 and 1.95 times the time that a table in topic order takes.
 */
const MOVED_MS = 2 * HOUR_MS;

/** Rows of the newest hours that are deleted at once, after they have been moved. */
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
    (await mover.closeHour(now)) ||
    (await rollups.step(now)) ||
    (await mover.move(now)) ||
    (await tally.step(now)) ||
    (await pruner.step(now));
}

const SET = 'UPDATE upkeep SET value = ? WHERE name = ?';

// Quarters with readings up to ?1 that have not been marked yet: from now on whoever writes into them marks them.
const MARK = `
WITH RECURSIVE quarter (bucket) AS (
  SELECT min(ts) - min(ts) % ${BUCKET_MS} FROM reading_recent
  WHERE ts >= (SELECT value FROM upkeep WHERE name = 'closed_until')
  UNION ALL
  SELECT (SELECT min(ts) - min(ts) % ${BUCKET_MS} FROM reading_recent WHERE ts >= bucket + ${BUCKET_MS})
  FROM quarter WHERE bucket < ?1
)
INSERT INTO stale (meter_id, bucket) SELECT meter.id, bucket FROM quarter CROSS JOIN meter WHERE bucket < ?1
ON CONFLICT DO NOTHING`;
const CLOSE = "UPDATE upkeep SET value = max(value, ?) WHERE name = 'closed_until'";

// From time to time, not from row to row: the other topics are leapt over.
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

// A row that is deleted has its page written, even one that is given up with its last row: as many bytes as the readings
// take once more. A table that is emptied gives up its pages unwritten, so the few rows that are needed step aside meanwhile.
const CLEAR_ALL = [
  'INSERT INTO temp.reading_kept SELECT ts, topic_id, value FROM reading_recent WHERE ts >= ?',
  'DELETE FROM reading_recent',
  'INSERT INTO reading_recent (ts, topic_id, value) SELECT ts, topic_id, value FROM temp.reading_kept',
  'DELETE FROM temp.reading_kept',
] as const;

/** See the migrations init and blocks. */
interface State {
  readonly closedUntil: number;
  readonly movedUntil: number;
  readonly movingUntil: number;
  readonly topic: number;
}

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
    const [oldest] = await this.#rows<{ ts: bigint | null }>('SELECT min(ts) + 0 AS ts FROM reading_recent');
    if (!oldest || oldest.ts === null || Number(oldest.ts) >= movedUntil) return false;
    const [found] = await this.#rows<{ kept: bigint }>(
      `SELECT count(*) AS kept FROM (SELECT 1 FROM reading_recent WHERE ts >= ? LIMIT ${MAX_KEPT + 1})`,
      movedUntil,
    );
    if (Number(found?.kept) > MAX_KEPT) return this.#clearSome();
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

  /** Has the rollups made of the oldest hour that has readings and is over. */
  async closeHour(now: number): Promise<boolean> {
    const { closedUntil } = await this.#state();
    const end = await this.#endOfOldest(closedUntil, HOUR_MS);
    if (end + GRACE_MS > now) return false;
    await runAll(this.#db, [
      [MARK, end],
      [CLOSE, end],
    ]);
    return true;
  }

  /** Moves on with hours that are over. */
  async move(now: number): Promise<boolean> {
    const state = await this.#state();
    return state.movingUntil > state.movedUntil ? this.#copy(state) : this.#begin(state, now);
  }

  async #state(): Promise<State> {
    const rows = await this.#rows<{ name: string; value: bigint }>('SELECT name, value FROM upkeep');
    const values = new Map(rows.map(({ name, value }) => [name, Number(value)]));
    return {
      closedUntil: values.get('closed_until') ?? 0,
      movedUntil: values.get('moved_until') ?? 0,
      movingUntil: values.get('moving_until') ?? 0,
      topic: values.get('move_topic') ?? 0,
    };
  }

  /** Infinity: there is no reading from `from` on. */
  async #endOfOldest(from: number, lengthMs: number): Promise<number> {
    const [oldest] = await this.#rows<{ ts: bigint | null }>(
      'SELECT min(ts) + 0 AS ts FROM reading_recent WHERE ts >= ?',
      from,
    );
    if (!oldest || oldest.ts === null) return Number.POSITIVE_INFINITY;
    const ts = Number(oldest.ts);
    return ts - (ts % lengthMs) + lengthMs;
  }

  #rows<T>(sql: string, ...parameters: unknown[]): Promise<T[]> {
    return this.#db.$queryRawUnsafe<T[]>(sql, ...parameters);
  }

  async #begin({ movedUntil }: State, now: number): Promise<boolean> {
    const end = await this.#endOfOldest(movedUntil, MOVED_MS);
    if (end + GRACE_MS > now) return false;
    // Looked up again in the same transaction: another process may have written something older. Never back: what has
    // been moved before, an hour at a time by an earlier version, stays moved.
    await runAll(this.#db, [
      [
        `UPDATE upkeep SET value = max(value,
  (SELECT min(ts) - min(ts) % ${MOVED_MS} FROM reading_recent WHERE ts >= upkeep.value)) WHERE name = 'moved_until'`,
      ],
      [
        `UPDATE upkeep SET value = (SELECT value - value % ${MOVED_MS} + ${MOVED_MS} FROM upkeep WHERE name = 'moved_until')
WHERE name = 'moving_until'`,
      ],
      [SET, 0, 'move_topic'],
      // What another process has written since the last hour was closed, or nothing.
      [MARK, end],
      [CLOSE, end],
    ]);
    return true;
  }

  async #copy({ movedUntil, movingUntil, topic }: State): Promise<boolean> {
    const last = (await topicIdsAfter(this.#db, topic, this.#copied)).at(-1);
    if (last === undefined) {
      await runAll(this.#db, [[SET, movingUntil, 'moved_until']]);
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
