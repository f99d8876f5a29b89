// SQL of SQLite.

import { jsonNumber, type Statements } from '../statements.js';

const ids = (parameter: string) => `(SELECT value FROM json_each(${parameter}))`;

const POLL = `meter_id, slot, read_at, duration_ms, requests, expected, stored, by_hand, readings, missing, error`;

/** Deletes the oldest rows by rowid, or by key where there is none. */
const prune = (table: string, key: string, column: string) => `
DELETE FROM ${table} WHERE (${key}) IN
  (SELECT ${key} FROM ${table} WHERE meter_id IN ${ids('?1')} AND ${column} < ?2 LIMIT ?3)`;

export const sqliteStatements: Statements = {
  dialect: 'sqlite',
  insertPolls: `
INSERT INTO poll (${POLL})
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10
FROM json_each(?1) WHERE true ON CONFLICT (slot, meter_id) DO NOTHING`,
  insertGaps: `
INSERT INTO gap (meter_id, ts, until, reason, slots)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1)
WHERE true ON CONFLICT DO UPDATE SET until = excluded.until, slots = excluded.slots WHERE excluded.until > gap.until`,
  insertEvents: `
INSERT INTO event (meter_id, ts, what, before, after)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING`,
  insertDirty: `
INSERT INTO dirty (meter_id, bucket) SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING`,
  deletePolls: `
DELETE FROM poll WHERE (slot, meter_id) IN (SELECT value ->> 1, value ->> 0 FROM json_each(?1))`,
  formatReadings: (values) => `[${values.map(jsonNumber).join(',')}]`,
  upsertRollups: `
INSERT OR REPLACE INTO rollup (meter_id, topic_id, bucket, count, min, max, mean, first, last, first_ts, last_ts, increase, quality, accepted, accepted_ts)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14
FROM json_each(?1)`,
  upsertCoverage: `
INSERT OR REPLACE INTO coverage_quarter (meter_id, bucket, reason, slots, readings)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1)`,
  deleteRollups: `
DELETE FROM rollup WHERE bucket = ?2 AND (meter_id, topic_id) IN
  (SELECT meter_id, id FROM topic WHERE meter_id IN ${ids('?1')})`,
  deleteCoverage: `DELETE FROM coverage_quarter WHERE meter_id IN ${ids('?1')} AND bucket = ?2`,
  newestSlots: `
SELECT m.value AS meter_id, max(
  coalesce((SELECT p.slot FROM poll p WHERE p.meter_id = m.value ORDER BY p.slot DESC LIMIT 1), -1),
  coalesce((SELECT max(g.until) - 1 FROM gap g WHERE g.meter_id = m.value), -1)) AS slot
FROM json_each(?1) m`,
  newestPolls: `
SELECT ${POLL} FROM poll WHERE (slot, meter_id) IN
  (SELECT (SELECT p.slot FROM poll p WHERE p.meter_id = m.value ORDER BY p.slot DESC LIMIT 1), m.value FROM json_each(?1) m)`,
  polls: `SELECT ${POLL} FROM poll WHERE slot >= ?2 AND slot < ?3 AND meter_id IN ${ids('?1')} ORDER BY slot`,
  gaps: `
SELECT meter_id, ts, until, reason, slots FROM gap WHERE meter_id IN ${ids('?1')} AND ts < ?3 AND until > ?2`,
  accepted: `
SELECT t.id AS topic_id, r.accepted_ts AS ts, r.accepted AS value
FROM topic t JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id AND r.bucket IN
  (SELECT b.bucket FROM rollup b WHERE b.meter_id = t.meter_id AND b.topic_id = t.id AND b.bucket < ?2 AND b.accepted IS NOT NULL
   ORDER BY b.bucket DESC LIMIT 8)
WHERE t.kind = 'counter' AND t.meter_id IN ${ids('?1')}`,
  newestCoverage: `
SELECT m.value AS meter_id, (SELECT c.bucket FROM coverage_quarter c WHERE c.meter_id = m.value ORDER BY c.bucket DESC LIMIT 1) AS bucket
FROM json_each(?1) m`,
  oldestSlot: `
SELECT min(slot) AS slot FROM (
  SELECT min(slot) AS slot FROM poll
  UNION ALL SELECT min(ts) FROM gap WHERE meter_id IN ${ids('?1')})`,
  pruneable: {
    poll: prune('poll', 'rowid', 'slot'),
    gap: prune('gap', 'meter_id, ts, reason', 'until'),
    rollup: prune('rollup', 'meter_id, topic_id, bucket', 'bucket'),
    coverage_quarter: prune('coverage_quarter', 'meter_id, bucket, reason', 'bucket'),
  },
  takeLease: null,
};
