// The entries on local disk that the database has not taken yet: append-only segments in one directory, oldest first.
//
//   segment-000000000012.txt   as appended; the newest one is open for appending
//   lost-000000000009.txt      what must outlive the dropped segments up to number 9 (see losses.ts); at most one
//   damaged-000000000007.txt   lines of segment 7 that could not be used, for people
//
// What `append` acknowledged is on disk until it was replayed or dropped at the spool's bound. A segment is deleted when
// all of it was replayed; a process that was killed before replays the segment again, which is harmless.

import { mkdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../model/clock.js';
import { EmdcError, messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { addTotals, type Entry, noTotals } from './entry.js';
import { Losses } from './losses.js';
import { SegmentEncoder } from './segment.js';
import { replaceFile, SegmentReader, SegmentWriter, syncDirectory } from './segment-file.js';
import { type Found, findSegments, nameOf, type Segment } from './spool-directory.js';
import { lockSpool } from './spool-lock.js';

export interface SpoolOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** ms between slots by meter name, where they are known; for the bounds of gaps `lost`. */
  readonly intervals: ReadonlyMap<string, number>;
}

/** The oldest entries in the spool. */
export interface Chunk {
  readonly entries: readonly Entry[];
  /** To be called once: the entries are in the database and are let go, or stay for another time. */
  end(stored: boolean): Promise<void>;
}

/**
 * Rejects with `spool-unusable` when the directory cannot be made or read, with `spool-in-use` when another collector
 * holds it.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { directory, log } = options;
  try {
    const created = await mkdir(directory, { recursive: true });
    if (created !== undefined) await syncDirectory(join(created, '..'));
  } catch (error) {
    throw unusable(directory, error);
  }
  const release = await lockSpool(directory, log);
  try {
    const spool = new Spool(options, await findSegments(directory), release);
    const { readings } = spool.status();
    if (readings > 0) log.info('spool holds readings of an earlier run', { readings });
    return spool;
  } catch (error) {
    await release();
    throw unusable(directory, error);
  }
}

const unusable = (directory: string, cause: unknown): EmdcError =>
  new EmdcError({
    code: 'spool-unusable',
    message: `spool directory ${directory} cannot be used: ${messageOf(cause)}`,
    hint: 'set spool.directory to a folder that the collector may write to',
    cause,
  });

const MAX_SEGMENT_BYTES = 8 * 1024 * 1024;

export class Spool {
  readonly #options: SpoolOptions;
  readonly #release: () => Promise<void>;
  readonly #segments: Segment[];
  #writer: SegmentWriter | null = null;
  /** The reader of the oldest segment. */
  #reader: SegmentReader | null = null;
  /** A chunk was taken and not ended: the oldest segment may not be dropped meanwhile. */
  #chunkTaken = false;
  readonly #losses: Losses;
  /** Losses that are being replayed. */
  #lossesTaken: readonly Entry[] = [];
  #lostFile: { readonly path: string; readonly bytes: number } | null;
  #lostUpTo: number;
  #sequence: number;
  #exclusive: Promise<unknown> = Promise.resolve();
  #dropped = 0;
  #failing = false;
  #dropping = false;
  #closed = false;

  /** Called by `openSpool`. `release` gives the directory's lock back. */
  constructor(options: SpoolOptions, found: Found, release: () => Promise<void>) {
    this.#options = options;
    this.#release = release;
    this.#segments = [...found.segments];
    this.#losses = new Losses(options.intervals);
    this.#losses.add(found.lost);
    this.#lostFile = found.lostFile;
    this.#lostUpTo = found.lostUpTo;
    this.#sequence = Math.max(found.lostUpTo, found.segments.at(-1)?.sequence ?? 0);
  }

  get empty(): boolean {
    return this.#segments.length === 0 && !this.#holdsLosses;
  }

  /** Polls recorded from now on belong behind a start that waits here: none of them may reach the database before it. */
  get holdsStarts(): boolean {
    return this.#holdsLosses || this.#segments.some(({ totals }) => totals.starts > 0);
  }

  get #holdsLosses(): boolean {
    return !this.#losses.empty || this.#lossesTaken.length > 0;
  }

  get #bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, this.#lostFile?.bytes ?? 0);
  }

  status(): { readings: number; bytes: number; oldest: number | null; dropped: number } {
    const readings = this.#segments.reduce((sum, { totals }) => sum + totals.readings, 0);
    const waiting = this.#segments.find(({ totals }) => totals.readings > 0);
    return { readings, bytes: this.#bytes, oldest: waiting?.totals.oldest ?? null, dropped: this.#dropped };
  }

  /** A mark between what was appended so far and what follows; `isPast` says when all before the mark was replayed. */
  mark(): number {
    // What is appended next goes to a segment of its own.
    return this.#sequence++;
  }

  isPast(mark: number): boolean {
    return !this.#holdsLosses && !this.#segments.some(({ sequence }) => sequence <= mark);
  }

  /** Resolves to true when the entries are on disk, false when they could not be written; never rejects. */
  append(entries: readonly Entry[]): Promise<boolean> {
    return this.#alone(async () => {
      if (this.#closed) return false;
      try {
        await this.#append(entries);
        if (this.#failing) this.#options.log.info('spool can be written again');
        this.#failing = false;
        return true;
      } catch (error) {
        const hint = 'free space or repair the disk; until then readings are lost while the database is away';
        if (!this.#failing) this.#options.log.error('spool cannot be written', { error, hint });
        this.#failing = true;
        return false;
      }
    });
  }

  /** The oldest entries, up to `maxWeight`; null: the spool is empty. The same ones again until they are stored. */
  take(maxWeight: number): Promise<Chunk | null> {
    return this.#alone(async () => {
      const chunk = this.#closed ? null : (this.#takeLosses() ?? (await this.#takeOldest(maxWeight)));
      this.#chunkTaken = chunk !== null;
      return chunk;
    });
  }

  /** Drops segments of which everything is older than the limit. */
  dropAged(): Promise<void> {
    const { clock, maxAgeMs } = this.#options;
    const isAged = ({ totals }: Segment) => totals.newest !== null && totals.newest < clock.now() - maxAgeMs;
    return this.#alone(() => this.#dropWhile(isAged, 'too old'));
  }

  async close(): Promise<void> {
    await this.#alone(async () => {
      if (this.#closed) return;
      this.#closed = true;
      await this.#writer?.close().catch(() => {});
      await this.#release();
    });
  }

  async #append(entries: readonly Entry[]): Promise<void> {
    const added = addTotals(noTotals, entries);
    const { segment, writer } = await this.#openSegment(added.oldest ?? 0);
    try {
      segment.bytes += await writer.append(entries);
    } catch (error) {
      await this.#seal();
      if (segment.bytes === 0) await this.#remove(segment, null);
      throw error;
    }
    segment.totals = addTotals(segment.totals, entries);
    await this.#keepBound();
  }

  /** The segment that is open for appending, or a new one where that is full or covers too long a time to be dropped whole. */
  async #openSegment(time: number): Promise<{ segment: Segment; writer: SegmentWriter }> {
    const { directory, maxBytes, maxAgeMs } = this.#options;
    const open = this.#segments.at(-1);
    if (open && this.#writer) {
      const isFull = open.bytes >= Math.min(MAX_SEGMENT_BYTES, maxBytes / 8);
      const isLong = time - (open.totals.oldest ?? time) > maxAgeMs / 16;
      if (!isFull && !isLong && open.sequence === this.#sequence) return { segment: open, writer: this.#writer };
      await this.#seal();
    }
    const sequence = this.#sequence + 1;
    const path = join(directory, nameOf('segment', sequence));
    this.#writer = await SegmentWriter.create(path);
    this.#sequence = sequence;
    const segment: Segment = { path, sequence, bytes: 0, totals: noTotals };
    this.#segments.push(segment);
    return { segment, writer: this.#writer };
  }

  async #seal(): Promise<void> {
    await this.#writer?.close().catch(() => {});
    this.#writer = null;
  }

  #takeLosses(): Chunk | null {
    if (this.#losses.empty) return null;
    this.#lossesTaken = this.#losses.entries;
    this.#losses.clear();
    const entries = this.#lossesTaken;
    const end = async (stored: boolean) => {
      // What was dropped meanwhile comes after what was taken.
      const since = this.#losses.entries;
      this.#losses.clear();
      this.#losses.add(stored ? since : [...entries, ...since]);
      this.#lossesTaken = [];
      // Where that fails they are replayed once more by the next process, which is harmless.
      if (stored) await this.#saveLosses().catch(() => {});
    };
    return this.#chunk(entries, end);
  }

  async #takeOldest(maxWeight: number): Promise<Chunk | null> {
    for (;;) {
      const [segment] = this.#segments;
      if (!segment) return null;
      const reader = await this.#readOldest(segment);
      const entries = reader?.peek(maxWeight) ?? [];
      if (reader === null || entries.length === 0) {
        await this.#remove(segment, reader);
        continue;
      }
      const end = async (stored: boolean) => {
        if (!stored) return;
        reader.pass(entries.length);
        const { readings, starts } = addTotals(noTotals, entries);
        const { totals } = segment;
        segment.totals = { ...totals, readings: totals.readings - readings, starts: totals.starts - starts };
        if (reader.peek(1).length === 0) await this.#remove(segment, reader);
      };
      return this.#chunk(entries, end);
    }
  }

  #chunk(entries: readonly Entry[], end: (stored: boolean) => Promise<void>): Chunk {
    return {
      entries,
      end: (stored) =>
        this.#alone(async () => {
          this.#chunkTaken = false;
          await end(stored);
          await this.#keepBound();
        }),
    };
  }

  /** null: the file cannot be read; it is moved aside. */
  async #readOldest(segment: Segment): Promise<SegmentReader | null> {
    if (segment === this.#segments.at(-1)) await this.#seal();
    try {
      this.#reader ??= await SegmentReader.open(segment.path);
      return this.#reader;
    } catch (error) {
      const { directory, log } = this.#options;
      const { path, sequence, totals } = segment;
      this.#dropped += totals.readings;
      log.error('spool segment cannot be read: moved aside', { path, readings: totals.readings, error });
      await rename(path, join(directory, nameOf('damaged', sequence))).catch(() => {});
      return null;
    }
  }

  #keepBound(): Promise<void> {
    return this.#dropWhile(() => this.#bytes > this.#options.maxBytes, 'spool full');
  }

  async #dropWhile(isOver: (oldest: Segment) => boolean, why: string): Promise<void> {
    for (let [oldest] = this.#segments; oldest && isOver(oldest); [oldest] = this.#segments) {
      // Dropped when the chunk ends: until then it is open whether its entries are lost.
      if (this.#chunkTaken && this.#reader !== null) return;
      await this.#drop(oldest, why);
    }
  }

  async #drop(segment: Segment, why: string): Promise<void> {
    const { log, maxBytes, maxAgeMs } = this.#options;
    const { readings } = segment.totals;
    this.#dropped += readings;
    if (!this.#dropping && readings > 0) {
      log.error('spool drops its oldest readings', { why, readings, maxBytes, maxAgeMs });
      this.#dropping = true;
    }
    const reader = await this.#readOldest(segment);
    for (let part = reader?.peek(PART) ?? []; part.length > 0; part = reader?.peek(PART) ?? []) {
      this.#losses.add(part);
      reader?.pass(part.length);
      await setImmediate();
    }
    this.#lostUpTo = segment.sequence;
    const saved = await this.#saveLosses().then(
      () => true,
      () => false,
    );
    await this.#remove(segment, reader);
    // The removed segment has made room.
    if (!saved) {
      await this.#saveLosses().catch((error) => {
        const hint = 'a stop before the database is back leaves slots without a poll and without a gap';
        log.error('what the spool dropped cannot be noted on disk', { path: segment.path, error, hint });
      });
    }
  }

  /** Rewrites the file of losses, or deletes it. */
  async #saveLosses(): Promise<void> {
    const { directory } = this.#options;
    const entries = [...this.#lossesTaken, ...this.#losses.entries];
    const before = this.#lostFile;
    const path = join(directory, nameOf('lost', this.#lostUpTo));
    if (entries.length > 0) {
      const text = new SegmentEncoder().encode(entries);
      await replaceFile(path, text);
      this.#lostFile = { path, bytes: Buffer.byteLength(text) };
    } else this.#lostFile = null;
    if (before !== null && before.path !== this.#lostFile?.path) await unlink(before.path).catch(() => {});
  }

  async #remove(segment: Segment, reader: SegmentReader | null): Promise<void> {
    const { directory, log } = this.#options;
    const { path } = segment;
    if (reader && reader.tornBytes > 0)
      log.info('spool segment ends in an unfinished write, left out', { path, bytes: reader.tornBytes });
    if (reader && reader.damaged.length > 0) {
      const file = join(directory, nameOf('damaged', segment.sequence));
      log.error('spool segment has damaged lines: set aside', { path, lines: reader.damaged.length, file });
      await replaceFile(file, `${reader.damaged.join('\n')}\n`).catch(() => {});
    }
    if (segment === this.#segments[0]) this.#reader = null;
    if (segment === this.#segments.at(-1)) await this.#seal();
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    if (this.#segments.length === 0) this.#dropping = false;
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') log.error('spool segment cannot be deleted', { path, error });
    });
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#exclusive.then(work);
    this.#exclusive = result.catch(() => {});
    return result;
  }
}

/** What is condensed between two turns of the event loop, in readings. */
const PART = 5000;
