// Sums over what is recorded together.

import { storedCount } from '../reading.js';
import type { Batch } from './recorder.js';
import type { Entry } from './segment.js';

export interface Summary {
  readonly readings: number;
  /** Slots, ms UTC; of gaps, where they begin. Infinities where there is nothing. */
  readonly oldest: number;
  readonly newest: number;
}

export function summarize({ polls, gaps }: Batch): Summary {
  let readings = 0;
  let oldest = Number.POSITIVE_INFINITY;
  let newest = Number.NEGATIVE_INFINITY;
  for (const poll of polls) {
    readings += storedCount(poll);
    oldest = Math.min(oldest, poll.slot);
    newest = Math.max(newest, poll.slot);
  }
  for (const { from } of gaps) {
    oldest = Math.min(oldest, from);
    newest = Math.max(newest, from);
  }
  return { readings, oldest, newest };
}

export const batchOf = (entries: readonly Entry[]): Batch => ({
  polls: entries.flatMap((entry) => (entry.kind === 'poll' ? [entry.poll] : [])),
  gaps: entries.flatMap((entry) => (entry.kind === 'gap' ? [entry.gap] : [])),
});

export const joinBatches = (batches: readonly Batch[]): Batch => ({
  polls: batches.flatMap((batch) => batch.polls),
  gaps: batches.flatMap((batch) => batch.gaps),
});
