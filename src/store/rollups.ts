// Rollups of quarters that have got readings since they were last computed: the same four statements on every database.
// The quarters' rows in `stale` are held while their rollups are made, by the very statement with which writers mark
// them: a writer of the same quarter waits, and marks it anew; or it came first, and its readings are seen.

import { type Db, runAll } from './db.js';
import { BUCKET_MS } from './rows.js';
import type { Dialect } from './store.js';

/** A meter's quarter. */
export interface Quarter {
  readonly m: number;
  /** Its start, ms. */
  readonly b: number;
}

interface RollupSql {
  /** Columns m and b of some stale quarters that began at or before the first parameter, oldest first; second: how many. */
  readonly pick: string;
  /** One parameter each, JSON: Quarter[]. */
  readonly hold: string;
  readonly remove: string;
  readonly insert: string;
  readonly release: string;
}

/** Quarters in one step at first; grows and shrinks with the time that a step takes. */
const FIRST_STEP = 4;
const MAX_STEP = 400;

export class Rollups {
  readonly #db: Db;
  readonly #sql: RollupSql;
  #step = FIRST_STEP;

  constructor(db: Db, dialect: Dialect) {
    this.#db = db;
    this.#sql = rollupSql(dialect);
  }

  /** Rolls up some quarters that began at or before `until`; true: there may be more. */
  async step(until: number): Promise<boolean> {
    const rows = await this.#db.$queryRawUnsafe<{ m: number | bigint; b: number | bigint }[]>(
      this.#sql.pick,
      until,
      this.#step,
    );
    if (rows.length === 0) return false;
    const quarters: Quarter[] = rows.map(({ m, b }) => ({ m: Number(m), b: Number(b) }));
    const keys = JSON.stringify(quarters.sort((x, y) => x.b - y.b || x.m - y.m));
    const started = performance.now();
    await runAll(this.#db, [
      [this.#sql.hold, keys],
      [this.#sql.remove, keys],
      [this.#sql.insert, keys],
      [this.#sql.release, keys],
    ]);
    const full = rows.length === this.#step;
    this.#step = nextStep(this.#step, performance.now() - started, MAX_STEP);
    return full;
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

function insertRollups(parts: { quarters: string; reading: string; from: string; until: string }): string {
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
    SELECT v.topic_id, ${parts.from} AS bucket, v.ts, v.value AS c, t.kind, t.counter_range AS r,
      lag(v.value) OVER (PARTITION BY v.topic_id, q.b ORDER BY v.ts) AS p,
      lead(v.value) OVER (PARTITION BY v.topic_id, q.b ORDER BY v.ts) AS nx,
      count(*) OVER (PARTITION BY v.topic_id, q.b) AS n
    FROM ${parts.quarters}
    JOIN topic t ON t.meter_id = q.m
    JOIN ${parts.reading} v ON v.topic_id = t.id AND v.ts >= ${parts.from} AND v.ts < ${parts.until}
  ) steps
) outcomes
GROUP BY topic_id, bucket`;
}

function rollupSql(dialect: Dialect): RollupSql {
  switch (dialect) {
    case 'sqlite': {
      const quarters = `(SELECT value->>'m' AS m, value->>'b' AS b FROM json_each(?))`;
      return {
        // Only what lies in history, in order of topic: the newest hour would have to be read whole for every meter.
        pick: `SELECT meter_id AS m, bucket + 0 AS b FROM stale
WHERE bucket <= ?1 AND bucket < (SELECT value FROM upkeep WHERE name = 'moved_until') ORDER BY meter_id, bucket LIMIT ?2`,
        hold: `INSERT INTO stale (meter_id, bucket) SELECT m, b FROM ${quarters} WHERE true ON CONFLICT DO NOTHING`,
        remove: `DELETE FROM rollup WHERE (topic_id, bucket) IN (
  SELECT t.id, q.b FROM ${quarters} q JOIN topic t ON t.meter_id = q.m)`,
        insert: insertRollups({
          quarters: `${quarters} q`,
          reading: 'reading_history',
          from: 'q.b',
          until: `q.b + ${BUCKET_MS}`,
        }),
        release: `DELETE FROM stale WHERE (meter_id, bucket) IN (SELECT m, b FROM ${quarters})`,
      };
    }
    case 'postgresql': {
      const quarters =
        '(SELECT m, to_timestamp(b / 1000.0) AS b FROM json_to_recordset($1::json) AS q (m int, b bigint))';
      return {
        pick: `SELECT meter_id AS m, (extract(epoch FROM bucket) * 1000)::bigint AS b FROM stale
WHERE bucket <= to_timestamp($1::float8 / 1000) ORDER BY bucket, meter_id LIMIT $2::int`,
        hold: `INSERT INTO stale (meter_id, bucket) SELECT m, b FROM ${quarters} q
ON CONFLICT (meter_id, bucket) DO UPDATE SET bucket = excluded.bucket WHERE false`,
        remove: `DELETE FROM rollup USING ${quarters} q, topic t
WHERE t.meter_id = q.m AND rollup.topic_id = t.id AND rollup.bucket = q.b`,
        insert: insertRollups({
          quarters: `${quarters} q`,
          reading: 'reading',
          from: 'q.b',
          until: "q.b + INTERVAL '15 minutes'",
        }),
        release: `DELETE FROM stale USING ${quarters} q WHERE stale.meter_id = q.m AND stale.bucket = q.b`,
      };
    }
    case 'mysql': {
      const quarters = `(SELECT m, TIMESTAMPADD(MICROSECOND, b * 1000, '1970-01-01') AS b
  FROM JSON_TABLE(?, '$[*]' COLUMNS (m INT PATH '$.m', b BIGINT PATH '$.b')) j)`;
      return {
        pick: `SELECT meter_id AS m, CAST(ROUND(UNIX_TIMESTAMP(bucket) * 1000) AS SIGNED) AS b FROM stale
WHERE bucket <= TIMESTAMPADD(MICROSECOND, ? * 1000, '1970-01-01') ORDER BY bucket, meter_id LIMIT ?`,
        hold: `INSERT INTO stale (meter_id, bucket) SELECT q.m, q.b FROM ${quarters} q
WHERE true ON DUPLICATE KEY UPDATE meter_id = stale.meter_id`,
        remove: `DELETE rollup FROM ${quarters} q JOIN topic t ON t.meter_id = q.m
JOIN rollup ON rollup.topic_id = t.id AND rollup.bucket = q.b`,
        insert: insertRollups({
          quarters: `${quarters} q`,
          reading: 'reading',
          from: 'q.b',
          until: 'q.b + INTERVAL 15 MINUTE',
        }),
        release: `DELETE stale FROM ${quarters} q JOIN stale ON stale.meter_id = q.m AND stale.bucket = q.b`,
      };
    }
  }
}
