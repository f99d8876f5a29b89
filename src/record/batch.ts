// Sums over what is recorded together.

import { type Gap, storedCount } from '../model/poll.js';
import type { Batch } from './recorder.js';
import type { Entry } from './segment.js';

export interface Summary {
  readonly readings: number;
  /** What it takes to write it, in readings. */
  readonly weight: number;
  /** Slots, ms UTC. Infinities where there is nothing. */
  readonly oldest: number;
  readonly newest: number;
}

export function summarize({ polls, gaps }: Batch): Summary {
  let readings = 0;
  let weight = 0;
  let oldest = Number.POSITIVE_INFINITY;
  let newest = Number.NEGATIVE_INFINITY;
  for (const poll of polls) {
    readings += storedCount(poll);
    oldest = Math.min(oldest, poll.slot);
    newest = Math.max(newest, poll.slot);
  }
  for (const gap of gaps) {
    weight += weightOf(gap);
    oldest = Math.min(oldest, gap.from);
    newest = Math.max(newest, gap.until - 1);
  }
  return { readings, weight: weight + readings, oldest, newest };
}

const HOUR_MS = 3_600_000;

/** A row for each hour, of many columns. */
export const weightOf = ({ from, until }: Gap): number => 10 * Math.ceil((until - from) / HOUR_MS);

export const batchOf = (entries: readonly Entry[]): Batch => ({
  polls: entries.flatMap((entry) => (entry.kind === 'poll' ? [entry.poll] : [])),
  gaps: entries.flatMap((entry) => (entry.kind === 'gap' ? [entry.gap] : [])),
});

export const joinBatches = (batches: readonly Batch[]): Batch => ({
  polls: batches.flatMap((batch) => batch.polls),
  gaps: batches.flatMap((batch) => batch.gaps),
});
