// A segment on disk that is being written. An append is durable when it resolves; after one that failed the segment holds
// what it held before and takes nothing more: what a failed sync left in the system's cache is not to be trusted.

import { type FileHandle, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Batch } from './recorder.js';
import { SegmentEncoder } from './segment.js';

export class SegmentFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #encoder = new SegmentEncoder();
  #size = 0;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  static async create(path: string): Promise<SegmentFile> {
    const handle = await open(path, 'wx');
    try {
      await syncDirectory(dirname(path));
    } catch (error) {
      await handle.close();
      await unlink(path).catch(() => {});
      throw error;
    }
    return new SegmentFile(path, handle);
  }

  get size(): number {
    return this.#size;
  }

  /** Resolves to the bytes that the batch took on disk. */
  async append(batch: Batch): Promise<number> {
    const frame = this.#encoder.encode(batch);
    try {
      for (let done = 0; done < frame.length; ) {
        const { bytesWritten } = await this.#handle.write(frame, done, frame.length - done, this.#size + done);
        done += bytesWritten;
      }
      await this.#handle.datasync();
    } catch (error) {
      // Where this fails too, readers skip the torn frame.
      await this.#handle.truncate(this.#size).catch(() => {});
      throw error;
    }
    this.#size += frame.length;
    return frame.length;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** A file's name is only durable once its directory is. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
