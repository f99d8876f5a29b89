// What the driver of SQLite does for a ticket.

import { Tickets } from '../tickets.js';

/** Parameters: null, numbers, strings. */
export type Run = (sql: string, parameters: readonly (number | string | null)[]) => void;

/** Done by the driver in one go, as one transaction: all of it or nothing. */
export type Work = (run: Run) => void;

export const sqliteTickets = new Tickets<Work>();
