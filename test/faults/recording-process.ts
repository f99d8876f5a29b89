// A recording child as its parent sees it: started, listened to, killed, and asked to end.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Load } from './load.js';

const program = fileURLToPath(new URL('./recording-child.js', import.meta.url));

export class RecordingProcess {
  /** The longest that a slot took to be durable. */
  longestMs = 0;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #lines: string[] = [];
  #watchers: (() => void)[] = [];

  /** Slots that it says are durable are added to `acknowledged`. */
  constructor(options: { load: Load; url: string; spool: string; acknowledged: Set<number> }) {
    const { load, url, spool, acknowledged } = options;
    const child = spawn(process.execPath, [program, JSON.stringify({ ...load, url, spool })], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    const closed = once(child, 'close');
    this.#exit = closed;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [word, slot, ms] = line.split(' ');
      if (word === 'stored' || word === 'spooled') {
        acknowledged.add(Number(slot));
        this.longestMs = Math.max(this.longestMs, Number(ms));
      }
      this.#lines.push(line);
      this.#wake();
    });
    void closed.then(() => this.#wake());
  }

  count(start: string): number {
    return this.#lines.filter((line) => line.startsWith(start)).length;
  }

  /** Resolves when `times` lines with this start have been said; rejects when it ends before. */
  async until(start: string, times = 1): Promise<void> {
    while (this.count(start) < times) {
      if (this.#child.exitCode !== null) throw new Error(`recording child ended with ${this.#child.exitCode}`);
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  /** Resolves when everything is in the database. */
  async end(): Promise<void> {
    this.#child.stdin?.end('end\n');
    await this.until('ended');
    await this.#exit;
  }

  #wake(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }
}
