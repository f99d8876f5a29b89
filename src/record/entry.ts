// What the recorder keeps, one thing at a time and in order: the polls, gaps and events of batches, and the starts of runs.

import type { MeterInfo } from '../model/meter.js';
import { type Batch, type Gap, type MeterEvent, type Poll, type RunStart, storedCount } from '../model/poll.js';

/** One line of the spool. A `start` is never written to the database: replay turns it into the gap before it. */
export type Entry =
  | { readonly kind: 'poll'; readonly poll: Poll }
  | { readonly kind: 'gap'; readonly gap: Gap }
  | { readonly kind: 'event'; readonly event: MeterEvent }
  | { readonly kind: 'start'; readonly start: RunStart };

export function entriesOf({ polls, gaps, events = [] }: Batch): Entry[] {
  return [
    ...polls.map((poll): Entry => ({ kind: 'poll', poll })),
    ...gaps.map((gap): Entry => ({ kind: 'gap', gap })),
    ...events.map((event): Entry => ({ kind: 'event', event })),
  ];
}

export function meterOf(entry: Entry): MeterInfo {
  switch (entry.kind) {
    case 'poll':
      return entry.poll.meter;
    case 'gap':
      return entry.gap.meter;
    case 'event':
      return entry.event.meter;
    case 'start':
      return entry.start.meter;
  }
}

/** The batch to write to the database. */
export function batchOf(entries: readonly Entry[]): Batch {
  return {
    polls: entries.flatMap((entry) => (entry.kind === 'poll' ? [entry.poll] : [])),
    gaps: entries.flatMap((entry) => (entry.kind === 'gap' ? [entry.gap] : [])),
    events: entries.flatMap((entry) => (entry.kind === 'event' ? [entry.event] : [])),
  };
}

/** What a write of the entry costs, about, in readings: a poll without a value is a row as well. */
export const weightOf = (entry: Entry): number => (entry.kind === 'poll' ? 1 + entry.poll.values.length : 1);

/** Sums over entries, kept for every segment of the spool. */
export interface Totals {
  /** Values of polls. */
  readonly readings: number;
  readonly starts: number;
  /** Oldest and newest time of a poll, gap or event, ms UTC; null: there is none. */
  readonly oldest: number | null;
  readonly newest: number | null;
}

export const noTotals: Totals = { readings: 0, starts: 0, oldest: null, newest: null };

export function addTotals(totals: Totals, entries: readonly Entry[]): Totals {
  let { readings, starts, oldest, newest } = totals;
  for (const entry of entries) {
    if (entry.kind === 'start') starts++;
    else if (entry.kind === 'poll') readings += storedCount(entry.poll);
    const [from, until] = spanOf(entry);
    oldest = Math.min(oldest ?? from, from);
    newest = Math.max(newest ?? until, until);
  }
  return { readings, starts, oldest, newest };
}

function spanOf(entry: Entry): readonly [number, number] {
  switch (entry.kind) {
    case 'poll':
      return [entry.poll.slot, entry.poll.slot];
    case 'gap':
      return [entry.gap.from, entry.gap.until - 1];
    case 'event':
      return [entry.event.ts, entry.event.ts];
    case 'start':
      return [entry.start.slot, entry.start.slot];
  }
}
