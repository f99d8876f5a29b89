// What the spool knows of its segments, and their names on disk: numbered, so that their order is their age.

import { readdir, stat, unlink } from 'node:fs/promises';
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

const NAME = /^(segment|lost)-(\d{12})\.spool$/;

const nameOf = (kind: 'segment' | 'lost', sequence: number) => `${kind}-${String(sequence).padStart(12, '0')}.spool`;

export const segmentPath = (directory: string, sequence: number): string =>
  join(directory, nameOf('segment', sequence));

/** See lost-file.ts. */
export const lostPath = (directory: string, sequence: number): string => join(directory, nameOf('lost', sequence));

export function newSegment(path: string, sequence: number, file: SegmentFile | null): Segment {
  const [oldest, newest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return { path, sequence, bytes: 0, readings: 0, oldest, newest, file, damaged: false };
}

export interface Found {
  /** Oldest first. */
  readonly segments: Segment[];
  readonly lost: Segment | null;
}

/** What earlier processes left, not yet counted. Deletes what a crash kept from being deleted. */
export async function findSegments(directory: string): Promise<Found> {
  const found = { segment: [] as Segment[], lost: [] as Segment[] };
  for (const name of (await readdir(directory)).sort()) {
    const [, kind, sequence] = NAME.exec(name) ?? [];
    if (kind === undefined) continue;
    const segment = newSegment(join(directory, name), Number(sequence), null);
    segment.bytes = (await stat(segment.path)).size;
    found[kind as keyof typeof found].push(segment);
  }
  const lost = found.lost.pop() ?? null;
  const isDropped = ({ sequence }: Segment) => sequence === lost?.sequence;
  for (const { path } of [...found.lost, ...found.segment.filter(isDropped)]) await unlink(path);
  return { segments: found.segment.filter((segment) => !isDropped(segment)), lost };
}

export function count(segment: Segment, { readings, oldest, newest }: Summary): void {
  segment.readings += readings;
  segment.oldest = Math.min(segment.oldest, oldest);
  segment.newest = Math.max(segment.newest, newest);
}
