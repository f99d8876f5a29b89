// What a poll brings: values by metric index, and for every metric without a value the reason. Columns, not objects per
// reading: a thousand meters a second pass through here.

import type { MeterInfo } from './meter.js';

/**
 * Why a metric has no reading.
 * - `timeout` no answer in time · `unreachable` no TCP connection · `disconnected` the link broke while waiting
 * - `bad answer` an answer that is not the answer (foreign, malformed, of wrong length)
 * - `exception N` the meter, or the gateway (10, 11), refused with a Modbus exception code
 * - `not available` the meter sent its code for "no value" · `invalid value` NaN, infinity, or digits the type cannot hold
 * - `offline` not asked, since the meter did not answer before · `refused before` not asked, since the meter refuses this register
 * - `deadline` the cycle's time was over · `shutdown` the collector was stopping
 * - `rejected` the database will never take this value: it lies in the spool's dead-letter file
 * - `missed` the slot passed unread while the collector was running · `down` … while it was not running
 * - `lost` the slot was dealt with, but what came of it could be kept nowhere until the database took it
 */
export type MissingReason =
  | 'timeout'
  | 'unreachable'
  | 'disconnected'
  | 'bad answer'
  | `exception ${number}`
  | 'not available'
  | 'invalid value'
  | 'offline'
  | 'refused before'
  | 'deadline'
  | 'shutdown'
  | 'rejected'
  | 'missed'
  | 'down'
  | 'lost';

/** One meter's part in a cycle, finished. */
export interface Poll {
  readonly meter: MeterInfo;
  /** Nominal time, ms UTC: every reading of the poll carries it. For a cycle by hand, the moment it began. */
  readonly slot: number;
  /** When the first request went out, ms UTC. */
  readonly readAt: number;
  readonly durationMs: number;
  /** Requests sent, retries included. */
  readonly requests: number;
  /** By index of `meter.metrics`; NaN: no reading, and `missing` says why. Never infinite. */
  readonly values: Float64Array;
  /** Metric index → reason. Has exactly the indexes whose value is NaN. */
  readonly missing: ReadonlyMap<number, MissingReason>;
  /** The first thing that went wrong, for people (`timeout after 1000 ms: holding 4610+90`); null: nothing. */
  readonly error: string | null;
}

/** Slots of which there is no poll, as one span: `down`, `missed` and `lost`. Written instead of polls, never invented values. */
export interface Gap {
  readonly meter: MeterInfo;
  /** First slot missing, ms UTC. */
  readonly from: number;
  /** End of the span, ms UTC, exclusive. */
  readonly until: number;
  /** 0: not known yet, nor where they begin, but not after `from`; they are `until - from` apart. Only in the spool. */
  readonly slots: number;
  readonly reason: MissingReason;
}

export const storedCount = (poll: Poll): number => poll.values.length - poll.missing.size;

/** How many metrics are missing for each reason. */
export function countReasons(poll: Poll): Map<MissingReason, number> {
  const counts = new Map<MissingReason, number>();
  for (const reason of poll.missing.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
}
