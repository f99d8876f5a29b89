// Queries for data quality. Coverage comes from the counted quarters of an hour; the panels about single polls read the polls
// of all meters, in the range only: a year of them, at one every 15 seconds and meter, takes its time.

import type { Sql } from './dialect.js';

/** Condition on coverage_quarter: it began in the range. By the hour first, which is its key. */
const quarterInRange = (sql: Sql): string =>
  `c.hour >= ${sql.plus(sql.from, -60)} AND c.hour <= ${sql.to} AND ${sql.inRange('c.bucket')}`;

/** Readings expected and stored: summed up before names are looked up. */
function counted(sql: Sql, time: string): string {
  return `  SELECT ${time} AS time, c.meter_id, sum(c.expected) AS expected, sum(c.stored) AS stored
  FROM coverage_quarter c WHERE ${quarterInRange(sql)} GROUP BY 1, 2`;
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own
const METERS = 'm.name IN (${meter:sqlstring})';
const PERCENT = '100e0 * sum(c.stored) / nullif(sum(c.expected), 0)';

/** Columns name, expected, stored, missing, coverage (percent). */
export function coverageByMeter(sql: Sql): string {
  return `SELECT m.name AS name, sum(c.expected) AS expected, sum(c.stored) AS stored,
  sum(c.expected) - sum(c.stored) AS missing, ${PERCENT} AS coverage
FROM (
${counted(sql, 'NULL')}
) c JOIN meter m ON m.id = c.meter_id
WHERE ${METERS}
GROUP BY m.name
ORDER BY coverage, name`;
}

/** Columns time, metric (the meter), value (percent), an interval (an hour at least) a point. */
export function coverageOverTime(sql: Sql): string {
  return `SELECT c.time AS time, m.name AS metric, ${PERCENT} AS value
FROM (
${counted(sql, sql.grouped('c.hour'))}
) c JOIN meter m ON m.id = c.meter_id
WHERE ${METERS}
GROUP BY c.time, m.name
ORDER BY 1`;
}

/** Columns time, metric (the reason), value (readings). */
export function missingOverTime(sql: Sql): string {
  return `SELECT ${sql.grouped('c.hour')} AS time, c.reason AS metric, 1e0 * sum(c.readings) AS value
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
  return `SELECT ${sql.grouped('c.hour')} AS time, ${label} AS metric, 1e0 * sum(c.slots) AS value
${missing(sql)} AND c.reason IN ('missed', 'down', 'lost')
GROUP BY 1, 2
ORDER BY 1`;
}

const missing = (sql: Sql): string => `FROM coverage_quarter c JOIN meter m ON m.id = c.meter_id
WHERE ${quarterInRange(sql)} AND c.reason <> '' AND ${METERS}`;

/** Columns time, metric (the meter), value: of the polls in each interval. */
export function pollsOverTime(sql: Sql, value: string): string {
  return `SELECT c.time AS time, m.name AS metric, c.value AS value
FROM (
  SELECT ${sql.grouped('p.slot')} AS time, p.meter_id, ${value} AS value
  FROM poll p WHERE ${sql.inRange('p.slot')}
  GROUP BY 1, 2
) c JOIN meter m ON m.id = c.meter_id
WHERE ${METERS}
ORDER BY 1`;
}

/** Milliseconds of one request and its answer, on average. */
export const roundTrip = '1e0 * sum(p.duration_ms) / nullif(sum(p.requests), 0)';
export const longestPoll = '1e0 * max(p.duration_ms)';
/** Seconds from a poll's slot to its first request, at most. */
export const latest = (sql: Sql): string => `1e0 * max(${sql.seconds('p.read_at')} - ${sql.seconds('p.slot')})`;

/** Columns name, host, state, age (seconds since its newest reading), what its last poll brought and said. */
export function meterStates(sql: Sql): string {
  const age = `${sql.seconds(sql.now)} - ${sql.seconds('l.newest')}`;
  return `SELECT m.name AS name, m.host AS host,
  CASE WHEN l.newest IS NULL THEN 'silent' WHEN p.stored IS NULL THEN 'no poll' WHEN p.stored = 0 THEN 'down'
    WHEN p.stored < p.expected THEN 'incomplete' ELSE 'ok' END AS state,
  ${age} AS age, p.stored AS stored, p.expected AS expected, p.duration_ms AS duration, p.requests AS requests, p.error AS error
FROM meter m
LEFT JOIN (SELECT meter, max(time) AS newest FROM latest_measurement GROUP BY meter) l ON l.meter = m.name
LEFT JOIN (
  SELECT meter_id, max(slot) AS slot FROM poll WHERE slot > ${sql.plus(sql.now, -60)} GROUP BY meter_id
) n ON n.meter_id = m.id
LEFT JOIN poll p ON p.slot = n.slot AND p.meter_id = n.meter_id
WHERE ${METERS}
ORDER BY m.name`;
}
