// One type for the three generated clients, which are neither assignable to one another nor callable as a union: what
// the store uses of them is the same on each.

import type { PrismaClient } from './generated/sqlite/client.js';
import { named } from './large.js';

export type Db = Pick<
  PrismaClient,
  '$executeRawUnsafe' | '$queryRawUnsafe' | '$transaction' | '$disconnect' | 'meter' | 'topic'
>;

/** The other formats look for the line of source that every query came from, and put it into the message. */
export const ERROR_FORMAT = 'minimal';

/** SQL and its parameters; see large.ts for large ones. */
export type Statement = readonly [sql: string, ...parameters: unknown[]];

export async function runAll(db: Db, statements: readonly Statement[]): Promise<void> {
  await named(statements, async (plain) => {
    const [only] = plain;
    if (plain.length === 1 && only) await db.$executeRawUnsafe(...only);
    else if (only) await db.$transaction(plain.map((statement) => db.$executeRawUnsafe(...statement)));
  });
}
