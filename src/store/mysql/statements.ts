// SQL of MySQL 8 and MariaDB 10.6 or later. The session's time zone is UTC.

import { jsonNumber, type Statements } from '../statements.js';

const time = (column: string) => `TIMESTAMPADD(MICROSECOND, ${column} * 1000, '1970-01-01 00:00:00.000')`;
const ms = (column: string) => `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ${column}) DIV 1000`;
const ids = `(SELECT i.id FROM JSON_TABLE(?, '$[*]' COLUMNS (id INT PATH '$')) i)`;
const table = (...columns: string[]) =>
  `JSON_TABLE(?, '$[*]' COLUMNS (${columns.map((column, i) => `${column} PATH '$[${i}]'`).join(', ')})) r`;

const POLL = `meter_id, ${ms('slot')} AS slot, ${ms('read_at')} AS read_at, duration_ms, requests, expected, stored, by_hand,
  CAST(readings AS CHAR) AS readings, CAST(missing AS CHAR) AS missing, error`;

// The rows to delete are found in a derived table: MySQL cannot delete from a table that a subquery reads.
const prune = (name: string, key: string, column: string) => {
  const on = key.split(', ').map((part) => `${name}.${part} = o.${part}`);
  return `
DELETE ${name} FROM ${name} JOIN (SELECT ${key} FROM ${name} WHERE meter_id IN ${ids} AND ${column} < ${time('?')} LIMIT ?) o
  ON ${on.join(' AND ')}`;
};

