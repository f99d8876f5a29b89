// SQL of MySQL 8 and MariaDB 10.6 or later. The session's time zone is UTC.

import { type Db, runAll } from '../db.js';
import { Large } from '../large.js';
import { pollsJson } from '../rows.js';
import type { Readings, Rows, Sql } from '../sql.js';

const TIME = (column: string) => `TIMESTAMPADD(MICROSECOND, ${column} * 1000, '1970-01-01')`;

const INSERT_POLLS = `
INSERT INTO poll (slot, meter_id, read_at, duration_ms, requests, expected, stored, error)
SELECT ${TIME('p.s')}, p.m, ${TIME('p.r')}, p.d, p.q, p.e, p.t, p.x
FROM JSON_TABLE(?, '$[*]' COLUMNS (m INT PATH '$.m', s BIGINT PATH '$.s', r BIGINT PATH '$.r', d INT PATH '$.d',
  q INT PATH '$.q', e INT PATH '$.e', t INT PATH '$.t', x TEXT PATH '$.x')) p
WHERE true ON DUPLICATE KEY UPDATE meter_id = poll.meter_id`;

// A poll that was on record already, from somewhere else, keeps its own reasons.
export const INSERT_GAPS = `
INSERT INTO gap (ts, meter_id, reason, until, slots, readings)
SELECT ${TIME('g.s')}, g.m, g.w, ${TIME('g.u')}, g.n, g.c
FROM JSON_TABLE(?, '$[*]' COLUMNS (m INT PATH '$.m', s BIGINT PATH '$.s', u BIGINT PATH '$.u', w VARCHAR(32) PATH '$.w',
  n INT PATH '$.n', c INT PATH '$.c', r BIGINT PATH '$.r')) g
WHERE g.r IS NULL
   OR EXISTS (SELECT 1 FROM poll p WHERE p.slot = ${TIME('g.s')} AND p.meter_id = g.m AND p.read_at = ${TIME('g.r')})
ON DUPLICATE KEY UPDATE slots = IF(VALUES(until) > gap.until, VALUES(slots), gap.slots),
  readings = IF(VALUES(until) > gap.until, VALUES(readings), gap.readings), until = GREATEST(VALUES(until), gap.until)`;

// A row of `stale` that exists is locked, hardly ever changed: whoever counts the quarter waits for this write, or this
// write for him.
const INSERT_STALE = `
INSERT INTO stale (meter_id, bucket, readings)
SELECT s.m, ${TIME('s.b')}, s.r
FROM JSON_TABLE(?, '$[*]' COLUMNS (m INT PATH '$.m', b BIGINT PATH '$.b', r INT PATH '$.r')) s
WHERE true ON DUPLICATE KEY UPDATE readings = GREATEST(stale.readings, VALUES(readings))`;

const INSERT_READINGS = `
INSERT INTO reading (topic_id, ts, value)
SELECT r.t, ${TIME('r.s')}, r.v
FROM JSON_TABLE(?, '$[*]' COLUMNS (t INT PATH '$[0]', s BIGINT PATH '$[1]', v DOUBLE PATH '$[2]')) r
WHERE true ON DUPLICATE KEY UPDATE topic_id = reading.topic_id`;

export const mysqlSql: Sql = {
  dialect: 'mysql',
  insertMeters: `
INSERT INTO meter (name, host, port, unit_id, map)
SELECT m.name, m.host, m.port, m.unitId, m.map
FROM JSON_TABLE(?, '$[*]' COLUMNS (name TEXT PATH '$.name', host TEXT PATH '$.host', port INT PATH '$.port',
  unitId INT PATH '$.unitId', map TEXT PATH '$.map')) m
WHERE true ON DUPLICATE KEY UPDATE id = meter.id`,
  insertTopics: `
INSERT INTO topic (meter_id, metric, name, description, unit, data_type, kind, counter_range)
SELECT t.meterId, t.metric, t.name, t.description, t.unit, t.dataType, t.kind, t.counterRange
FROM JSON_TABLE(?, '$[*]' COLUMNS (meterId INT PATH '$.meterId', metric TEXT PATH '$.metric', name TEXT PATH '$.name',
  description TEXT PATH '$.description', unit TEXT PATH '$.unit', dataType TEXT PATH '$.dataType',
  kind TEXT PATH '$.kind', counterRange DOUBLE PATH '$.counterRange')) t
WHERE true ON DUPLICATE KEY UPDATE id = topic.id`,
  lastSlots: `
SELECT name, CAST(ROUND(UNIX_TIMESTAMP(GREATEST(
  coalesce((SELECT max(slot) FROM poll WHERE meter_id = meter.id), '1970-01-01'),
  coalesce((SELECT max(until) - INTERVAL 1000 MICROSECOND FROM gap WHERE meter_id = meter.id), '1970-01-01'))) * 1000)
  AS SIGNED) AS slot
FROM meter`,

  prepare: async () => {},

  write(db: Db, { polls, gaps, buckets, readings }: Rows) {
    const quarters = buckets();
    return runAll(db, [
      [INSERT_POLLS, new Large(pollsJson(polls))],
      ...(gaps === null ? [] : [[INSERT_GAPS, new Large(gaps)] as const]),
      ...(quarters === '[]' ? [] : [[INSERT_STALE, new Large(quarters)] as const]),
      ...(readings.values.length === 0 ? [] : [[INSERT_READINGS, new Large(readingsJson(readings))] as const]),
    ]);
  },
};

function readingsJson({ topicIds, slots, values }: Readings): string {
  let text = '[';
  for (let row = 0; row < values.length; row++) {
    text += `${row === 0 ? '' : ','}[${topicIds[row]},${slots[row]},${values[row]}]`;
  }
  return `${text}]`;
}
