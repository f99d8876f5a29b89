// A log file that never grows beyond its size: at the limit it becomes FILE.1, that one FILE.2, and the oldest is deleted.
// Lines are written at once and in order. While the disk is full or away, lines are dropped and counted; the count is the
// first line written afterwards. winston's own file transport tells no error of its stream and keeps all lines in memory
// meanwhile (3.19: 79 MB for 200,000 lines to /dev/full), so it is not used.

import { appendFileSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** See above. Never throws. */
export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  /** Size of the current file; null: not known yet. */
  #bytes: number | null = null;
  #dropped = 0;

  /** `maxFiles` counts the current one, too. */
  constructor(path: string, { maxBytes, maxFiles }: { readonly maxBytes: number; readonly maxFiles: number }) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#maxFiles = maxFiles;
  }

  /** Appends a line. False: it could not be written, and was counted. */
  write(line: string): boolean {
    const lost = this.#dropped === 0 ? '' : `(${this.#dropped} lines could not be written here)\n`;
    const text = `${lost}${line}\n`;
    const bytes = Buffer.byteLength(text);
    try {
      this.#bytes ??= this.#look();
      if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) this.#rotate();
      appendFileSync(this.#path, text);
    } catch {
      this.#bytes = null;
      this.#dropped++;
      return false;
    }
    this.#bytes += bytes;
    this.#dropped = 0;
    return true;
  }

  #look(): number {
    mkdirSync(dirname(this.#path), { recursive: true });
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  #rotate(): void {
    const name = (number: number) => (number === 0 ? this.#path : `${this.#path}.${number}`);
    rmSync(name(this.#maxFiles - 1), { force: true });
    for (let number = this.#maxFiles - 2; number >= 0; number--) {
      if (statSync(name(number), { throwIfNoEntry: false })) renameSync(name(number), name(number + 1));
    }
    this.#bytes = 0;
  }
}
