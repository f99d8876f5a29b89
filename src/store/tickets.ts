// Work that reaches a driver as one of Prisma's statements. Prisma's client copies every parameter as text, bytes as
// base64, and takes longer for a statement than a database for many rows; so it is handed a ticket, and the driver does
// what the ticket stands for.

import type { Db } from './db.js';

/** The statement whose only parameter is a ticket. */
export const WORK = 'WORK ?';

export class Tickets<Work> {
  readonly #waiting = new Map<string, Work>();
  #last = 0;

  /** Resolves when the driver has done it. */
  async hand(db: Db, work: Work): Promise<void> {
    const ticket = String(++this.#last);
    this.#waiting.set(ticket, work);
    try {
      await db.$executeRawUnsafe(WORK, ticket);
    } finally {
      this.#waiting.delete(ticket);
    }
  }

  workOf(ticket: unknown): Work {
    const work = this.#waiting.get(String(ticket));
    if (work === undefined) throw new Error(`no work has ticket ${ticket}`);
    return work;
  }
}
