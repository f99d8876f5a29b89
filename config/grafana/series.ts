// Queries for values over time and for energy. Short ranges are drawn from readings, long ones from the 15-minute rollups,
// and the newest hours, of which there are no rollups yet, always from readings. A gap is drawn as a gap.
//
// Topics come as a list of ids from a hidden variable and not by a join: MySQL and MariaDB read a joined topic's whole
// history, whatever the range, and a listed topic's range only.

import type { Sql } from './dialect.js';
import { toBaseUnit } from './metrics.js';

/** Ranges up to here are drawn from readings: some 60,000 of them per topic at one a second and 1,000 points. */
const READINGS_UP_TO_S = 2 * 86_400;

/** Rollups are made of hours that are over: of what is older than this, there are some. */
const ROLLUP_LAG_MINUTES = 180;
const DAY_MINUTES = 1_440;

/** Longer gaps between points are drawn as gaps, even where every point is a quarter of an hour. */
export const GAP_S = 900;

export const idsOf = (variable: string): string => `\${${variable}:csv}`;

/** Columns time, metric (the series' name), value. `label` is made of t (topic) and m (meter). */
export function valuesOverTime(sql: Sql, options: { variable: string; label: string }): string {
  return `WITH points AS (
  SELECT ${sql.grouped('at')} AS time, topic_id, sum(total) / sum(n) AS value
  FROM (
${weighted(sql, idsOf(options.variable))}
  ) parts
  GROUP BY 1, 2
)
${withGaps(sql, options.label)}`;
}

/** Columns at, topic_id, total, n: readings, or rollups where the range is long. */
function weighted(sql: Sql, ids: string): string {
  const newestRollup = `(SELECT max(b.bucket) FROM rollup b WHERE b.topic_id IN (${ids}) AND b.bucket > ${sql.plus(sql.now, -DAY_MINUTES)})`;
  const lag = sql.plus(sql.now, -ROLLUP_LAG_MINUTES);
  return `    SELECT r.ts AS at, r.topic_id, r.value AS total, 1 AS n FROM reading r
    WHERE r.topic_id IN (${ids}) AND ${sql.inRange('r.ts')} AND ${sql.rangeSeconds} <= ${READINGS_UP_TO_S}
    UNION ALL
    SELECT b.bucket, b.topic_id, b.mean * b.count, b.count FROM rollup b
    WHERE b.topic_id IN (${ids}) AND ${sql.inRange('b.bucket')} AND ${sql.rangeSeconds} > ${READINGS_UP_TO_S}
    UNION ALL
    SELECT r.ts, r.topic_id, r.value, 1 FROM reading r
    WHERE r.topic_id IN (${ids}) AND ${sql.inRange('r.ts')} AND r.ts > ${lag} AND ${sql.rangeSeconds} > ${READINGS_UP_TO_S}
      AND r.ts >= coalesce(${sql.plus(newestRollup, 15)}, ${lag})`;
}

/** From points (time, topic_id, value): one row without a value in each gap, so that no line is drawn across it. */
function withGaps(sql: Sql, label: string): string {
  const step = sql.intervalSeconds;
  return `, steps AS (
  SELECT time, topic_id, value, lag(time) OVER (PARTITION BY topic_id ORDER BY time) AS earlier FROM points
)
SELECT s.time AS time, ${label} AS metric, s.value * ${toBaseUnit('t.unit')} AS value
FROM (
  SELECT time, topic_id, value FROM steps
  UNION ALL
  SELECT earlier + ${step}, topic_id, NULL FROM steps WHERE time - earlier > ${GAP_S} AND time - earlier > 2 * ${step}
) s JOIN topic t ON t.id = s.topic_id JOIN meter m ON m.id = t.meter_id
ORDER BY 1`;
}

/** Columns time, metric, value: what the counters ran forward in each interval. */
export function energyOverTime(sql: Sql, options: { variable: string; label: string }): string {
  const ids = idsOf(options.variable);
  return `SELECT e.time AS time, ${options.label} AS metric, e.consumption * ${toBaseUnit('t.unit')} AS value
FROM (
  SELECT ${sql.grouped('q.time')} AS time, q.topic_id, sum(q.consumption) AS consumption
  FROM counter_quarter q WHERE q.topic_id IN (${ids}) AND ${sql.inRange('q.time')}
  GROUP BY 1, 2
) e JOIN topic t ON t.id = e.topic_id JOIN meter m ON m.id = t.meter_id
ORDER BY 1`;
}

