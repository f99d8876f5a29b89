// What differs between the databases when polls are written: one object per dialect.

import type { Db } from './db.js';
import type { Dialect } from './store.js';

/** A write with the database's own ids: in columns, or as JSON that SQL takes in one parameter. */
export interface Rows {
  readonly polls: Polls;
  /** JSON: [{m, s: from, u: until, w: reason, n: slots, c: readings, r: read at of its poll or null}]; null: none */
  readonly gaps: string | null;
  /** JSON: [{m: meter id, b: start of a quarter of an hour, r: 1 where readings came, else 0}], each quarter once. */
  readonly buckets: () => string;
  readonly readings: Readings;
}

/** Numbers per poll, in this order: meter id, read at, duration ms, requests, expected, stored. */
export const POLL_NUMBERS = 6;

/** Polls in columns, sorted by slot, then by meter. */
export interface Polls {
  readonly slots: Float64Array;
  readonly numbers: Float64Array;
  /** By index of the poll. */
  readonly errors: ReadonlyMap<number, string>;
}

/** Readings in columns, sorted by slot, then by topic as far as the meters' topics are. */
export interface Readings {
  readonly topicIds: Int32Array;
  readonly slots: Float64Array;
  readonly values: Float64Array;
}

export interface Sql {
  readonly dialect: Dialect;
  /** One parameter, JSON: [{name, host, port, unitId, map}]. Names that exist are left alone. */
  readonly insertMeters: string;
  /** One parameter, JSON: [{meterId, metric, name, description, unit, dataType, kind, counterRange}]. Likewise. */
  readonly insertTopics: string;
  /** Columns name and slot: for each meter the moment, in ms, up to which its slots are on record; 0: none is. */
  readonly lastSlots: string;
  /** What has to be there before the rows can be written, outside their transaction. */
  prepare(db: Db, readings: Readings): Promise<void>;
  /** All rows or none. May fail with a duplicate, if there is `writeAgain`: readings are on record already, or late. */
  write(db: Db, rows: Rows): Promise<void>;
  readonly writeAgain?: (db: Db, rows: Rows) => Promise<void>;
}
