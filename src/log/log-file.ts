// A log file that never grows beyond its size: at the limit it becomes FILE.1, that one FILE.2, and the oldest goes. Lines
// are written at once and in order. A disk that is full or away stops nobody: lines are dropped and counted, and the
// count is the first thing written when it is back.

import { appendFileSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  /** Of the current file; null: not looked yet. */
  #bytes: number | null = null;
  #dropped = 0;

  /** @param maxFiles The current one included. */
  constructor(path: string, { maxBytes, maxFiles }: { readonly maxBytes: number; readonly maxFiles: number }) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#maxFiles = maxFiles;
  }

  /** @returns false: the line could not be written and is counted. */
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
