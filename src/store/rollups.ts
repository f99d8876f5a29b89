// Rollups of quarters that have got readings since they were last computed: the same statements on every database.
// The quarters' rows in `stale` are held while their rollups are made, by the very statement with which writers mark
// them: a writer of the same quarter waits, and marks it anew; or it came first, and its readings are seen. On the
// servers the quarters' polls and gaps are counted in the same transaction.

import { type Db, runAll, type Statement } from './db.js';
import { topicIdsOf } from './lookup.js';
import { BUCKET_MS } from './rows.js';
import type { Dialect } from './store.js';
import { countQuarters } from './tally.js';

/** A meter's quarter. */
export interface Quarter {
  readonly m: number;
  /** Its start, ms. */
  readonly b: number;
  /** 1: readings came. 0: its rollups stay as they are; they may hold readings that have been pruned. */
  readonly r: number;
}

/** With the number of the meter's topics, so that none is overlooked that appears meanwhile. */
interface QuarterOfTopics extends Quarter {
  readonly n: number;
}

interface RollupSql {
  /** Columns m, b and r of some stale quarters that began at or before the first parameter, oldest first; second: how many. */
  readonly pick: string;
  /** One parameter each, JSON: Quarter[]. */
  readonly hold: string;
  readonly remove: string;
  /** The same parameter; or a statement for each quarter, of these topics. */
  readonly insert: string | ((topicIds: readonly number[], from: number) => string);
  readonly release: string;
}

/**
 * Quarters in one step at first, and at least; grows and shrinks with the time that a step takes. On SQLite a meter's hour
 * becomes stale as one: its four rollups lie on the same page, which is written once or four times.
 */
const FIRST_STEP = 4;
const MAX_STEP = 512;

export class Rollups {
  readonly #db: Db;
  readonly #dialect: Dialect;
  readonly #sql: RollupSql;
  #step = FIRST_STEP;

  constructor(db: Db, dialect: Dialect) {
    this.#db = db;
    this.#dialect = dialect;
    this.#sql = rollupSql(dialect);
  }

  /** Rolls up and counts some quarters that began at or before `until`; true: there may be more. */
  async step(until: number): Promise<boolean> {
    const rows = await this.#db.$queryRawUnsafe<{ [name in 'm' | 'b' | 'r']: number | bigint }[]>(
      this.#sql.pick,
      until,
      this.#step,
    );
    if (rows.length === 0) return false;
    const quarters: Quarter[] = rows.map(({ m, b, r }) => ({ m: Number(m), b: Number(b), r: Number(r) }));
    quarters.sort((x, y) => x.b - y.b || x.m - y.m);
    const started = performance.now();
    const { keys, rollups } = await this.#rollups(quarters);
    const counts = this.#dialect === 'sqlite' ? [] : countQuarters(this.#dialect, quarters);
    await runAll(this.#db, [[this.#sql.hold, keys], ...rollups, ...counts, [this.#sql.release, keys]]);
    const full = rows.length === this.#step;
    this.#step = Math.max(FIRST_STEP, nextStep(this.#step, performance.now() - started, MAX_STEP));
    return full;
  }

  async #rollups(quarters: readonly Quarter[]): Promise<{ keys: string; rollups: Statement[] }> {
    const { remove, insert } = this.#sql;
    if (typeof insert === 'string') {
      const keys = JSON.stringify(quarters);
      return {
        keys,
        rollups: [
          [remove, keys],
          [insert, keys],
        ],
      };
    }
    const topics = await topicIdsOf(this.#db, new Set(quarters.map(({ m }) => m)));
    const counted = quarters.map((quarter): QuarterOfTopics => ({ ...quarter, n: topics.get(quarter.m)?.length ?? 0 }));
    const keys = JSON.stringify(counted);
    const read = counted.filter(({ r }) => r === 1);
    if (read.length === 0) return { keys, rollups: [] };
    const inserts = read.flatMap(({ m, b }): Statement[] => {
      const ids = topics.get(m) ?? [];
      return ids.length === 0 ? [] : [[insert(ids, b)]];
    });
    return { keys, rollups: [[remove, JSON.stringify(read)], ...inserts] };
  }
}

/** A step of upkeep may hold up a write for about this long. */
const STEP_MS = 40;

/** Twice as much where it went quickly, half as much where it took too long. */
export function nextStep(step: number, tookMs: number, max: number): number {
  if (tookMs > STEP_MS) return Math.max(1, Math.floor(step / 2));
  return tookMs < STEP_MS / 3 ? Math.min(max, step * 2) : step;
}

