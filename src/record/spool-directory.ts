// The spool's files: their names, and what earlier processes left.

import { open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { addTotals, type Entry, noTotals, type Totals } from './entry.js';
import { totalsAtEnd } from './segment.js';
import { SegmentReader } from './segment-file.js';

export interface Segment {
  readonly path: string;
  readonly sequence: number;
  bytes: number;
  /** Of what waits: without the entries that were replayed. */
  totals: Totals;
}

export interface Found {
  /** Oldest first. */
  readonly segments: readonly Segment[];
  /** The content of the file of losses; older than all segments. */
  readonly lost: readonly Entry[];
  readonly lostFile: { readonly path: string; readonly bytes: number } | null;
  /** Number of the newest segment that the file of losses stands for. */
  readonly lostUpTo: number;
}

export const nameOf = (kind: 'segment' | 'lost' | 'damaged', sequence: number): string =>
  `${kind}-${String(sequence).padStart(12, '0')}.txt`;

const NAME = /^(segment|lost)-(\d{12})\.txt$/;
/** At most so many files of damaged lines are kept. */
const MAX_DAMAGED = 8;

/** Finds the segments and losses of earlier processes; deletes what a crash kept from being deleted. Rejects where the directory cannot be read. */
export async function findSegments(directory: string): Promise<Found> {
  const names = (await readdir(directory)).sort();
  const isOurs = (prefix: string) => (name: string) => name.startsWith(prefix);
  const stale = [
    ...names.filter((name) => name.endsWith('.txt.tmp')),
    ...names.filter(isOurs('damaged-')).slice(0, -MAX_DAMAGED),
  ];
  for (const name of stale) await unlink(join(directory, name));
  const files = names.flatMap((name) => {
    const [, kind, sequence] = NAME.exec(name) ?? [];
    return kind === undefined ? [] : [{ kind, path: join(directory, name), sequence: Number(sequence) }];
  });
  const lostFile = files.findLast(({ kind }) => kind === 'lost') ?? null;
  const lostUpTo = lostFile?.sequence ?? 0;
  const segments: Segment[] = [];
  for (const { kind, path, sequence } of files) {
    if (path === lostFile?.path) continue;
    const { size: bytes } = await stat(path);
    // The newest file of losses stands for all that is not newer.
    if (kind === 'lost' || sequence <= lostUpTo || bytes === 0) await unlink(path);
    else segments.push({ path, sequence, bytes, totals: await totalsOf(path, bytes) });
  }
  if (lostFile === null) return { segments, lost: [], lostFile, lostUpTo };
  const { path } = lostFile;
  const reader = await SegmentReader.open(path);
  const lost: Entry[] = [];
  for (let part = reader.peek(PART); part.length > 0; part = reader.peek(PART)) {
    lost.push(...part);
    reader.pass(part.length);
  }
  return { segments, lost, lostFile: { path, bytes: (await stat(path)).size }, lostUpTo };
}

const PART = 5000;

/** From the segment's last line, or by reading all of it. What cannot be read is logged when its turn to be replayed comes. */
async function totalsOf(path: string, bytes: number): Promise<Totals> {
  try {
    const handle = await open(path, 'r');
    try {
      const tail = Buffer.alloc(Math.min(bytes, 1024));
      await handle.read(tail, 0, tail.length, bytes - tail.length);
      const totals = totalsAtEnd(tail);
      if (totals !== null) return totals;
    } finally {
      await handle.close();
    }
    const reader = await SegmentReader.open(path);
    let totals = noTotals;
    for (let part = reader.peek(PART); part.length > 0; part = reader.peek(PART)) {
      totals = addTotals(totals, part);
      reader.pass(part.length);
      await setImmediate();
    }
    return totals;
  } catch {
    return noTotals;
  }
}
