// Deletes what is older than it is to be kept, in short steps, of a collector's own meters.

import type { Db } from './db.js';
import type { Statements } from './statements.js';

/** How long history is kept, ms; null: for ever. */
export interface Retention {
  /** Polls and gaps. */
  readonly readingsMs: number | null;
  readonly rollupsMs: number | null;
}

export const keepForever: Retention = { readingsMs: null, rollupsMs: null };

const DAY_MS = 86_400_000;
const ROWS_PER_STEP = 500;

/** History ends at the start of a day (UTC). Each call deletes some rows and resolves to true while there may be more. */
export function pruning(
  db: Db,
  statements: Statements,
  options: { readonly retention: Retention; readonly meterIds: readonly number[]; readonly now: number },
): () => Promise<boolean> {
  const { retention, meterIds, now } = options;
  const { readingsMs, rollupsMs } = retention;
  const today = now - (now % DAY_MS);
  const coverageMs = readingsMs === null || rollupsMs === null ? null : Math.max(readingsMs, rollupsMs);
  const kept: readonly (readonly [keyof Statements['pruneable'], number | null])[] = [
    ['poll', readingsMs],
    ['gap', readingsMs],
    ['rollup', rollupsMs],
    ['coverage_quarter', coverageMs],
  ];
  const left = kept.flatMap(([table, keepMs]) =>
    keepMs === null ? [] : [{ sql: statements.pruneable[table], keepMs }],
  );
  const ids = JSON.stringify(meterIds);
  return async () => {
    const [first] = left;
    if (!first || meterIds.length === 0) return false;
    const deleted = await db.$executeRawUnsafe(first.sql, ids, today - first.keepMs, ROWS_PER_STEP);
    if (Number(deleted) < ROWS_PER_STEP) left.shift();
    return left.length > 0;
  };
}
