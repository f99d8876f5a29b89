// A database to read from, and the few pieces of SQL that differ.

import type { Dialect } from './store.js';

export type Parameter = string | number;

export interface Reader {
  readonly dialect: Dialect;
  /** Rows as arrays; times as text in UTC, as the database writes them. `?` stands for a parameter, on every database. */
  rows(sql: string, parameters?: readonly Parameter[]): Promise<readonly (readonly unknown[])[]>;
  /** SQL for any column as text that sorts and compares with it. */
  text(column: string): string;
  /** SQL for a time column of an EMDC database as ms since 1970. */
  ms(column: string): string;
  /** SQL for a parameter in ms, to compare with a time column of an EMDC database. */
  readonly time: string;
  /** SQL for the columns `readings` and `missing` of `poll` as JSON text. */
  readonly readings: string;
  readonly missing: string;
  /** A name quoted, for names that the database reserves. */
  quoted(name: string): string;
  close(): Promise<void>;
}
