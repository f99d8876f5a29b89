// Counts the polls and gaps of marked quarters on the servers, for the view `coverage`. A part of the transaction that
// holds the quarters' rows in `stale`: see rollups.ts. SQLite counts otherwise: see sqlite-tally.ts.

import type { Statement } from './db.js';
import type { Quarter } from './rollups.js';
import { BUCKET_MS } from './rows.js';
import type { Dialect } from './store.js';

const HOUR_MS = 3_600_000;

const COUNTS = ['expected', 'stored', 'readings', 'slots'] as const;

interface TallyDialect {
  time(ms: number): string;
  /** Keeps the greater of what is there and what comes: of a quarter counted before some of its polls were pruned. */
  readonly conflict: string;
  /** The key by which a meter's gaps are found in order of time. */
  readonly gaps: string;
}

const DIALECTS: Record<'postgresql' | 'mysql', TallyDialect> = {
  postgresql: {
    time: (ms) => `to_timestamp(${ms / 1_000})`,
    conflict: `ON CONFLICT (hour, meter_id, bucket, reason) DO UPDATE SET ${COUNTS.map((name) => `${name} = greatest(tally.${name}, excluded.${name})`).join(', ')}`,
    gaps: 'gap',
  },
  mysql: {
    time: (ms) => `TIMESTAMPADD(MICROSECOND, ${ms * 1_000}, '1970-01-01')`,
    conflict: `ON DUPLICATE KEY UPDATE ${COUNTS.map((name) => `${name} = greatest(tally.${name}, VALUES(${name}))`).join(', ')}`,
    gaps: 'gap FORCE INDEX (gap_meter_id_until_idx)',
  },
};

/** One statement per quarter of the day, for all its meters: with constants every database finds its way by the keys. */
export function countQuarters(dialect: 'postgresql' | 'mysql', quarters: readonly Quarter[]): Statement[] {
  const meters = new Map<number, number[]>();
  for (const { m, b } of quarters) {
    const ids = meters.get(b);
    if (ids) ids.push(m);
    else meters.set(b, [m]);
  }
  return [...meters].map(([bucket, meterIds]) => [count(DIALECTS[dialect], meterIds, bucket)]);
}

function count({ time, conflict, gaps }: TallyDialect, meterIds: readonly number[], bucket: number): string {
  const [from, until] = [time(bucket), time(bucket + BUCKET_MS)];
  const hour = bucket - (bucket % HOUR_MS);
  const of = `meter_id IN (${meterIds.join(',')})`;
  // No gap ends in a later hour than it begins.
  return `
INSERT INTO tally (hour, meter_id, bucket, reason, expected, stored, readings, slots)
SELECT ${time(hour)}, meter_id, ${from}, reason, sum(expected), sum(stored), sum(readings), sum(slots)
FROM (
  SELECT meter_id, '' AS reason, expected, stored, 0 AS readings, 0 AS slots
  FROM poll WHERE ${of} AND slot >= ${from} AND slot < ${until}
  UNION ALL
  SELECT meter_id, reason, CASE WHEN until > ts THEN readings ELSE 0 END, 0, readings, slots
  FROM ${gaps} WHERE ${of} AND until >= ${from} AND until <= ${time(hour + HOUR_MS)} AND ts >= ${from} AND ts < ${until}
) c
GROUP BY meter_id, reason
${conflict}`;
}

/** A meter's quarter of an hour and reason, as the table has it; times in ms. */
export interface TallyRow {
  readonly meterId: number;
  readonly bucket: number;
  readonly reason: string;
  /** expected, stored, readings, slots */
  readonly counts: readonly number[];
}

/** What is counted already stays; on SQLite also what is still to be, since it would be counted twice. */
const INSERT: Record<Dialect, string> = {
  sqlite: `
INSERT INTO tally (hour, meter_id, bucket, reason, expected, stored, readings, slots)
SELECT value->>'h', value->>'m', value->>'b', value->>'w', value->>'e', value->>'t', value->>'c', value->>'n' FROM json_each(?)
WHERE value->>'b' < (SELECT value FROM upkeep WHERE name = 'counted_until') OR NOT EXISTS (SELECT 1 FROM poll
  WHERE slot >= value->>'b' AND slot < value->>'b' + ${BUCKET_MS} AND meter_id = value->>'m')
ON CONFLICT DO NOTHING`,
  postgresql: `
INSERT INTO tally (hour, meter_id, bucket, reason, expected, stored, readings, slots)
SELECT to_timestamp(h / 1000.0), m, to_timestamp(b / 1000.0), w, e, t, c, n
FROM json_to_recordset($1::json) AS q (h bigint, m int, b bigint, w text, e int, t int, c int, n int)
ON CONFLICT DO NOTHING`,
  mysql: `
INSERT INTO tally (hour, meter_id, bucket, reason, expected, stored, readings, slots)
SELECT TIMESTAMPADD(MICROSECOND, q.h * 1000, '1970-01-01'), q.m, TIMESTAMPADD(MICROSECOND, q.b * 1000, '1970-01-01'),
  q.w, q.e, q.t, q.c, q.n
FROM JSON_TABLE(?, '$[*]' COLUMNS (h BIGINT PATH '$.h', m INT PATH '$.m', b BIGINT PATH '$.b', w VARCHAR(32) PATH '$.w',
  e INT PATH '$.e', t INT PATH '$.t', c INT PATH '$.c', n INT PATH '$.n')) q
WHERE true ON DUPLICATE KEY UPDATE meter_id = tally.meter_id`,
};

/** Their polls are no more: should somebody mark these quarters, they are not to be read from the polls. */
const PRUNED: Record<Dialect, string | null> = {
  sqlite: null,
  postgresql: "UPDATE upkeep SET value = greatest(value, $1::bigint) WHERE name = 'pruned_until'",
  mysql: "UPDATE upkeep SET value = GREATEST(value, ?) WHERE name = 'pruned_until'",
};

export function insertTally(dialect: Dialect, rows: readonly TallyRow[]): Statement[] {
  const json = rows.map(({ meterId: m, bucket: b, reason: w, counts: [e, t, c, n] }) => {
    return { h: b - (b % HOUR_MS), m, b, w, e, t, c, n };
  });
  const pruned = PRUNED[dialect];
  const until = rows.reduce((latest, { bucket }) => Math.max(latest, bucket + BUCKET_MS), 0);
  return [[INSERT[dialect], JSON.stringify(json)], ...(pruned === null ? [] : [[pruned, until] as const])];
}
