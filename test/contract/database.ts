// A database of its own for a test, on each kind of server, with a way to look into it that is not the store's.

export interface TestDatabase {
  readonly url: string;
  /** Rows as arrays; times as ms, counts as numbers. */
  rows(sql: string): Promise<unknown[][]>;
  run(sql: string): Promise<void>;
  /** Removes it. */
  drop(): Promise<void>;
}
