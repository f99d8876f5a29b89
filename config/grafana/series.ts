// Queries for values over time and for energy. Short ranges are drawn from readings, long ones from the 15-minute rollups,
// and the newest hours, of which there are no rollups yet, always from readings. A gap is drawn as a gap.
//
// Meters and topics come as lists of ids from hidden variables and not by a join: MySQL and MariaDB read a joined topic's
// whole history, whatever the range, and a listed topic's range only.

import type { Sql } from './dialect.js';
import { METER_IDS, toBaseUnit } from './metrics.js';

/** Ranges up to here are drawn from readings: some 60,000 of them per topic at one a second and 1,000 points. */
const READINGS_UP_TO_S = 2 * 86_400;

/** What is older than this has rollups (SQLite makes them at most an hour late). */
export const ROLLUP_LAG_MINUTES = 180;

const LONGEST_DAY_MINUTES = 25 * 60;

/** Longer gaps between points are drawn as gaps, even where every point is a quarter of an hour. */
export const GAP_S = 900;

export const idsOf = (variable: string): string => `\${${variable}:csv}`;

/** Condition on rollups r: of the chosen meters and the listed topics. */
const ofTopics = (variable: string): string =>
  `r.meter_id IN (${idsOf(METER_IDS)}) AND r.topic_id IN (${idsOf(variable)})`;

const TOPICS = 'JOIN topic t ON t.id = r.topic_id JOIN meter m ON m.id = t.meter_id';

/** Columns time, metric (the series' name), value. `label` is made of t (topic) and m (meter). */
export function valuesOverTime(sql: Sql, options: { variable: string; label: string }): string {
  return `WITH points AS (
  SELECT ${sql.grouped('at')} AS time, topic_id, sum(total) / sum(n) AS value
  FROM (
${weighted(sql, options.variable)}
  ) parts
  GROUP BY 1, 2
)
${withGaps(sql, options.label)}`;
}

/** Columns at, topic_id, total, n: readings, or rollups where the range is long. */
function weighted(sql: Sql, variable: string): string {
  const lag = sql.plus(sql.now, -ROLLUP_LAG_MINUTES);
  const newestRollup = `(SELECT max(r.bucket) FROM rollup r WHERE ${ofTopics(variable)} AND r.bucket > ${lag})`;
  const polls = `SELECT p.slot AS at, t.id AS topic_id, ${sql.reading} AS total, 1 AS n
    FROM poll p ${sql.join} topic t ON t.meter_id = p.meter_id AND t.id IN (${idsOf(variable)})
    WHERE p.meter_id IN (${idsOf(METER_IDS)}) AND ${sql.inRange('p.slot')} AND ${sql.reading} IS NOT NULL`;
  return `    ${polls} AND ${sql.rangeSeconds} <= ${READINGS_UP_TO_S}
    UNION ALL
    SELECT r.bucket, r.topic_id, r.mean * r.count, r.count FROM rollup r
    WHERE ${ofTopics(variable)} AND ${sql.inRange('r.bucket')} AND ${sql.rangeSeconds} > ${READINGS_UP_TO_S}
    UNION ALL
    ${polls} AND ${sql.rangeSeconds} > ${READINGS_UP_TO_S}
      AND p.slot > ${lag} AND p.slot >= coalesce(${sql.plus(newestRollup, 15)}, ${lag})`;
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
  return `SELECT e.time AS time, ${options.label} AS metric, e.consumption * ${toBaseUnit('t.unit')} AS value
FROM (
  SELECT ${sql.grouped('r.bucket')} AS time, r.topic_id, sum(r.increase) AS consumption
  FROM rollup r WHERE ${ofTopics(options.variable)} AND ${sql.inRange('r.bucket')}
  GROUP BY 1, 2
) e JOIN topic t ON t.id = e.topic_id JOIN meter m ON m.id = t.meter_id
ORDER BY 1`;
}

