// Queries for data quality. Coverage comes from the counted quarters of an hour; the panels about single polls read the polls
// of all meters, in the range only: a year of them, at one every 15 seconds and meter, takes its time.

import type { Sql } from './dialect.js';
import { METER_IDS } from './metrics.js';
import { idsOf } from './series.js';

const METERS = `IN (${idsOf(METER_IDS)})`;

/** Condition on coverage_quarter c: of the chosen meters, begun in the range. */
const inRange = (sql: Sql): string => `c.meter_id ${METERS} AND ${sql.inRange('c.bucket')}`;

const STORED = "sum(CASE WHEN c.reason = '' THEN c.readings ELSE 0 END)";
const PERCENT = `100e0 * ${STORED} / nullif(sum(c.readings), 0)`;

/** Columns name, expected, stored, missing, coverage (percent). */
export function coverageByMeter(sql: Sql): string {
  return `SELECT m.name AS name, sum(c.readings) AS expected, ${STORED} AS stored,
  sum(c.readings) - ${STORED} AS missing, ${PERCENT} AS coverage
FROM coverage_quarter c JOIN meter m ON m.id = c.meter_id
WHERE ${inRange(sql)}
GROUP BY m.name
ORDER BY coverage, name`;
}

/** Columns time, metric (the meter), value (percent), an interval (an hour at least) a point. */
export function coverageOverTime(sql: Sql): string {
  return `SELECT ${sql.grouped('c.bucket')} AS time, m.name AS metric, ${PERCENT} AS value
FROM coverage_quarter c JOIN meter m ON m.id = c.meter_id
WHERE ${inRange(sql)}
GROUP BY 1, 2
ORDER BY 1`;
}

/** Columns time, metric (the reason), value (readings). */
export function missingOverTime(sql: Sql): string {
  return `SELECT ${sql.grouped('c.bucket')} AS time, c.reason AS metric, 1e0 * sum(c.readings) AS value
${missing(sql)}
GROUP BY 1, 2
ORDER BY 1`;
}

/** Columns name, reason, readings, slots. */
export function missingByReason(sql: Sql): string {
  return `SELECT m.name AS name, c.reason AS reason, sum(c.readings) AS readings, sum(c.slots) AS slots
${missing(sql)}
GROUP BY m.name, c.reason
ORDER BY readings DESC`;
}

/** Columns time, metric (meter and why), value: slots without a poll, since the collector was late, was not running, or could not keep what it read. */
export function lostSlots(sql: Sql): string {
  const label = sql.name === 'mysql' ? "concat(m.name, ' ', c.reason)" : "m.name || ' ' || c.reason";
  return `SELECT ${sql.grouped('c.bucket')} AS time, ${label} AS metric, 1e0 * sum(c.slots) AS value
${missing(sql)} AND c.reason IN ('missed', 'down', 'lost')
GROUP BY 1, 2
ORDER BY 1`;
}

const missing = (sql: Sql): string => `FROM coverage_quarter c JOIN meter m ON m.id = c.meter_id
WHERE ${inRange(sql)} AND c.reason <> ''`;

/** Columns time, metric (the meter), value: of the polls in each interval. */
export function pollsOverTime(sql: Sql, value: string): string {
  return `SELECT s.time AS time, m.name AS metric, s.value AS value
FROM (
  SELECT ${sql.grouped('p.slot')} AS time, p.meter_id, ${value} AS value
  FROM poll p WHERE p.meter_id ${METERS} AND ${sql.inRange('p.slot')}
  GROUP BY 1, 2
) s JOIN meter m ON m.id = s.meter_id
ORDER BY 1`;
}

/** Milliseconds of one request and its answer, on average. */
export const roundTrip = '1e0 * sum(p.duration_ms) / nullif(sum(p.requests), 0)';
export const longestPoll = '1e0 * max(p.duration_ms)';
/** Seconds from a poll's slot to its first request, at most. */
export const latest = (sql: Sql): string => `1e0 * max(${sql.seconds('p.read_at')} - ${sql.seconds('p.slot')})`;

/** Columns name, host, state, age (seconds since its newest reading), what its last poll brought and said. */
export function meterStates(sql: Sql): string {
  return `SELECT m.name AS name, m.host AS host,
  CASE WHEN l.age IS NULL THEN 'silent' WHEN p.stored IS NULL THEN 'no poll' WHEN p.stored = 0 THEN 'down'
    WHEN p.stored < p.expected THEN 'incomplete' ELSE 'ok' END AS state,
  l.age AS age, p.stored AS stored, p.expected AS expected, p.duration_ms AS duration, p.requests AS requests, p.error AS error
FROM meter m
LEFT JOIN (SELECT meter, min(age_seconds) AS age FROM latest_measurement GROUP BY meter) l ON l.meter = m.name
LEFT JOIN (
  SELECT meter_id, max(slot) AS slot FROM poll WHERE meter_id ${METERS} AND slot > ${sql.plus(sql.now, -60)} GROUP BY meter_id
) n ON n.meter_id = m.id
LEFT JOIN poll p ON p.slot = n.slot AND p.meter_id = n.meter_id
WHERE m.id ${METERS}
ORDER BY m.name`;
}
