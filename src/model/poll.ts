// What a poll brings: values by metric index, and for every metric without a value the reason; and the other things that
// go on record beside polls.

import type { MeterInfo } from './meter.js';

/**
 * Why a metric has no reading.
 * - `timeout` no answer in time · `unreachable` no TCP connection · `disconnected` the link broke while waiting
 * - `bad answer` an answer that is not the answer (foreign, malformed, of wrong length)
 * - `exception N` the meter, or the gateway (10, 11), refused with a Modbus exception code
 * - `not available` the meter sent its code for "no value" · `invalid value` NaN, infinity, or digits the type cannot hold
 * - `offline` not asked, since the meter did not answer before · `refused before` not asked, since the meter refuses this register
 * - `deadline` the cycle's time was over · `shutdown` the collector was stopping
 * - `other meter` the serial number at this address is not the configured one: nothing of the answer is stored
 * - `group` another metric of the same group could not be read, and the values only mean something together
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
  | 'other meter'
  | 'group'
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
  /**
   * Metric index → reason. Has exactly the indexes whose value is NaN; in a batch with `merge`, metrics without a value and a
   * reason were not expected at this time.
   */
  readonly missing: ReadonlyMap<number, MissingReason>;
  /** The first thing that went wrong, for people (`timeout after 1000 ms: holding 4610+90`); null: nothing. */
  readonly error: string | null;
  /** True: asked for by POST /collect or GET /metric, so its slot is not on the schedule's grid. */
  readonly byHand?: boolean;
}

/** A span of slots without polls. Written instead of invented values. */
export interface Gap {
  readonly meter: MeterInfo;
  /** First slot missing, ms UTC. */
  readonly from: number;
  /** End of the span, ms UTC, exclusive. */
  readonly until: number;
  /** Slots in the span, at least 1. */
  readonly slots: number;
  readonly reason: 'missed' | 'down' | 'lost';
}

/**
 * What changed about a meter.
 * - `exchanged` the serial number · `firmware` its version · `map` name and content hash of the register map
 * - `metric` unit, type, kind, scale, offset or ratio of one metric · `ratio` CT or PT ratio · `address` host, port or unit
 * - `offline`, `online` the meter stopped or resumed answering · `refused` registers it was found to refuse
 * - `renamed` the meter's name · `retired`, `returned` it left or came back to the configuration
 */
export type EventKind =
  | 'exchanged'
  | 'firmware'
  | 'map'
  | 'metric'
  | 'ratio'
  | 'address'
  | 'offline'
  | 'online'
  | 'refused'
  | 'renamed'
  | 'retired'
  | 'returned';

export interface MeterEvent {
  readonly meter: MeterInfo;
  /** ms UTC */
  readonly ts: number;
  readonly what: EventKind;
  /** For people, e.g. a serial number; null: nothing was known before. */
  readonly before: string | null;
  readonly after: string | null;
}

/**
 * A meter's first slot in this run of the collector. Where the database's newest poll of the meter is older than the slot
 * before it, the slots between them become a gap `down`.
 */
export interface RunStart {
  readonly meter: MeterInfo;
  /** ms UTC */
  readonly slot: number;
  /** Between slots, ms. Meters with uneven schedules have no RunStart. */
  readonly intervalMs: number;
}

/** What is recorded together: durable as a whole, or not at all. */
export interface Batch {
  readonly polls: readonly Poll[];
  readonly gaps: readonly Gap[];
  /** Left out: none. */
  readonly events?: readonly MeterEvent[];
  /**
   * For imports and sample data: where a poll of the same meter and slot is there already, its values are completed by these
   * (`keep`), or these take the place of its values (`replace`). Left out: such a poll stays as it is.
   */
  readonly merge?: 'keep' | 'replace';
}

/** What became of a batch: in the database, in the spool on disk, or lost. The first two are synced to disk. */
export type Outcome = 'stored' | 'spooled' | 'lost';

export const storedCount = (poll: Poll): number => poll.values.length - poll.missing.size;

/** How many metrics are missing for each reason. */
export function countReasons(poll: Poll): Map<MissingReason, number> {
  const counts = new Map<MissingReason, number>();
  for (const reason of poll.missing.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
}