/** What a step from `p` to `c` is, for a counter of range `r`: see the view counter_quarter, which says the same. */
const OUTCOME = `CASE WHEN kind <> 'counter' OR p IS NULL THEN 'none' WHEN abs(p) > 1e290 OR abs(c) > 1e290 THEN 'extreme'
    WHEN c >= p AND c - p > r / 2 THEN 'jump' WHEN c >= p THEN 'forward'
    WHEN p - c > r / 2 THEN 'wrap' WHEN c >= 0 AND c < p / 2 THEN 'reset' ELSE 'backward' END`;

/**
 * Topics and quarter as constants, and readings first. Joined, MySQL would read a topic's readings from its very first one
 * on, and PostgreSQL look into every month, or into all rows where it has no statistics yet.
 */
const insertQuarter =
  (join: 'JOIN' | 'STRAIGHT_JOIN', time: (ms: number) => string) =>
  (topicIds: readonly number[], from: number): string =>
    insertFrom(
      time(from),
      `reading v ${join} topic t ON t.id = v.topic_id
    WHERE v.topic_id IN (${topicIds.join(',')}) AND v.ts >= ${time(from)} AND v.ts < ${time(from + BUCKET_MS)}`,
    );

// A quarter lies in history whole, where it is read by topic, or not at all. Then its slots are leapt to, and in each the
// topics whose ids follow one another are read as one: those of a meter, or of many.
const SQLITE_READINGS = `
WITH RECURSIVE moved (until) AS MATERIALIZED (SELECT value FROM upkeep WHERE name = 'moved_until'),
quarter (m, b) AS MATERIALIZED (SELECT value->>'m', value->>'b' FROM json_each(?1)),
stretch (b, first_id, last_id) AS MATERIALIZED (
  SELECT b, min(id), max(id)
  FROM (
    SELECT q.b, t.id, t.id - row_number() OVER (PARTITION BY q.b ORDER BY t.id) AS stretch
    FROM quarter q JOIN topic t ON t.meter_id = q.m WHERE q.b >= (SELECT until FROM moved)
  )
  GROUP BY b, stretch
),
slot (b, ts) AS (
  SELECT b, (SELECT min(ts) FROM reading_recent WHERE ts >= b) FROM (SELECT DISTINCT b FROM stretch)
  UNION ALL
  SELECT b, (SELECT min(ts) FROM reading_recent WHERE ts > slot.ts) FROM slot WHERE ts < b + ${BUCKET_MS}
),
found (topic_id, b, ts, value) AS (
  SELECT h.topic_id, q.b, h.ts, h.value
  FROM quarter q CROSS JOIN topic t ON t.meter_id = q.m
  CROSS JOIN reading_history h ON h.topic_id = t.id AND h.ts >= q.b AND h.ts < q.b + ${BUCKET_MS}
  WHERE q.b < (SELECT until FROM moved)
  UNION ALL
  SELECT r.topic_id, s.b, r.ts, r.value
  FROM slot s CROSS JOIN stretch x ON x.b = s.b
  CROSS JOIN reading_recent r ON r.ts = s.ts AND r.topic_id >= x.first_id AND r.topic_id <= x.last_id
  WHERE s.ts < s.b + ${BUCKET_MS}
)`;

/** `readings` has v (reading) and t (topic), `bucket` is made of it. */
function insertFrom(bucket: string, readings: string): string {
  return `
INSERT INTO rollup (topic_id, bucket, count, min, max, mean, first, last, first_ts, last_ts, increase, wraps, resets, suspect)
SELECT topic_id, bucket, count(*), min(c), max(c), sum(c / n),
  max(CASE WHEN p IS NULL THEN c END), max(CASE WHEN nx IS NULL THEN c END), min(ts), max(ts),
  sum(CASE outcome WHEN 'forward' THEN c - p WHEN 'wrap' THEN c + r - p WHEN 'reset' THEN c ELSE 0 END),
  sum(CASE outcome WHEN 'wrap' THEN 1 ELSE 0 END), sum(CASE outcome WHEN 'reset' THEN 1 ELSE 0 END),
  sum(CASE WHEN outcome IN ('extreme', 'jump', 'backward') THEN 1 ELSE 0 END)
FROM (
  SELECT topic_id, bucket, ts, c, p, nx, n, r, ${OUTCOME} AS outcome
  FROM (
    SELECT v.topic_id, ${bucket} AS bucket, v.ts, v.value AS c, t.kind, t.counter_range AS r,
      lag(v.value) OVER (PARTITION BY v.topic_id, ${bucket} ORDER BY v.ts) AS p,
      lead(v.value) OVER (PARTITION BY v.topic_id, ${bucket} ORDER BY v.ts) AS nx,
      count(*) OVER (PARTITION BY v.topic_id, ${bucket}) AS n
    FROM ${readings}
  ) steps
) outcomes
GROUP BY topic_id, bucket`;
}

