// One segment file of the spool: written by appending batches, read back a chunk at a time.

import { type FileHandle, open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Entry, weightOf } from './entry.js';
import { type Piece, readSegment, SegmentEncoder } from './segment.js';

/** Appends batches, each durable when `append` resolves. After a failed append the file must be closed and left as it is. */
export class SegmentWriter {
  readonly #handle: FileHandle;
  readonly #encoder = new SegmentEncoder();
  #size = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Creates the file, its name durable. */
  static async create(path: string): Promise<SegmentWriter> {
    const handle = await open(path, 'wx');
    try {
      await syncDirectory(dirname(path));
    } catch (error) {
      await handle.close();
      await unlink(path).catch(() => {});
      throw error;
    }
    return new SegmentWriter(handle);
  }

  /** Resolves to the bytes that the batch took. */
  async append(entries: readonly Entry[]): Promise<number> {
    const bytes = Buffer.from(this.#encoder.encode(entries));
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#size + done);
        done += bytesWritten;
      }
      await this.#handle.datasync();
    } catch (error) {
      // Where this fails too, reading leaves out the torn end.
      await this.#handle.truncate(this.#size).catch(() => {});
      throw error;
    }
    this.#size += bytes.length;
    return bytes.length;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Reads a segment that is no longer written. Entries are seen again until they are passed. */
export class SegmentReader {
  /** Lines that cannot be used; complete when all entries are passed. */
  readonly damaged: string[] = [];
  /** Bytes of an unfinished write at the end. */
  tornBytes = 0;
  readonly #pieces: Generator<Piece>;
  readonly #entries: Entry[] = [];

  private constructor(file: Buffer) {
    this.#pieces = readSegment(file);
  }

  static async open(path: string): Promise<SegmentReader> {
    return new SegmentReader(await readFile(path));
  }

  /** The next entries, of at most `maxWeight` but at least one. Empty at the end. */
  peek(maxWeight: number): readonly Entry[] {
    let weight = 0;
    let count = 0;
    for (;;) {
      const entry = this.#entries[count] ?? this.#parse();
      if (entry === undefined) break;
      weight += weightOf(entry);
      if (count > 0 && weight > maxWeight) break;
      count++;
    }
    return this.#entries.slice(0, count);
  }

  pass(count: number): void {
    this.#entries.splice(0, count);
  }

  /** Parses lines until there is a new entry; undefined at the end. A batch may be empty. */
  #parse(): Entry | undefined {
    const known = this.#entries.length;
    while (this.#entries.length === known) {
      const { value: piece, done } = this.#pieces.next();
      if (done) return undefined;
      if (piece.kind === 'batch') for (const entry of piece.entries) this.#entries.push(entry);
      else if (piece.kind === 'damaged') this.damaged.push(piece.line);
      else this.tornBytes = piece.bytes;
    }
    return this.#entries[known];
  }
}

/** A file's name is durable only when its directory was synced. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Puts a text file in place of another one, or none: whole or not at all, and durable. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}
