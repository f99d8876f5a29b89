// When the database refuses a batch for ever, finds the single readings that it refuses, by halving, so that all others
// get in.

import type { EmdcError } from '../errors.js';
import { type MissingReason, type Poll, storedCount } from '../reading.js';
import type { WriteResult } from './database.js';
import type { Batch } from './recorder.js';

export interface Isolation {
  readonly write: (batch: Batch) => Promise<WriteResult>;
  /** Keeps what is refused; `rest` is a batch of one poll or one gap. */
  readonly bury: (rest: Batch, error: EmdcError) => Promise<void>;
}

/** Resolves to null when everything is stored or buried, else to why the database went away meanwhile. */
export async function isolate(batch: Batch, error: EmdcError, isolation: Isolation): Promise<EmdcError | null> {
  const halves = halve(batch);
  if (!halves) {
    await isolation.bury(batch, error);
    return null;
  }
  const refused: { half: Batch; error: EmdcError }[] = [];
  for (const half of halves) {
    const result = await isolation.write(half);
    if (result.kind === 'away') return result.error;
    if (result.kind === 'refused') refused.push({ half, error: result.error });
  }
  const [poll] = batch.polls;
  if (refused.length === 2 && batch.polls.length === 1 && poll && batch.gaps.length === 0) {
    // Perhaps not its readings but the poll itself is refused: no need to try them one by one.
    const bare = await isolation.write({ polls: [withReadings(poll, [])], gaps: [] });
    if (bare.kind === 'away') return bare.error;
    if (bare.kind === 'refused') {
      await isolation.bury(batch, bare.error);
      return null;
    }
  }
  for (const { half, error } of refused) {
    const away = await isolate(half, error, isolation);
    if (away) return away;
  }
  return null;
}

/** null: a single reading, a poll without any, or a gap. */
function halve({ polls, gaps }: Batch): readonly Batch[] | null {
  if (polls.length > 0 && gaps.length > 0) {
    return [
      { polls, gaps: [] },
      { polls: [], gaps },
    ];
  }
  if (gaps.length > 1) return split(gaps).map((half) => ({ polls: [], gaps: half }));
  if (polls.length > 1) return split(polls).map((half) => ({ polls: half, gaps: [] }));
  const [poll] = polls;
  if (!poll || storedCount(poll) < 2) return null;
  const read = [...poll.values.keys()].filter((index) => !Number.isNaN(poll.values[index]));
  return split(read).map((half) => ({ polls: [withReadings(poll, half)], gaps: [] }));
}

const split = <T>(items: readonly T[]): (readonly T[])[] => {
  const middle = items.length >> 1;
  return [items.slice(0, middle), items.slice(middle)];
};

/** The poll with only the readings at these indexes; the others are marked `rejected`. */
function withReadings(poll: Poll, indexes: readonly number[]): Poll {
  const values = new Float64Array(poll.values.length).fill(Number.NaN);
  const missing = new Map<number, MissingReason>(poll.missing);
  for (const index of indexes) values[index] = poll.values[index] as number;
  values.forEach((value, index) => {
    if (Number.isNaN(value) && !missing.has(index)) missing.set(index, 'rejected');
  });
  return { ...poll, values, missing };
}
