// One type for the three generated clients, which are neither assignable to one another nor callable as a union: what the
// store uses of them is the same on each.

import type { PrismaClient } from './generated/sqlite/client.js';

export type Db = Pick<
  PrismaClient,
  | '$executeRawUnsafe'
  | '$queryRawUnsafe'
  | '$transaction'
  | '$disconnect'
  | 'meter'
  | 'topic'
  | 'dirty'
  | 'calendar'
  | 'event'
  | 'rollup'
  | 'setting'
  | 'member'
>;

/** Keeps the line of source that a query came from out of the message. */
export const ERROR_FORMAT = 'minimal';

/** SQL and its parameters. */
export type Statement = readonly [sql: string, ...parameters: unknown[]];

/** Runs the statements as one transaction. */
export async function runAll(db: Db, statements: readonly Statement[]): Promise<void> {
  const [only] = statements;
  if (only && statements.length === 1) await db.$executeRawUnsafe(...only);
  else if (only) await db.$transaction(statements.map((statement) => db.$executeRawUnsafe(...statement)));
}
