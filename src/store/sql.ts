// What differs between the databases when polls are written: one object per dialect.

import type { Db, Statement } from './db.js';
import type { Dialect } from './store.js';

/** A write with the database's own ids, in the forms that SQL takes in one parameter. */
export interface Rows {
  /** JSON: [{m: meter id, s: slot, r: read at, d: duration ms, q: requests, e: expected, t: stored, x: error}] */
  readonly polls: string;
  /** JSON: [{m, s: from, u: until, w: reason, n: slots, c: readings, r: read at of its poll or null}]; null: none */
  readonly gaps: string | null;
  /** JSON: [{m: meter id, b: start of a quarter of an hour, r: 1 where readings came, else 0}], each quarter once. */
  readonly buckets: string;
  readonly readings: Readings;
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
  /** May fail with a duplicate, if there is `writeAgain`: readings are on record already, or late. */
  write(rows: Rows): Statement[];
  readonly writeAgain?: (rows: Rows) => Statement[];
}
