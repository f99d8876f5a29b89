// When the database refuses a batch, halves the batch until the refused rows are alone, so that one bad row never blocks the
// rest. A refused poll is stored without the values concerned; the whole poll goes to the dead-letter file.

import { open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { Batch, MissingReason, Poll } from '../model/poll.js';
import type { WriteResult } from './database.js';
import { batchOf, type Entry, meterOf } from './entry.js';
import { SegmentEncoder } from './segment.js';
import { syncDirectory } from './segment-file.js';

const MAX_FILE_BYTES = 8 * 1024 * 1024;

export type Write = (batch: Batch) => Promise<WriteResult>;

export class DeadLetters {
  /** A spool segment in form; two files of bounded size: a full one becomes `dead-letters.old.txt`. */
  readonly path: string;
  readonly #log: Log;
  /** Meters of which something was refused; true: the newest poll was refused even without values. */
  readonly #meters = new Map<string, boolean>();
  #readings = 0;
  #lost = 0;

  constructor(directory: string, log: Log) {
    this.path = join(directory, 'dead-letters.txt');
    this.#log = log;
  }

  /** Readings that the database refused, since start. */
  get readings(): number {
    return this.#readings;
  }

  /** Refused readings that could not be kept in the file either, since start. */
  get lost(): number {
    return this.#lost;
  }

  /** Stores what of a refused batch the database takes. Resolves to why the database went away meanwhile, or null. */
  async bisect(entries: readonly Entry[], error: EmdcError, write: Write): Promise<EmdcError | null> {
    const [first] = entries;
    if (first === undefined) return null;
    if (entries.length === 1) return this.#storeReduced(first, error, write);
    const middle = entries.length >> 1;
    for (const half of [entries.slice(0, middle), entries.slice(middle)]) {
      const result = await write(batchOf(half));
      if (result.kind === 'away') return result.error;
      const away = result.kind === 'refused' ? await this.bisect(half, result.error, write) : null;
      if (away) return away;
    }
    return null;
  }

  async #storeReduced(entry: Entry, error: EmdcError, write: Write): Promise<EmdcError | null> {
    if (entry.kind !== 'poll') return this.#keep(entry, error, []);
    const { poll } = entry;
    const { name } = poll.meter;
    for (const candidate of candidates(poll, this.#meters.get(name) ?? false)) {
      const result = await write({ polls: [candidate], gaps: [] });
      if (result.kind === 'away') return result.error;
      if (result.kind === 'refused') continue;
      const rejected = [...candidate.missing.keys()].filter((index) => !poll.missing.has(index));
      await this.#keep(entry, error, rejected);
      this.#meters.set(name, false);
      return null;
    }
    await this.#keep(
      entry,
      error,
      [...poll.values.keys()].filter((index) => !poll.missing.has(index)),
    );
    this.#meters.set(name, true);
    return null;
  }

  async #keep(entry: Entry, error: EmdcError, rejected: readonly number[]): Promise<null> {
    const meter = meterOf(entry);
    const metrics = rejected.map((index) => meter.metrics[index]?.name);
    const reason = error.message;
    this.#readings += rejected.length;
    try {
      await this.#append(new SegmentEncoder().encode([entry], { code: error.code, reason, metrics }));
    } catch (cause) {
      this.#lost += rejected.length;
      this.#log.error('dead-letter file cannot be written: refused readings are lost', {
        meter: meter.name,
        error: cause,
      });
    }
    if (!this.#meters.has(meter.name)) {
      const { code } = error;
      this.#log.error('database refuses readings', {
        meter: meter.name,
        error: reason,
        code,
        metrics,
        file: this.path,
      });
      this.#meters.set(meter.name, false);
    }
    return null;
  }

  async #append(text: string): Promise<void> {
    const handle = await open(this.path, 'a');
    try {
      await handle.appendFile(text);
      await handle.datasync();
      await syncDirectory(dirname(this.path));
      if ((await handle.stat()).size < MAX_FILE_BYTES) return;
    } finally {
      await handle.close();
    }
    await rename(this.path, this.path.replace('.txt', '.old.txt'));
  }
}

/**
 * What may be left of a refused poll, the most first: without its error text, without extreme values, without one value,
 * without any. The first one that is stored stays: a poll is written once. With `bareOnly` only the last one.
 */
function* candidates(poll: Poll, bareOnly: boolean): Generator<Poll> {
  const read = [...poll.values.keys()].filter((index) => !poll.missing.has(index));
  if (!bareOnly) {
    if (poll.error !== null) yield { ...poll, error: null };
    const extreme = read.filter((index) => isExtreme(poll.values[index] ?? 0));
    if (extreme.length > 1) yield without(poll, extreme);
    for (const index of read) yield without(poll, [index]);
  }
  yield { ...without(poll, read), error: null };
}

/** Near the ends of a double's range, where number formats of databases differ. */
const isExtreme = (value: number): boolean => value !== 0 && (Math.abs(value) > 1e300 || Math.abs(value) < 1e-300);

function without(poll: Poll, indexes: readonly number[]): Poll {
  const values = Float64Array.from(poll.values);
  const missing = new Map<number, MissingReason>(poll.missing);
  for (const index of indexes) {
    values[index] = Number.NaN;
    missing.set(index, 'rejected');
  }
  return { ...poll, values, missing };
}
