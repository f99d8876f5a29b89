// Statements that reach the driver as one of Prisma's. Its client copies every parameter as text, bytes as base64, and
// takes longer for a statement than SQLite for a hundred readings; so it is handed a ticket, and the driver runs what the
// ticket stands for.

import type { Db } from './db.js';

/** Parameters: null, numbers, strings. */
export type Run = (sql: string, parameters: readonly (number | string | null)[]) => void;

/** Done by the driver in one go, as one transaction: all of it or nothing. */
export type Work = (run: Run) => void;

/** The statement whose only parameter is a ticket. */
export const WORK = 'WORK ?';

const waiting = new Map<string, Work>();
let tickets = 0;

export async function inOneGo(db: Db, work: Work): Promise<void> {
  const ticket = String(++tickets);
  waiting.set(ticket, work);
  try {
    await db.$executeRawUnsafe(WORK, ticket);
  } finally {
    waiting.delete(ticket);
  }
}

export function workOf(ticket: unknown): Work {
  const work = waiting.get(String(ticket));
  if (work === undefined) throw new Error(`no work has ticket ${ticket}`);
  return work;
}