/**
 * Columns name and value: what each counter ran forward in the range, up to its newest reading. Where the newest quarters
 * have no rollup yet, the last step is counted only if it is plainly forward.
 */
export function energyInRange(sql: Sql, options: { variable: string; label: string }): string {
  const ids = idsOf(options.variable);
  const quarter = `(SELECT ${sql.plus('b.bucket', 15)} FROM rollup b WHERE b.topic_id = t.id AND b.bucket < ${sql.to} ORDER BY b.bucket DESC LIMIT 1)`;
  return `WITH counted AS (
  SELECT q.topic_id, sum(q.consumption) AS consumption FROM counter_quarter q
  WHERE q.topic_id IN (${ids}) AND q.time >= ${sql.from} AND q.time < ${sql.to}
  GROUP BY q.topic_id
), open_end AS (
  SELECT t.id, t.counter_range, ${sql.greatest(`coalesce(${quarter}, ${sql.from})`, sql.from)} AS since
  FROM topic t WHERE t.id IN (${ids}) AND ${sql.to} > ${sql.plus(sql.now, -ROLLUP_LAG_MINUTES)}
), newest AS (
  SELECT o.id, o.counter_range, ${sql.newestValue('o.id', '< o.since')} AS start_value, ${sql.newestValue('o.id', `<= ${sql.to}`)} AS end_value
  FROM open_end o
)
SELECT ${options.label} AS name, (coalesce(c.consumption, 0e0) + CASE
  WHEN n.end_value >= n.start_value AND (n.counter_range IS NULL OR n.end_value - n.start_value <= n.counter_range / 2) THEN n.end_value - n.start_value
  ELSE 0e0 END) * ${toBaseUnit('t.unit')} AS value
FROM topic t JOIN meter m ON m.id = t.meter_id
LEFT JOIN counted c ON c.topic_id = t.id LEFT JOIN newest n ON n.id = t.id
WHERE t.id IN (${ids}) AND (c.topic_id IS NOT NULL OR n.end_value IS NOT NULL)
ORDER BY 1`;
}

/** Columns time and value: mean power of all chosen meters together, highest quarter of an hour in each interval. */
export function siteDemand(sql: Sql, variable: string): string {
  return `SELECT ${sql.grouped('d.bucket')} AS time, max(d.demand) AS value
FROM (
  SELECT b.bucket, sum(b.mean * ${toBaseUnit('t.unit')}) AS demand
  FROM rollup b JOIN topic t ON t.id = b.topic_id
  WHERE b.topic_id IN (${idsOf(variable)}) AND ${sql.inRange('b.bucket')}
  GROUP BY b.bucket
) d
GROUP BY 1
ORDER BY 1`;
}

/** Columns name, time and value: each meter's quarter of an hour with the highest mean power, and that of all together. */
export function peakDemand(sql: Sql, variable: string): string {
  return `WITH demand AS (
  SELECT b.bucket, m.name, b.mean * ${toBaseUnit('t.unit')} AS value
  FROM rollup b JOIN topic t ON t.id = b.topic_id JOIN meter m ON m.id = t.meter_id
  WHERE b.topic_id IN (${idsOf(variable)}) AND ${sql.inRange('b.bucket')}
), ranked AS (
  SELECT name, bucket, value, row_number() OVER (PARTITION BY name ORDER BY value DESC, bucket) AS place
  FROM (
    SELECT name, bucket, value FROM demand
    UNION ALL
    SELECT 'all together', bucket, sum(value) FROM demand GROUP BY bucket
  ) d
)
SELECT name, ${sql.seconds('bucket')} * 1000 AS at, value FROM ranked WHERE place = 1 ORDER BY value DESC`;
}

/** Columns time and value: mean power of all chosen meters together, hour by hour. */
export function hourlyPower(sql: Sql, variable: string): string {
  return `SELECT h.time AS time, sum(h.power) AS value
FROM (
  SELECT ${sql.hour('b.bucket')} AS time, b.topic_id, sum(b.mean * b.count) / sum(b.count) * max(${toBaseUnit('t.unit')}) AS power
  FROM rollup b JOIN topic t ON t.id = b.topic_id
  WHERE b.topic_id IN (${idsOf(variable)}) AND ${sql.inRange('b.bucket')}
  GROUP BY 1, 2
) h
GROUP BY 1
ORDER BY 1`;
}
