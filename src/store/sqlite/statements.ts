// SQL of the embedded database. Its times are integers, milliseconds since 1970 UTC.

import type { Db } from '../db.js';
import type { Readings, Rows, Sql } from '../sql.js';
import { insertPolls, insertReadings } from './rows.js';
import { type Run, sqliteTickets } from './work.js';

// A poll that was on record already, from somewhere else, keeps its own reasons.
const INSERT_GAPS = `
INSERT INTO gap (ts, meter_id, reason, until, slots, readings)
SELECT value->>'s', value->>'m', value->>'w', value->>'u', value->>'n', value->>'c' FROM json_each(?)
WHERE value->>'r' IS NULL
   OR EXISTS (SELECT 1 FROM poll WHERE slot = value->>'s' AND meter_id = value->>'m' AND read_at = value->>'r')
ON CONFLICT DO UPDATE SET until = excluded.until, slots = excluded.slots, readings = excluded.readings
WHERE excluded.until > gap.until`;

// Nearly all that is written is newer than the hours that are closed, and then this is all there is to do. What is not
// meets the row that is there already, and is written again in the longer way.
const REFUSE_LATE = `
INSERT INTO upkeep (name, value) SELECT name, value FROM upkeep WHERE name = 'closed_until' AND value > ?`;

const INSERT_RECENT = `
INSERT INTO reading_recent (ts, topic_id, value)
SELECT slot.key, topic.key, topic.value FROM json_each(?) slot, json_each(slot.value) topic
WHERE CAST(slot.key AS INTEGER) >= (SELECT value FROM upkeep WHERE name = 'moved_until') ON CONFLICT DO NOTHING`;

const INSERT_HISTORY = `
INSERT INTO reading_history (ts, topic_id, value)
SELECT slot.key, topic.key, topic.value FROM json_each(?) slot, json_each(slot.value) topic
WHERE CAST(slot.key AS INTEGER) < (SELECT value FROM upkeep WHERE name = 'moving_until') ON CONFLICT DO NOTHING`;

const INSERT_STALE = `
INSERT INTO stale (meter_id, bucket) SELECT value->>'m', value->>'b' FROM json_each(?)
WHERE value->>'r' = 1 AND value->>'b' < (SELECT value FROM upkeep WHERE name = 'closed_until') ON CONFLICT DO NOTHING`;

const SEARCHED_FROM = "(SELECT value - 3600000 FROM upkeep WHERE name = 'moved_until')";

export const sqliteSql: Sql = {
  dialect: 'sqlite',
  insertMeters: `
INSERT INTO meter (name, host, port, unit_id, map)
SELECT value->>'name', value->>'host', value->>'port', value->>'unitId', value->>'map'
FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
  insertTopics: `
INSERT INTO topic (meter_id, metric, name, description, unit, data_type, kind, counter_range)
SELECT value->>'meterId', value->>'metric', value->>'name', value->>'description', value->>'unit', value->>'dataType',
  value->>'kind', value->>'counterRange'
FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
  // Polls and gaps are searched back to where history begins; a meter that has none there was gone before, and its last
  // reading tells.
  lastSlots: `
SELECT name, max(
  coalesce((SELECT slot FROM poll WHERE meter_id = meter.id AND slot >= ${SEARCHED_FROM} ORDER BY slot DESC LIMIT 1), 0),
  coalesce((SELECT max(until) - 1 FROM gap WHERE meter_id = meter.id AND ts >= ${SEARCHED_FROM}), 0),
  coalesce((SELECT max((SELECT max(ts) FROM reading_history WHERE topic_id = topic.id)) FROM topic
    WHERE topic.meter_id = meter.id), 0)) AS slot
FROM meter`,

  prepare: async () => {},

  write: (db: Db, rows: Rows) =>
    sqliteTickets.hand(db, (run) => {
      const { readings } = rows;
      const oldest = readings.slots[0];
      if (oldest !== undefined) run(REFUSE_LATE, [oldest]);
      pollsAndGaps(run, rows);
      insertReadings(run, readings);
    }),

  writeAgain: (db: Db, rows: Rows) =>
    sqliteTickets.hand(db, (run) => {
      const readings = readingsJson(rows.readings);
      pollsAndGaps(run, rows);
      run(INSERT_RECENT, [readings]);
      run(INSERT_HISTORY, [readings]);
      run(INSERT_STALE, [rows.buckets()]);
    }),
};

function pollsAndGaps(run: Run, { polls, gaps }: Rows): void {
  insertPolls(run, polls);
  if (gaps !== null) run(INSERT_GAPS, [gaps]);
}

/** `{"slot":{"topic id":value,…},…}`: read in one pass, where an array per reading would be read once per column. */
function readingsJson({ topicIds, slots, values }: Readings): string {
  let text = '{';
  let slot = Number.NaN;
  for (let row = 0; row < values.length; row++) {
    if (slots[row] !== slot) {
      slot = slots[row] as number;
      text += `${row === 0 ? '' : '},'}"${slot}":{"${topicIds[row]}":${values[row]}`;
    } else {
      text += `,"${topicIds[row]}":${values[row]}`;
    }
  }
  return values.length === 0 ? '{}' : `${text}}}`;
}
