// Queries for what is now: newest values, and the lists that the dashboards' variables choose from.

import type { Sql } from './dialect.js';
import { energyMetrics, toBaseUnit } from './metrics.js';

export const quoted = (texts: readonly string[]): string =>
  texts.map((text) => `'${text.replaceAll("'", "''")}'`).join(', ');

/** Values that are older say nothing about now. */
const FRESH_MINUTES = 15;

/** Columns name, value: the newest value of a metric, for each chosen meter that has a fresh one. */
export function freshValues(sql: Sql, metrics: readonly string[], label: 'meter' | 'metric'): string {
  return `SELECT l.${label} AS name, l.value * ${toBaseUnit('l.unit')} AS value
FROM latest_measurement l
WHERE l.metric IN (${quoted(metrics)}) AND l.meter IN (\${meter:sqlstring}) AND l.time > ${sql.plus(sql.now, -FRESH_MINUTES)}
ORDER BY 1`;
}

/** Columns name, value, unit, age (seconds): everything that a meter measures. */
export function newestValues(): string {
  return `SELECT l.metric AS name, l.value AS value, l.unit AS unit, l.age_seconds AS age
FROM latest_measurement l
WHERE l.meter IN (\${meter:sqlstring})
ORDER BY 1`;
}

/** Ids of the chosen meters; and 0, which is none, so that the list is not empty. */
export const METER_IDS_QUERY =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own
  'SELECT id FROM meter WHERE name IN (${meter:sqlstring}) UNION ALL SELECT 0 ORDER BY 1';

/** Meter names. */
export const METERS = 'SELECT name FROM meter ORDER BY name';

/** Ids of the chosen meters' topics with one of these metrics; and 0, which is none, so that no list is empty. */
export function topicIds(metrics: readonly string[]): string {
  return `SELECT t.id AS id FROM topic t JOIN meter m ON m.id = t.meter_id
WHERE m.name IN (\${meter:sqlstring}) AND t.metric IN (${quoted(metrics)})
UNION ALL SELECT 0 ORDER BY 1`;
}

/** Ids of the topics that count what the chosen meters took in, one a meter. */
export function energyIds(): string {
  const rank = `CASE t.metric ${energyMetrics.map((metric, index) => `WHEN '${metric}' THEN ${index}`).join(' ')} END`;
  return `SELECT id FROM (
  SELECT t.id AS id, row_number() OVER (PARTITION BY t.meter_id ORDER BY ${rank}) AS place
  FROM topic t JOIN meter m ON m.id = t.meter_id
  WHERE m.name IN (\${meter:sqlstring}) AND t.kind = 'counter' AND t.metric IN (${quoted(energyMetrics)})
) ranked WHERE place = 1
UNION ALL SELECT 0 ORDER BY 1`;
}

/** Ids of all counters of the chosen meters that count active energy. */
export function counterIds(): string {
  return `SELECT t.id AS id FROM topic t JOIN meter m ON m.id = t.meter_id
WHERE m.name IN (\${meter:sqlstring}) AND t.kind = 'counter' AND t.metric IN ('Wh_imp', 'Wh_exp', 'Wh_total', 'Wh_del', 'Wh_rec', 'Wh')
UNION ALL SELECT 0 ORDER BY 1`;
}
