// SQL of PostgreSQL 14 and later.

import { jsonNumber, type Statements } from '../statements.js';

const time = (column: string) => `timestamptz 'epoch' + (${column})::float8 * interval '1 millisecond'`;
const ms = (column: string) => `round(extract(epoch FROM ${column}) * 1000)::float8`;
const ids = (parameter: string) => `(SELECT value::int FROM json_array_elements_text(${parameter}::json))`;
const rows = 'json_array_elements($1::json) r';
/** Column i of a row as text; SQL null for JSON null. */
const c = (index: number, type = '') => `(r.value ->> ${index})${type}`;

const POLL = `meter_id, ${ms('slot')} AS slot, ${ms('read_at')} AS read_at, duration_ms, requests, expected, stored, by_hand,
  array_to_json(readings)::text AS readings, missing::text AS missing, error`;

const prune = (table: string, key: string, column: string) => `
DELETE FROM ${table} WHERE (${key}) IN
  (SELECT ${key} FROM ${table} WHERE meter_id IN ${ids('$1')} AND ${column} < ${time('$2')} LIMIT $3::int)`;

export const postgresqlStatements: Statements = {
  dialect: 'postgresql',
  insertPolls: `
INSERT INTO poll (meter_id, slot, read_at, duration_ms, requests, expected, stored, by_hand, readings, missing, error)
SELECT ${c(0, '::int')}, ${time(c(1))}, ${time(c(2))}, ${c(3, '::int')}, ${c(4, '::int')}, ${c(5, '::int')}, ${c(6, '::int')}, ${c(7)} = '1',
  ${c(8, '::float8[]')}, ${c(9, '::jsonb')}, ${c(10)}
FROM ${rows} ON CONFLICT (meter_id, slot) DO NOTHING`,
  insertGaps: `
INSERT INTO gap (meter_id, ts, until, reason, slots)
SELECT ${c(0, '::int')}, ${time(c(1))}, ${time(c(2))}, ${c(3)}, ${c(4, '::int')} FROM ${rows} 
ON CONFLICT (meter_id, ts, reason) DO UPDATE SET until = excluded.until, slots = excluded.slots WHERE excluded.until > gap.until`,
  insertEvents: `
INSERT INTO event (meter_id, ts, what, before, after)
SELECT ${c(0, '::int')}, ${time(c(1))}, ${c(2)}, ${c(3)}, ${c(4)} FROM ${rows} ON CONFLICT DO NOTHING`,
  insertDirty: `
INSERT INTO dirty (meter_id, bucket) SELECT ${c(0, '::int')}, ${time(c(1))} FROM ${rows} ON CONFLICT DO NOTHING`,
  deletePolls: `
DELETE FROM poll USING ${rows} WHERE poll.meter_id = ${c(0, '::int')} AND poll.slot = ${time(c(1))}`,
  formatReadings: (values) => `{${values.map(jsonNumber).join(',')}}`,
  upsertRollups: `
INSERT INTO rollup (meter_id, topic_id, bucket, count, min, max, mean, first, last, first_ts, last_ts, increase, quality, accepted, accepted_ts)
SELECT ${c(0, '::int')}, ${c(1, '::int')}, ${time(c(2))}, ${c(3, '::int')}, ${c(4, '::float8')}, ${c(5, '::float8')}, ${c(6, '::float8')},
  ${c(7, '::float8')}, ${c(8, '::float8')}, ${time(c(9))}, ${time(c(10))}, ${c(11, '::float8')}, ${c(12)}, ${c(13, '::float8')}, ${time(c(14))}
FROM ${rows}
ON CONFLICT (meter_id, topic_id, bucket) DO UPDATE SET count = excluded.count, min = excluded.min, max = excluded.max, mean = excluded.mean,
  first = excluded.first, last = excluded.last, first_ts = excluded.first_ts, last_ts = excluded.last_ts, increase = excluded.increase,
  quality = excluded.quality, accepted = excluded.accepted, accepted_ts = excluded.accepted_ts`,
  upsertCoverage: `
INSERT INTO coverage_quarter (meter_id, bucket, reason, slots, readings)
SELECT ${c(0, '::int')}, ${time(c(1))}, ${c(2)}, ${c(3, '::int')}, ${c(4, '::int')} FROM ${rows}
ON CONFLICT (meter_id, bucket, reason) DO UPDATE SET slots = excluded.slots, readings = excluded.readings`,
  deleteRollups: `
DELETE FROM rollup USING topic t WHERE rollup.meter_id = t.meter_id AND rollup.topic_id = t.id AND rollup.bucket = ${time('$2')}
  AND t.meter_id IN ${ids('$1')}`,
  deleteCoverage: `DELETE FROM coverage_quarter WHERE meter_id IN ${ids('$1')} AND bucket = ${time('$2')}`,
  newestSlots: `
SELECT m.value::int AS meter_id, greatest(
  coalesce((SELECT ${ms('p.slot')} FROM poll p WHERE p.meter_id = m.value::int ORDER BY p.slot DESC LIMIT 1), -1),
  coalesce((SELECT ${ms('max(g.until)')} - 1 FROM gap g WHERE g.meter_id = m.value::int), -1)) AS slot
FROM json_array_elements_text($1::json) m`,
  newestPolls: `
SELECT p.* FROM json_array_elements_text($1::json) m
CROSS JOIN LATERAL (SELECT ${POLL} FROM poll WHERE meter_id = m.value::int ORDER BY poll.slot DESC LIMIT 1) p`,
  polls: `SELECT ${POLL} FROM poll WHERE meter_id IN ${ids('$1')} AND slot >= ${time('$2')} AND slot < ${time('$3')} ORDER BY poll.slot`,
  gaps: `
SELECT meter_id, ${ms('ts')} AS ts, ${ms('until')} AS until, reason, slots FROM gap
WHERE meter_id IN ${ids('$1')} AND ts < ${time('$3')} AND until > ${time('$2')}`,
  accepted: `
SELECT t.id AS topic_id, ${ms('r.accepted_ts')} AS ts, r.accepted AS value
FROM topic t CROSS JOIN LATERAL (SELECT accepted, accepted_ts FROM rollup b WHERE b.meter_id = t.meter_id AND b.topic_id = t.id
  AND b.bucket < ${time('$2')} AND b.accepted IS NOT NULL ORDER BY b.bucket DESC LIMIT 8) r
WHERE t.kind = 'counter' AND t.meter_id IN ${ids('$1')}`,
  newestCoverage: `
SELECT m.value::int AS meter_id,
  (SELECT ${ms('c.bucket')} FROM coverage_quarter c WHERE c.meter_id = m.value::int ORDER BY c.bucket DESC LIMIT 1) AS bucket
FROM json_array_elements_text($1::json) m`,
  oldestSlot: `
SELECT min(o.slot) AS slot FROM json_array_elements_text($1::json) m CROSS JOIN LATERAL (
  (SELECT ${ms('p.slot')} AS slot FROM poll p WHERE p.meter_id = m.value::int ORDER BY p.slot LIMIT 1)
  UNION ALL (SELECT ${ms('g.ts')} FROM gap g WHERE g.meter_id = m.value::int ORDER BY g.ts LIMIT 1)) o`,
  pruneable: {
    poll: prune('poll', 'meter_id, slot', 'slot'),
    gap: prune('gap', 'meter_id, ts, reason', 'until'),
    rollup: prune('rollup', 'meter_id, topic_id, bucket', 'bucket'),
    coverage_quarter: prune('coverage_quarter', 'meter_id, bucket, reason', 'bucket'),
  },
  takeLease: `
INSERT INTO lease AS l (name, holder, until)
VALUES ($1, $2, clock_timestamp() + $3::int * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE l.holder = excluded.holder OR l.until < clock_timestamp()`,
};
