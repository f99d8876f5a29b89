// A log that keeps its lines, and lets a test wait for one.

import type { Log, LogFields } from '../../src/model/log.js';

export interface Line {
  readonly level: keyof Log;
  readonly message: string;
  readonly fields: LogFields;
}

export class RecordingLog implements Log {
  readonly lines: Line[] = [];
  #watchers: (() => void)[] = [];

  error = (message: string, fields: LogFields = {}) => this.#add({ level: 'error', message, fields });
  warn = (message: string, fields: LogFields = {}) => this.#add({ level: 'warn', message, fields });
  info = (message: string, fields: LogFields = {}) => this.#add({ level: 'info', message, fields });
  debug = (message: string, fields: LogFields = {}) => this.#add({ level: 'debug', message, fields });

  count(message: string): number {
    return this.lines.filter((line) => line.message === message).length;
  }

  /** Resolves as soon as the message has been logged `times` times; rejects after a minute without. */
  async until(message: string, times = 1): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), 60_000);
    try {
      while (this.count(message) < times) {
        await new Promise<void>((resolve, reject) => {
          this.#watchers.push(resolve);
          late.signal.addEventListener('abort', () => reject(new Error(`not logged: ${message}`)));
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #add(line: Line): void {
    this.lines.push(line);
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }
}
