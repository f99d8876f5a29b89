// Upkeep of PostgreSQL: rollups and counts of quarters that are over, partitions made before they are needed, and dropped with the
// months that are too old.

import type { Upkeep } from '../backend.js';
import { type Db, runAll } from '../db.js';
import { Rollups } from '../rollups.js';
import { BUCKET_MS } from '../rows.js';
import { dayOf, GRACE_MS, Pruner, type Retention, type RetentionSql } from '../upkeep.js';
import { makePartition, monthOf, nextMonth } from './statements.js';

export function postgresqlUpkeep(options: { readonly db: Db; readonly retention: Retention }): Upkeep {
  const { db, retention } = options;
  const rollups = new Rollups(db, 'postgresql');
  const pruner = new Pruner({ db, retention, sql: retentionSql });
  let preparedOn = Number.NaN;
  let droppedOn = Number.NaN;
  return async (now) => {
    const today = dayOf(now);
    if (preparedOn !== today) {
      await makePartition(db, now);
      await makePartition(db, nextMonth(monthOf(now)));
      preparedOn = today;
      return true;
    }
    if (await rollups.step(now - BUCKET_MS - GRACE_MS)) return true;
    if (retention.readingsMs !== null && droppedOn !== today) {
      if (await dropPartition(db, now - retention.readingsMs)) return true;
      droppedOn = today;
    }
    return pruner.step(now);
  };
}

/** Drops one month all of which lies before the given time. true: it did. */
async function dropPartition(db: Db, before: number): Promise<boolean> {
  const [oldest] = await db.$queryRawUnsafe<{ name: string }[]>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'reading'::regclass AND c.relname ~ '^reading_\\d{4}_\\d{2}$' ORDER BY c.relname LIMIT 1`,
  );
  const [, year, month] = /^reading_(\d{4})_(\d{2})$/.exec(oldest?.name ?? '') ?? [];
  if (!oldest || year === undefined || month === undefined) return false;
  if (nextMonth(Date.UTC(Number(year), Number(month) - 1)) > before) return false;
  // Whoever waits for this lock makes all others wait behind him: better give up soon, and come back.
  await runAll(db, [["SET LOCAL lock_timeout = '200ms'"], [`DROP TABLE "${oldest.name}"`]]);
  return true;
}

const byTime = (table: string, time: string) => (before: number, limit: number) =>
  [
    `DELETE FROM ${table} WHERE ctid IN (
  SELECT ctid FROM ${table} WHERE ${time} < to_timestamp($1::float8 / 1000) ORDER BY ${time} LIMIT $2::int)`,
    before,
    limit,
  ] as const;

const retentionSql: RetentionSql = {
  polls: byTime('poll', 'slot'),
  gaps: byTime('gap', 'ts'),
  readings: null,
  rollups: (topicIds, before, limit) => [
    `DELETE FROM rollup WHERE ctid IN (SELECT r.ctid FROM unnest($1::text::int[]) t JOIN rollup r
  ON r.topic_id = t AND r.bucket < to_timestamp($2::float8 / 1000) LIMIT $3::int)`,
    `{${topicIds.join(',')}}`,
    before,
    limit,
  ],
  tally: byTime('tally', 'hour'),
  pruning: (before) => ["UPDATE upkeep SET value = greatest(value, $1::bigint) WHERE name = 'pruned_until'", before],
};
