// The account of what the spool dropped, beside its segments: `lost-N.spool`, in their format, says what segment N and all
// that were dropped before it held. The next one replaces it before segment N + 1 is deleted, so that a crash at any instant
// leaves either a segment or its account.

import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { batchOf } from './batch.js';
import { Losses } from './losses.js';
import { SegmentFile, syncDirectory } from './segment-file.js';
import type { SegmentReader } from './segment-reader.js';
import { lostPath, newSegment, type Segment } from './segments.js';

/** What is left to read in these, the older one first. */
export async function lossesIn(readers: readonly SegmentReader[]): Promise<Losses> {
  const losses = new Losses();
  for (const reader of readers) {
    for (const entries of reader.rest()) {
      losses.add(batchOf(entries));
      await setImmediate();
    }
  }
  return losses;
}

export async function writeLost(directory: string, sequence: number, { gaps }: Losses): Promise<Segment> {
  const unfinished = join(directory, 'lost.unfinished');
  await rm(unfinished, { force: true });
  const file = await SegmentFile.create(unfinished);
  const lost = newSegment(lostPath(directory, sequence), sequence, null);
  try {
    lost.bytes = await file.append({ polls: [], gaps });
  } finally {
    await file.close();
  }
  await rename(unfinished, lost.path);
  await syncDirectory(directory);
  return lost;
}
