// What is written at once, in columns: the form in which polls reach a backend, cheap to hand to another thread.

import type { MeterInfo } from '../model/meter.js';
import { countReasons, type Gap, storedCount } from '../model/poll.js';
import type { StoreBatch } from './store.js';

/** Columns of `Batch.polls`, in this order. */
export const POLL_COLUMNS = 8;

export interface Batch {
  /** Meters that the backend may not know yet, by key. */
  readonly newMeters: readonly (readonly [key: number, meter: MeterInfo])[];
  /** POLL_COLUMNS numbers per poll: meter key, slot, read at, duration ms, requests, expected, stored, and 0 for a part. */
  readonly polls: Float64Array;
  /** The values of all polls, one poll after another. */
  readonly values: Float64Array;
  /** Poll index → what went wrong. */
  readonly errors: readonly (readonly [poll: number, error: string])[];
  readonly gaps: readonly GapRow[];
}

export interface GapRow {
  readonly meterKey: number;
  readonly ts: number;
  /** Exclusive; equal to `ts`: part of that slot's poll. */
  readonly until: number;
  readonly reason: string;
  readonly slots: number;
  readonly readings: number;
  /** `readAt` of the poll that it belongs to; null: a span of slots without polls. */
  readonly readAt: number | null;
}

const HOUR_MS = 3_600_000;

/** Errors are for people; a meter that sends kilobytes of them gets no more room than this. */
const MAX_ERROR_LENGTH = 500;

export function toBatch(batch: StoreBatch, keyOf: (meter: MeterInfo) => number): Omit<Batch, 'newMeters'> {
  const all = batch.parts ? [...batch.polls, ...batch.parts] : batch.polls;
  const polls = new Float64Array(all.length * POLL_COLUMNS);
  const values = new Float64Array(all.reduce((sum, poll) => sum + poll.values.length, 0));
  const errors: [number, string][] = [];
  const gaps: GapRow[] = [];
  let offset = 0;
  all.forEach((poll, index) => {
    const key = keyOf(poll.meter);
    const stored = storedCount(poll);
    const whole = index < batch.polls.length;
    // One by one: an array per poll takes longer than all the rest of this.
    let column = index * POLL_COLUMNS;
    polls[column++] = key;
    polls[column++] = poll.slot;
    polls[column++] = poll.readAt;
    polls[column++] = Math.round(poll.durationMs);
    polls[column++] = poll.requests;
    polls[column++] = poll.values.length;
    polls[column++] = stored;
    polls[column++] = +whole;
    values.set(poll.values, offset);
    offset += poll.values.length;
    if (!whole) return;
    if (poll.error !== null) errors.push([index, poll.error.slice(0, MAX_ERROR_LENGTH)]);
    if (poll.missing.size === 0) return;
    for (const [reason, readings] of countReasons(poll)) {
      gaps.push({ meterKey: key, ts: poll.slot, until: poll.slot, reason, slots: 1, readings, readAt: poll.readAt });
    }
  });
  for (const gap of batch.gaps) gaps.push(...splitByHour(gap, keyOf(gap.meter)));
  return { polls, values, errors, gaps };
}

/** A span in pieces that lie in one hour each; their slots and readings add up to the span's. None for a span without slots. */
export function splitByHour(gap: Gap, meterKey: number): GapRow[] {
  const rows: GapRow[] = [];
  const spacing = (gap.until - gap.from) / gap.slots;
  const slotsBefore = (time: number) => Math.min(gap.slots, Math.ceil((time - gap.from) / spacing));
  for (let ts = gap.from; ts < gap.until; ) {
    const until = Math.min(gap.until, ts - (ts % HOUR_MS) + HOUR_MS);
    const slots = slotsBefore(until) - slotsBefore(ts);
    if (slots > 0) {
      const readings = slots * gap.meter.metrics.length;
      rows.push({ meterKey, ts, until, reason: gap.reason, slots, readings, readAt: null });
    }
    ts = until;
  }
  return rows;
}
