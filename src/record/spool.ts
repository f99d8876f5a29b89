// The readings on local disk that the database has not taken yet: append-only segments in one directory, bounded by bytes
// and age, oldest dropped first, counted, and on record as lost. What `append` acknowledged is on disk until it was taken or
// dropped; what an earlier process left is found again. Draining reads whole chunks, oldest first, and deletes a segment
// only when done.

import { readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../model/clock.js';
import type { Log } from '../model/log.js';
import type { MeterInfo } from '../model/meter.js';
import { isOpen, type LeftOpen } from './account.js';
import { batchOf, summarize } from './batch.js';
import { lossesIn, writeLost } from './lost-file.js';
import type { Batch } from './recorder.js';
import { readSegment } from './segment.js';
import { SegmentFile } from './segment-file.js';
import { type Damage, SegmentReader } from './segment-reader.js';
import { count, type Found, newSegment, type Segment, segmentPath } from './segments.js';
import type { SpoolLock } from './spool-lock.js';
import { SpoolLog } from './spool-log.js';

export interface SpoolOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** The oldest polls and gaps in the spool. */
export interface Chunk {
  readonly batch: Batch;
  readonly readings: number;
  /** They are safe elsewhere: lets go of them. */
  done(): void;
}

interface Draining {
  readonly segment: Segment;
  readonly reader: SegmentReader;
}

const MAX_SEGMENT_BYTES = 8 * 1024 * 1024;

export class Spool {
  /** Resolves when what an earlier process left has been counted. */
  readonly ready: Promise<void>;
  /** Newest slot per meter name that an earlier process left; complete when `ready`. */
  readonly leftSlots = new Map<string, number>();
  /** Complete when `ready`. */
  readonly leftOpen: LeftOpen[] = [];
  readonly #options: SpoolOptions;
  readonly #lock: SpoolLock;
  readonly #say: SpoolLog;
  /** Oldest first; only the last one may be open for appending. */
  readonly #segments: Segment[];
  /** The account of what was dropped: older than all segments. */
  #lost: Segment | null;
  #sequence: number;
  #draining: Draining | null = null;
  #exclusive: Promise<unknown> = Promise.resolve();
  #dropped = 0;
  #closed = false;

  constructor(options: SpoolOptions, lock: SpoolLock, { segments, lost }: Found) {
    this.#options = options;
    this.#lock = lock;
    this.#say = new SpoolLog(options.log, options);
    this.#segments = segments;
    this.#lost = lost;
    this.#sequence = segments.at(-1)?.sequence ?? lost?.sequence ?? 0;
    this.ready = this.#scan(this.#all);
  }

  get empty(): boolean {
    return this.#all.length === 0;
  }

  get #all(): readonly Segment[] {
    return this.#lost === null ? [...this.#segments] : [this.#lost, ...this.#segments];
  }

  get #bytes(): number {
    return this.#all.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  status(): { readings: number; bytes: number; oldest: number | null; dropped: number } {
    let readings = 0;
    let oldest: number | null = null;
    for (const segment of this.#all) {
      readings += segment.readings;
      if (segment.readings > 0) oldest = Math.min(oldest ?? segment.oldest, segment.oldest);
    }
    return { readings, bytes: this.#bytes, oldest, dropped: this.#dropped };
  }

  /** Resolves to true when the batch is on disk, false when it could not be written; never rejects. */
  append(batch: Batch): Promise<boolean> {
    return this.#alone(async () => {
      if (this.#closed) return false;
      try {
        await this.#append(batch);
        this.#say.written(null);
        return true;
      } catch (error) {
        this.#say.written(error);
        return false;
      }
    });
  }

  /** The oldest polls and gaps, up to about `maxReadings`; null: the spool is empty. The same ones again until they are done. */
  async next(maxReadings: number): Promise<Chunk | null> {
    await this.ready;
    for (;;) {
      const draining = this.#draining ?? (await this.#alone(() => this.#startDraining()));
      if (!draining) return null;
      const entries = draining.reader.peek(maxReadings);
      if (entries.length === 0) {
        await this.#alone(() => this.#remove(draining.segment));
        continue;
      }
      const batch = batchOf(entries);
      const { readings } = summarize(batch);
      const done = () => {
        draining.reader.pass(entries.length);
        draining.segment.readings -= readings;
      };
      return { batch, readings, done };
    }
  }

  /** Drops what is older than the limit. */
  async dropAged(): Promise<void> {
    await this.ready;
    await this.#alone(async () => {
      const { clock, maxAgeMs } = this.#options;
      for (;;) {
        const segment = this.#segments[0];
        if (!segment || segment.newest >= clock.now() - maxAgeMs) return;
        await this.#drop(segment, 'too old');
      }
    });
  }

  async close(): Promise<void> {
    await this.#alone(async () => {
      if (this.#closed) return;
      this.#closed = true;
      await this.#segments.at(-1)?.file?.close();
      await this.#lock.release();
    });
    await this.ready;
  }

  async #append(batch: Batch): Promise<void> {
    const summary = summarize(batch);
    const { segment, file } = await this.#segmentFor(summary.oldest);
    try {
      segment.bytes += await file.append(batch);
    } catch (error) {
      await this.#seal(segment);
      throw error;
    }
    count(segment, summary);
    await this.#keepBound();
  }

  /** The open segment, or a new one where that is full or covers too long a time to be dropped as one. */
  async #segmentFor(slot: number): Promise<{ segment: Segment; file: SegmentFile }> {
    const { directory, maxBytes, maxAgeMs } = this.#options;
    const open = this.#segments.at(-1);
    if (open?.file) {
      const room = open.bytes < Math.min(MAX_SEGMENT_BYTES, maxBytes / 8);
      if (room && slot - open.oldest <= maxAgeMs / 16) return { segment: open, file: open.file };
      await this.#seal(open);
    }
    this.#sequence++;
    const path = segmentPath(directory, this.#sequence);
    const file = await SegmentFile.create(path);
    const segment = newSegment(path, this.#sequence, file);
    this.#segments.push(segment);
    return { segment, file };
  }

  async #seal(segment: Segment): Promise<void> {
    await segment.file?.close().catch(() => {});
    segment.file = null;
    if (segment.bytes === 0) await this.#remove(segment);
  }

  async #keepBound(): Promise<void> {
    while (this.#segments[0] && this.#bytes > this.#options.maxBytes) await this.#drop(this.#segments[0], 'spool full');
  }

  async #drop(segment: Segment, why: string): Promise<void> {
    const { readings } = segment;
    this.#dropped += readings;
    this.#say.dropped(why, readings);
    await segment.file?.close().catch(() => {});
    if (segment !== this.#lost) await this.#account(segment);
    await this.#remove(segment);
  }

  /** What is in it goes on record as lost. What is being written to the database at this moment may be there, too. */
  async #account(segment: Segment): Promise<void> {
    const before = this.#lost;
    const draining = this.#draining;
    // Nobody else goes on reading there meanwhile.
    this.#draining = null;
    try {
      const readers: SegmentReader[] = [];
      for (const each of before ? [before, segment] : [segment])
        readers.push(draining?.segment === each ? draining.reader : await this.#reader(each));
      const lost = await writeLost(this.#options.directory, segment.sequence, await lossesIn(readers));
      if (before) await this.#remove(before);
      this.#lost = lost;
    } catch (error) {
      this.#say.unaccounted(segment.path, error);
    }
  }

  async #reader(segment: Segment): Promise<SegmentReader> {
    const onDamage = (damage: Damage) => {
      this.#say.damaged(segment.path, damage);
      segment.damaged ||= !damage.torn;
    };
    return new SegmentReader(await readFile(segment.path), onDamage);
  }

  async #remove(segment: Segment): Promise<void> {
    if (!this.#all.includes(segment)) return;
    if (segment === this.#lost) this.#lost = null;
    else this.#segments.splice(this.#segments.indexOf(segment), 1);
    if (this.#draining?.segment === segment) this.#draining = null;
    if (this.empty) this.#say.emptied();
    // What could not be read was acknowledged once: the newest such segment is kept for people.
    const gone = segment.damaged
      ? rename(segment.path, join(this.#options.directory, 'damaged.bin'))
      : unlink(segment.path);
    await gone.catch((error) => {
      if (error.code !== 'ENOENT') this.#say.undeletable(segment.path, error);
    });
  }

  async #startDraining(): Promise<Draining | null> {
    for (;;) {
      const [segment] = this.#all;
      if (!segment || this.#closed) return null;
      if (segment.file) await this.#seal(segment);
      try {
        this.#draining = { segment, reader: await this.#reader(segment) };
        return this.#draining;
      } catch (error) {
        this.#say.unreadable(segment.path, error);
        segment.damaged = true;
        await this.#drop(segment, 'unreadable');
      }
    }
  }

  async #scan(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      if (this.#closed) return;
      // What cannot be read is said when it is drained.
      const bytes = await readFile(segment.path).catch(() => Buffer.alloc(0));
      for (const piece of readSegment(bytes)) {
        await setImmediate();
        if (this.#closed) return;
        if (piece.kind === 'frame') this.#countLeft(segment, batchOf(piece.entries));
      }
    }
    const { readings } = this.status();
    if (segments.length > 0 && readings > 0) this.#say.left(readings);
  }

  #countLeft(segment: Segment, batch: Batch): void {
    count(segment, summarize(batch));
    const { leftSlots, leftOpen } = this;
    const note = ({ name }: MeterInfo, slot: number) =>
      leftSlots.set(name, Math.max(slot, leftSlots.get(name) ?? slot));
    // An open gap was recorded ahead of the polls that share its frame: they do not lie before it.
    for (const gap of batch.gaps) {
      if (isOpen(gap)) leftOpen.push({ gap, last: leftSlots.get(gap.meter.name) });
      note(gap.meter, gap.until - 1);
    }
    for (const { meter, slot } of batch.polls) note(meter, slot);
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#exclusive.then(work);
    this.#exclusive = result.catch(() => {});
    return result;
  }
}
