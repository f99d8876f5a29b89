// What the spool knows of its segments, and their names on disk: numbered, so that their order is their age.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Summary } from './batch.js';
import type { SegmentFile } from './segment-file.js';

export interface Segment {
  readonly path: string;
  readonly sequence: number;
  bytes: number;
  /** Waiting, without those already drained. */
  readings: number;
  oldest: number;
  newest: number;
  /** null: sealed. */
  file: SegmentFile | null;
  /** Holds what could not be read. */
  damaged: boolean;
}

const NAME = /^segment-(\d{12})\.spool$/;

export const segmentPath = (directory: string, sequence: number): string =>
  join(directory, `segment-${String(sequence).padStart(12, '0')}.spool`);

export function newSegment(path: string, sequence: number, file: SegmentFile | null): Segment {
  const [oldest, newest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return { path, sequence, bytes: 0, readings: 0, oldest, newest, file, damaged: false };
}

/** What earlier processes left, oldest first, not yet counted. */
export async function findSegments(directory: string): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const name of (await readdir(directory)).sort()) {
    const sequence = NAME.exec(name)?.[1];
    if (sequence === undefined) continue;
    const segment = newSegment(join(directory, name), Number(sequence), null);
    segment.bytes = (await stat(segment.path)).size;
    segments.push(segment);
  }
  return segments;
}

export function count(segment: Segment, { readings, oldest, newest }: Summary): void {
  segment.readings += readings;
  segment.oldest = Math.min(segment.oldest, oldest);
  segment.newest = Math.max(segment.newest, newest);
}
