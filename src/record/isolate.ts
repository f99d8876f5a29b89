// When the database refuses a batch for ever, finds the single readings that it refuses, by halving, so that all others
// get in. A poll is written once, when it is known what the database takes of it: what it says of its readings is true.
// Interrupted anywhere and done again, the same comes out.

import type { EmdcError } from '../model/errors.js';
import type { MissingReason, Poll } from '../model/poll.js';
import type { StoreBatch } from '../store/store.js';
import type { WriteResult } from './database.js';
import type { Batch } from './recorder.js';

export interface Isolation {
  readonly write: (batch: StoreBatch) => Promise<WriteResult>;
  /** Keeps what is refused; `rest` is a batch of one poll or one gap. */
  readonly bury: (rest: Batch, error: EmdcError) => Promise<void>;
}

/** Resolves to null when everything is stored or buried, else to why the database went away meanwhile. */
export async function isolate(batch: Batch, error: EmdcError, isolation: Isolation): Promise<EmdcError | null> {
  const { polls, gaps } = batch;
  const [poll] = polls;
  if (polls.length + gaps.length === 1) {
    if (poll) return isolateReadings(poll, error, isolation);
    await isolation.bury(batch, error);
    return null;
  }
  for (const half of halve(batch)) {
    const result = await isolation.write(half);
    if (result.kind === 'away') return result.error;
    const away = result.kind === 'refused' ? await isolate(half, result.error, isolation) : null;
    if (away) return away;
  }
  return null;
}

async function isolateReadings(poll: Poll, error: EmdcError, isolation: Isolation): Promise<EmdcError | null> {
  const { write, bury } = isolation;
  // Perhaps not its readings but the meter is refused: no need to try them one by one.
  const bare = await write(partOf(poll, []));
  if (bare.kind === 'away') return bare.error;
  if (bare.kind === 'refused') {
    await bury({ polls: [poll], gaps: [] }, bare.error);
    return null;
  }
  const refused = new Map<number, EmdcError>();
  const read = [...poll.values.keys()].filter((index) => !Number.isNaN(poll.values[index]));
  const away = await storeTaken(poll, split(read), refused, isolation);
  if (away) return away;
  const isTaken = (index: number) => !refused.has(index);
  const rest = withReadings(poll, read.filter(isTaken));
  // Where it is still refused it may be for what the error says.
  for (const attempt of rest.error === null ? [rest] : [rest, { ...rest, error: null }]) {
    const result = await write({ polls: [attempt], gaps: [] });
    if (result.kind === 'away') return result.error;
    if (result.kind === 'refused') continue;
    for (const [index, why] of refused) await bury({ polls: [withReadings(poll, [index])], gaps: [] }, why);
    return null;
  }
  await bury({ polls: [poll], gaps: [] }, error);
  return null;
}

/** Stores what the database takes; what it refuses, it adds to `refused`. Resolves to null, or to why it went away. */
async function storeTaken(
  poll: Poll,
  groups: readonly (readonly number[])[],
  refused: Map<number, EmdcError>,
  isolation: Isolation,
): Promise<EmdcError | null> {
  for (const group of groups) {
    const [first] = group;
    if (first === undefined) continue;
    const result = await isolation.write(partOf(poll, group));
    if (result.kind === 'away') return result.error;
    if (result.kind === 'stored') continue;
    if (group.length === 1) {
      refused.set(first, result.error);
      continue;
    }
    const away = await storeTaken(poll, split(group), refused, isolation);
    if (away) return away;
  }
  return null;
}

function halve({ polls, gaps }: Batch): readonly Batch[] {
  if (polls.length > 0 && gaps.length > 0) {
    return [
      { polls, gaps: [] },
      { polls: [], gaps },
    ];
  }
  if (gaps.length > 0) return split(gaps).map((half) => ({ polls: [], gaps: half }));
  return split(polls).map((half) => ({ polls: half, gaps: [] }));
}

const split = <T>(items: readonly T[]): (readonly T[])[] => {
  const middle = items.length >> 1;
  return [items.slice(0, middle), items.slice(middle)];
};

const partOf = (poll: Poll, indexes: readonly number[]): StoreBatch => ({
  polls: [],
  gaps: [],
  parts: [withReadings(poll, indexes)],
});

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
