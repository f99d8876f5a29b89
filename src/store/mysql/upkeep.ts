// Upkeep of MySQL and MariaDB: rollups and counts of quarters that are over, and no history that is too old.

import type { Upkeep } from '../backend.js';
import type { Db } from '../db.js';
import { Rollups } from '../rollups.js';
import { BUCKET_MS } from '../rows.js';
import { GRACE_MS, Pruner, type Retention, type RetentionSql } from '../upkeep.js';

export function mysqlUpkeep(options: { readonly db: Db; readonly retention: Retention }): Upkeep {
  const rollups = new Rollups(options.db, 'mysql');
  const pruner = new Pruner({ ...options, sql: retentionSql });
  return async (now) => (await rollups.step(now - BUCKET_MS - GRACE_MS)) || (await pruner.step(now));
}

const BEFORE = "TIMESTAMPADD(MICROSECOND, ? * 1000, '1970-01-01')";

const byTopic = (table: string, time: string) => (topicIds: readonly number[], before: number, limit: number) =>
  [
    `DELETE FROM ${table} WHERE topic_id IN (${topicIds.join(',')}) AND ${time} < ${BEFORE} LIMIT ${limit}`,
    before,
  ] as const;

const byTime = (table: string, time: string) => (before: number, limit: number) =>
  [`DELETE FROM ${table} WHERE ${time} < ${BEFORE} ORDER BY ${time} LIMIT ${limit}`, before] as const;

const retentionSql: RetentionSql = {
  polls: byTime('poll', 'slot'),
  gaps: byTime('gap', 'ts'),
  readings: byTopic('reading', 'ts'),
  rollups: byTopic('rollup', 'bucket'),
  tally: byTime('tally', 'hour'),
  pruning: (before) => ["UPDATE upkeep SET value = GREATEST(value, ?) WHERE name = 'pruned_until'", before],
};