/** Columns time, metric, value: what the counters ran forward on each day of the site's calendar that lies in the range, if only in part. */
export function energyByDay(sql: Sql, options: { variable: string; label: string }): string {
  return `SELECT ${sql.seconds('e.starts')} AS time, ${options.label} AS metric, e.consumption * ${toBaseUnit('t.unit')} AS value
FROM (
  SELECT c.starts, r.topic_id, sum(r.increase) AS consumption
  FROM calendar c JOIN rollup r ON r.bucket >= c.starts AND r.bucket < c.ends
  WHERE ${ofTopics(options.variable)} AND r.bucket > ${sql.plus(sql.from, -LONGEST_DAY_MINUTES)}
    AND c.ends > ${sql.from} AND c.starts <= ${sql.to}
  GROUP BY c.starts, r.topic_id
) e JOIN topic t ON t.id = e.topic_id JOIN meter m ON m.id = t.meter_id
ORDER BY 1`;
}

/**
 * Columns name and value: what each counter ran forward in the range, up to its newest reading. Where the newest quarters
 * have no rollup yet, the last step is counted only if it is plainly forward.
 */
export function energyInRange(sql: Sql, options: { variable: string; label: string }): string {
  const ids = idsOf(options.variable);
  const quarter = `(SELECT ${sql.plus('r.bucket', 15)} FROM rollup r WHERE r.meter_id = t.meter_id AND r.topic_id = t.id AND r.bucket < ${sql.to} ORDER BY r.bucket DESC LIMIT 1)`;
  const newest = (before: string) => `(SELECT ${sql.reading} FROM poll p
      WHERE p.meter_id = t.meter_id AND p.slot ${before} AND p.slot > ${sql.plus('t.opened', -60)} AND ${sql.reading} IS NOT NULL
      ORDER BY p.slot DESC LIMIT 1)`;
  return `WITH counted AS (
  SELECT r.topic_id, sum(r.increase) AS consumption FROM rollup r
  WHERE ${ofTopics(options.variable)} AND r.bucket >= ${sql.from} AND r.bucket < ${sql.to}
  GROUP BY r.topic_id
), open_end AS (
  SELECT t.id, t.meter_id, t.position, t.counter_range, ${sql.greatest(`coalesce(${quarter}, ${sql.from})`, sql.from)} AS opened
  FROM topic t WHERE t.id IN (${ids}) AND ${sql.to} > ${sql.plus(sql.now, -ROLLUP_LAG_MINUTES)}
), newest AS (
  SELECT t.id, t.counter_range, ${newest('< t.opened')} AS start_value, ${newest(`<= ${sql.to}`)} AS end_value
  FROM open_end t
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
  SELECT r.bucket, sum(r.mean * ${toBaseUnit('t.unit')}) AS demand
  FROM rollup r JOIN topic t ON t.id = r.topic_id
  WHERE ${ofTopics(variable)} AND ${sql.inRange('r.bucket')}
  GROUP BY r.bucket
) d
GROUP BY 1
ORDER BY 1`;
}

/** Columns name, time and value: each meter's quarter of an hour with the highest mean power, and that of all together. */
export function peakDemand(sql: Sql, variable: string): string {
  return `WITH demand AS (
  SELECT r.bucket, m.name, r.mean * ${toBaseUnit('t.unit')} AS value
  FROM rollup r ${TOPICS}
  WHERE ${ofTopics(variable)} AND ${sql.inRange('r.bucket')}
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
  SELECT ${sql.hour('r.bucket')} AS time, r.topic_id, sum(r.mean * r.count) / sum(r.count) * max(${toBaseUnit('t.unit')}) AS power
  FROM rollup r JOIN topic t ON t.id = r.topic_id
  WHERE ${ofTopics(variable)} AND ${sql.inRange('r.bucket')}
  GROUP BY 1, 2
) h
GROUP BY 1
ORDER BY 1`;
}
