// The SQL that differs between databases. Each folder sqlite/, postgresql/, mysql/ has one object of this type. Times are
// milliseconds since 1970 in all parameters and results.

import type { Dialect } from './store.js';

export interface Statements {
  readonly dialect: Dialect;
  /**
   * Each takes one parameter, a JSON array with an array of columns per row; rows whose key exists change nothing, but
   * for gaps, of which the longer one stays.
   * - polls: meter_id, slot, read_at, duration_ms, requests, expected, stored, by_hand (0, 1), readings, missing, error;
   *   `readings` as `formatReadings` gives them, `missing` as JSON text
   * - gaps: meter_id, ts, until, reason, slots · events: meter_id, ts, what, before, after · dirty: meter_id, bucket
   */
  readonly insertPolls: string;
  readonly insertGaps: string;
  readonly insertEvents: string;
  readonly insertDirty: string;
  /** Takes one parameter, a JSON array of [meter_id, slot]. */
  readonly deletePolls: string;
  /** Values as text in the form of the column poll.readings: JSON text, or a PostgreSQL array. Null where none has a value. */
  formatReadings(values: readonly (number | null)[]): string;
  /**
   * Takes one parameter like the above; rows whose key exists are replaced.
   * - rollups: meter_id, topic_id, bucket, count, min, max, mean, first, last, first_ts, last_ts, increase, quality, accepted,
   *   accepted_ts · coverage: meter_id, bucket, reason, slots, readings
   */
  readonly upsertRollups: string;
  readonly upsertCoverage: string;
  /** Parameters: JSON array of meter ids, bucket. */
  readonly deleteRollups: string;
  readonly deleteCoverage: string;
  /** Parameter: JSON array of meter ids. Rows: meter_id, slot (null: none). */
  readonly newestSlots: string;
  /** Parameter: JSON array of meter ids. Rows as `polls`: the newest poll of each. */
  readonly newestPolls: string;
  /** Parameters: JSON array of meter ids, from, until. Rows: meter_id, slot, read_at, duration_ms, requests, expected, stored, by_hand, readings (JSON text), missing (JSON text), error. */
  readonly polls: string;
  /** Parameters: JSON array of meter ids, from, until. Rows: meter_id, ts, until, reason, slots of gaps that overlap. */
  readonly gaps: string;
  /** Parameters: JSON array of meter ids, bucket. Rows: topic_id, ts, value: the accepted readings of the newest 8 rollups before the bucket. */
  readonly accepted: string;
  /** Parameters: JSON array of meter ids. Rows: meter_id, bucket: the newest quarter with coverage. */
  readonly newestCoverage: string;
  /** Parameters: JSON array of meter ids. Rows: slot: the oldest poll or gap of any of the meters, or null. */
  readonly oldestSlot: string;
  /** Parameters: JSON array of meter ids, before, limit. */
  readonly pruneable: Readonly<Record<'poll' | 'gap' | 'rollup' | 'coverage_quarter', string>>;
  /** Parameters: name, holder, ttlMs; null where a database cannot be shared. */
  readonly takeLease: string | null;
}

/** Doubles as JSON exactly, −0 too; null for a missing value. */
export const jsonNumber = (value: number | null): string =>
  value === null ? 'null' : Object.is(value, -0) ? '-0.0' : String(value);
