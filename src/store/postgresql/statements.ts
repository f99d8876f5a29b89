// SQL of PostgreSQL. A cycle is one statement, and so all or nothing in one round trip.

import { type Db, runAll } from '../db.js';
import { Large } from '../large.js';
import { pollsJson } from '../rows.js';
import type { Readings, Rows, Sql } from '../sql.js';
import { float8Array, int4Array } from './arrays.js';

const TIME = (column: string) => `to_timestamp(${column} / 1000.0)`;

// Written by the first to come; `polls` returns those that were new, and only they bring their reasons. A row of `stale`
// that exists is locked, hardly ever changed: whoever counts the quarter waits for this write, or this write for him. Of
// gaps that begin as one, and of a poll that comes twice, PostgreSQL takes one only in the same statement.
const WRITE = `
WITH polls AS (
  INSERT INTO poll (slot, meter_id, read_at, duration_ms, requests, expected, stored, error)
  SELECT ${TIME('s')}, m, ${TIME('r')}, d, q, e, t, x
  FROM json_to_recordset($1::json) AS p (m int, s bigint, r bigint, d int, q int, e int, t int, x text)
  ON CONFLICT DO NOTHING RETURNING slot, meter_id, read_at
), gaps AS (
  INSERT INTO gap (ts, meter_id, reason, until, slots, readings)
  SELECT DISTINCT ON (g.s, g.m, g.w) ${TIME('g.s')}, g.m, g.w, ${TIME('g.u')}, g.n, g.c
  FROM json_to_recordset($2::json) AS g (m int, s bigint, u bigint, w text, n int, c int, r bigint)
  LEFT JOIN polls p ON p.meter_id = g.m AND p.slot = ${TIME('g.s')} AND p.read_at = ${TIME('g.r')}
  WHERE g.r IS NULL OR p.meter_id IS NOT NULL
  ORDER BY g.s, g.m, g.w, g.u DESC
  ON CONFLICT (ts, meter_id, reason) DO UPDATE
  SET until = excluded.until, slots = excluded.slots, readings = excluded.readings WHERE excluded.until > gap.until
), buckets AS (
  INSERT INTO stale (meter_id, bucket, readings)
  SELECT m, ${TIME('b')}, r FROM json_to_recordset($3::json) AS s (m int, b bigint, r int)
  ON CONFLICT (meter_id, bucket) DO UPDATE SET readings = 1 WHERE excluded.readings > stale.readings
)
INSERT INTO reading (topic_id, ts, value)
SELECT topic, ${TIME('coalesce(slot, $7::text::float8)')}, value
FROM unnest($4::int4[], $5::float8[], $6::float8[]) AS r (topic, slot, value)`;

const WRITE_AGAIN = `${WRITE} ON CONFLICT DO NOTHING`;

export function postgresqlSql(): Sql {
  /** Months of this process that have their partition. */
  const made = new Set<number>();
  const write = async (db: Db, statement: string, rows: Rows): Promise<void> => {
    try {
      await runAll(db, [[statement, ...parametersOf(rows)]]);
    } catch (error) {
      // Perhaps for want of a partition: one whose clock was ahead may have dropped even this month's.
      made.clear();
      throw error;
    }
  };
  return {
    dialect: 'postgresql',
    insertMeters: `
INSERT INTO meter (name, host, port, unit_id, map)
SELECT name, host, port, "unitId", map
FROM json_to_recordset($1::json) AS m (name text, host text, port int, "unitId" int, map text)
ON CONFLICT DO NOTHING`,
    insertTopics: `
INSERT INTO topic (meter_id, metric, name, description, unit, data_type, kind, counter_range)
SELECT "meterId", metric, name, description, unit, "dataType", kind, "counterRange"
FROM json_to_recordset($1::json) AS t ("meterId" int, metric text, name text, description text, unit text,
  "dataType" text, kind text, "counterRange" float8)
ON CONFLICT DO NOTHING`,
    lastSlots: `
SELECT m.name, (extract(epoch FROM greatest(
    (SELECT max(p.slot) FROM poll p WHERE p.meter_id = m.id),
    (SELECT max(g.until) - interval '1 millisecond' FROM gap g WHERE g.meter_id = m.id))) * 1000)::bigint AS slot
FROM meter m`,

    async prepare(db: Db, readings: Readings) {
      for (const month of monthsOf(readings)) {
        // A month gone by may have been dropped meanwhile; asking for it again costs little, since it is rarely written.
        if (made.has(month) && nextMonth(month) > Date.now()) continue;
        await makePartition(db, month);
        made.add(month);
      }
    },

    // Readings that are new, as they nearly always are, take half as long where nothing is said of conflicts.
    write: (db, rows) => write(db, WRITE, rows),
    writeAgain: (db, rows) => write(db, WRITE_AGAIN, rows),
  };
}

/** A cycle's readings have one slot, which goes without saying for each: of arrays, the longest counts. */
function parametersOf({ polls, gaps, buckets, readings: { topicIds, slots, values } }: Rows): Large[] {
  const oneSlot = slots[0] === slots.at(-1);
  const parameters = [
    pollsJson(polls),
    gaps ?? '[]',
    buckets(),
    int4Array(topicIds),
    float8Array(oneSlot ? new Float64Array() : slots),
    float8Array(values),
    `${slots[0] ?? 0}`,
  ];
  return parameters.map((parameter) => new Large(parameter));
}

export async function makePartition(db: Db, month: number): Promise<void> {
  await db.$executeRawUnsafe('SELECT make_reading_partition($1)', new Date(month));
}

function monthsOf({ slots }: Readings): Set<number> {
  const months = new Set<number>();
  let until = 0;
  let from = 0;
  for (const slot of slots) {
    if (slot >= from && slot < until) continue;
    from = monthOf(slot);
    until = nextMonth(from);
    months.add(from);
  }
  return months;
}

export function monthOf(time: number): number {
  const date = new Date(time);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

export function nextMonth(month: number): number {
  const date = new Date(month);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}