function rollupSql(dialect: Dialect): RollupSql {
  switch (dialect) {
    case 'sqlite': {
      const quarters = `(SELECT value->>'m' AS m, value->>'b' AS b FROM json_each(?))`;
      return {
        // Only hours that are closed: readings of the others come all the time and mark nothing.
        pick: `SELECT meter_id AS m, bucket + 0 AS b, 1 AS r FROM stale
WHERE bucket <= ?1 AND bucket < (SELECT value FROM upkeep WHERE name = 'closed_until') ORDER BY meter_id, bucket LIMIT ?2`,
        hold: `INSERT INTO stale (meter_id, bucket) SELECT m, b FROM ${quarters} WHERE true ON CONFLICT DO NOTHING`,
        remove: `DELETE FROM rollup WHERE (topic_id, bucket) IN (
  SELECT t.id, q.b FROM ${quarters} q JOIN topic t ON t.meter_id = q.m)`,
        insert: `${SQLITE_READINGS}${insertFrom('v.b', 'found v CROSS JOIN topic t ON t.id = v.topic_id')}`,
        release: `DELETE FROM stale WHERE (meter_id, bucket) IN (SELECT m, b FROM ${quarters})`,
      };
    }
    case 'postgresql': {
      const quarters =
        '(SELECT m, n, r, to_timestamp(b / 1000.0) AS b FROM json_to_recordset($1::json) AS q (m int, b bigint, n int, r int))';
      return {
        pick: `SELECT meter_id AS m, (extract(epoch FROM bucket) * 1000)::bigint AS b, readings AS r FROM stale
WHERE bucket <= to_timestamp($1::float8 / 1000) ORDER BY bucket, meter_id LIMIT $2::int`,
        hold: `INSERT INTO stale (meter_id, bucket, readings) SELECT m, b, r FROM ${quarters} q
ON CONFLICT (meter_id, bucket) DO UPDATE SET bucket = excluded.bucket WHERE false`,
        remove: `DELETE FROM rollup USING ${quarters} q, topic t
WHERE t.meter_id = q.m AND rollup.topic_id = t.id AND rollup.bucket = q.b`,
        insert: insertQuarter('JOIN', (ms) => `to_timestamp(${ms / 1_000})`),
        release: `DELETE FROM stale USING ${quarters} q WHERE stale.meter_id = q.m AND stale.bucket = q.b
AND (stale.readings = 0 OR q.r = 1 AND q.n = (SELECT count(*) FROM topic t WHERE t.meter_id = q.m))`,
      };
    }
    case 'mysql': {
      const quarters = `(SELECT m, n, r, TIMESTAMPADD(MICROSECOND, b * 1000, '1970-01-01') AS b
  FROM JSON_TABLE(?, '$[*]' COLUMNS (m INT PATH '$.m', b BIGINT PATH '$.b', n INT PATH '$.n', r INT PATH '$.r')) j)`;
      return {
        pick: `SELECT meter_id AS m, CAST(ROUND(UNIX_TIMESTAMP(bucket) * 1000) AS SIGNED) AS b, readings AS r FROM stale
WHERE bucket <= TIMESTAMPADD(MICROSECOND, ? * 1000, '1970-01-01') ORDER BY bucket, meter_id LIMIT ?`,
        hold: `INSERT INTO stale (meter_id, bucket, readings) SELECT q.m, q.b, q.r FROM ${quarters} q
WHERE true ON DUPLICATE KEY UPDATE meter_id = stale.meter_id`,
        remove: `DELETE rollup FROM ${quarters} q JOIN topic t ON t.meter_id = q.m
JOIN rollup ON rollup.topic_id = t.id AND rollup.bucket = q.b`,
        insert: insertQuarter('STRAIGHT_JOIN', (ms) => `TIMESTAMPADD(MICROSECOND, ${ms * 1_000}, '1970-01-01')`),
        release: `DELETE stale FROM ${quarters} q JOIN stale ON stale.meter_id = q.m AND stale.bucket = q.b
WHERE stale.readings = 0 OR q.r = 1 AND q.n = (SELECT count(*) FROM topic t WHERE t.meter_id = q.m)`,
      };
    }
  }
}