export const mysqlStatements: Statements = {
  dialect: 'mysql',
  insertPolls: `
INSERT INTO poll (meter_id, slot, read_at, duration_ms, requests, expected, stored, by_hand, readings, missing, error)
SELECT r.m, ${time('r.s')}, ${time('r.a')}, r.d, r.q, r.e, r.t, r.h, r.v, r.w, r.x
FROM ${table('m INT', 's BIGINT', 'a BIGINT', 'd INT', 'q INT', 'e INT', 't INT', 'h INT', 'v LONGTEXT', 'w LONGTEXT', 'x TEXT')}
WHERE true ON DUPLICATE KEY UPDATE meter_id = poll.meter_id`,
  insertGaps: `
INSERT INTO gap (meter_id, ts, until, reason, slots)
SELECT r.m, ${time('r.s')}, ${time('r.u')}, r.w, r.n FROM ${table('m INT', 's BIGINT', 'u BIGINT', 'w VARCHAR(32)', 'n INT')}
WHERE true ON DUPLICATE KEY UPDATE
  slots = IF(VALUES(until) > gap.until, VALUES(slots), gap.slots), until = GREATEST(VALUES(until), gap.until)`,
  insertEvents: `
INSERT INTO event (meter_id, ts, what, \`before\`, \`after\`)
SELECT r.m, ${time('r.s')}, r.w, r.b, r.a FROM ${table('m INT', 's BIGINT', 'w VARCHAR(16)', 'b TEXT', 'a TEXT')}
WHERE true ON DUPLICATE KEY UPDATE meter_id = event.meter_id`,
  insertDirty: `
INSERT INTO dirty (meter_id, bucket) SELECT r.m, ${time('r.b')} FROM ${table('m INT', 'b BIGINT')}
WHERE true ON DUPLICATE KEY UPDATE meter_id = dirty.meter_id`,
  deletePolls: `
DELETE poll FROM poll JOIN ${table('m INT', 's BIGINT')} ON poll.meter_id = r.m AND poll.slot = ${time('r.s')}`,
  formatReadings: (values) => `[${values.map(jsonNumber).join(',')}]`,
  upsertRollups: `
REPLACE INTO rollup (meter_id, topic_id, bucket, count, min, max, mean, first, last, first_ts, last_ts, increase, quality, accepted, accepted_ts)
SELECT r.m, r.t, ${time('r.b')}, r.n, r.mi, r.ma, r.me, r.f, r.l, ${time('r.ft')}, ${time('r.lt')}, r.i, r.q, r.c, ${time('r.ct')}
FROM ${table('m INT', 't INT', 'b BIGINT', 'n INT', 'mi DOUBLE', 'ma DOUBLE', 'me DOUBLE', 'f DOUBLE', 'l DOUBLE', 'ft BIGINT', 'lt BIGINT', 'i DOUBLE', 'q VARCHAR(16)', 'c DOUBLE', 'ct BIGINT')}`,
  upsertCoverage: `
REPLACE INTO coverage_quarter (meter_id, bucket, reason, slots, readings)
SELECT r.m, ${time('r.b')}, r.w, r.s, r.n FROM ${table('m INT', 'b BIGINT', 'w VARCHAR(32)', 's INT', 'n INT')}`,
  deleteRollups: `DELETE rollup FROM rollup JOIN topic t ON t.meter_id = rollup.meter_id AND t.id = rollup.topic_id
WHERE t.meter_id IN ${ids} AND rollup.bucket = ${time('?')}`,
  deleteCoverage: `DELETE FROM coverage_quarter WHERE meter_id IN ${ids} AND bucket = ${time('?')}`,
  newestSlots: `
SELECT m.id AS meter_id, greatest(
  coalesce((SELECT ${ms('p.slot')} FROM poll p WHERE p.meter_id = m.id ORDER BY p.slot DESC LIMIT 1), -1),
  coalesce((SELECT ${ms('max(g.until)')} - 1 FROM gap g WHERE g.meter_id = m.id), -1)) AS slot
FROM meter m WHERE m.id IN ${ids}`,
  newestPolls: `
SELECT ${POLL} FROM poll JOIN (
  SELECT m.id, (SELECT p.slot FROM poll p WHERE p.meter_id = m.id ORDER BY p.slot DESC LIMIT 1) AS newest FROM meter m WHERE m.id IN ${ids}
) n ON n.id = poll.meter_id AND n.newest = poll.slot`,
  polls: `SELECT ${POLL} FROM poll WHERE meter_id IN ${ids} AND poll.slot >= ${time('?')} AND poll.slot < ${time('?')} ORDER BY poll.slot`,
  gaps: `
SELECT meter_id, ${ms('ts')} AS ts, ${ms('until')} AS until, reason, slots FROM gap
WHERE meter_id IN ${ids} AND gap.until > ${time('?')} AND gap.ts < ${time('?')}`,
  // MySQL has no LIMIT in a subquery of IN: the newest 8 are numbered instead, among those of the last days.
  accepted: `
SELECT n.topic_id, n.ts, n.value FROM (
  SELECT r.topic_id, ${ms('r.accepted_ts')} AS ts, r.accepted AS value,
    row_number() OVER (PARTITION BY r.topic_id ORDER BY r.bucket DESC) AS place
  FROM (SELECT id, meter_id FROM topic WHERE kind = 'counter' AND meter_id IN ${ids}) t
  CROSS JOIN (SELECT ${time('?')} AS bucket) q
  JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id AND r.accepted IS NOT NULL AND r.bucket < q.bucket
    AND r.bucket >= coalesce((SELECT b.bucket FROM rollup b WHERE b.meter_id = t.meter_id AND b.topic_id = t.id AND b.bucket < q.bucket
      AND b.accepted IS NOT NULL ORDER BY b.bucket DESC LIMIT 1 OFFSET 7), '1970-01-01')
) n WHERE n.place <= 8`,
  newestCoverage: `
SELECT m.id AS meter_id,
  (SELECT ${ms('c.bucket')} FROM coverage_quarter c WHERE c.meter_id = m.id ORDER BY c.bucket DESC LIMIT 1) AS bucket
FROM meter m WHERE m.id IN ${ids}`,
  oldestSlot: `
SELECT min(least(
  coalesce((SELECT ${ms('p.slot')} FROM poll p WHERE p.meter_id = m.id ORDER BY p.slot LIMIT 1), 9e15),
  coalesce((SELECT ${ms('g.ts')} FROM gap g WHERE g.meter_id = m.id ORDER BY g.ts LIMIT 1), 9e15))) AS slot
FROM meter m WHERE m.id IN ${ids}`,
  pruneable: {
    poll: prune('poll', 'meter_id, slot', 'slot'),
    gap: prune('gap', 'meter_id, ts, reason', 'until'),
    rollup: prune('rollup', 'meter_id, topic_id, bucket', 'bucket'),
    coverage_quarter: prune('coverage_quarter', 'meter_id, bucket, reason', 'bucket'),
  },
  // Assigned from left to right: the second one sees what the first one decided.
  takeLease: `
INSERT INTO lease (name, holder, until) VALUES (?, ?, NOW(3) + INTERVAL ? * 1000 MICROSECOND)
ON DUPLICATE KEY UPDATE
  holder = IF(holder = VALUES(holder) OR until < NOW(3), VALUES(holder), holder),
  until = IF(holder = VALUES(holder), VALUES(until), until)`,
};
