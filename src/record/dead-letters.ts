// What the database will never take, as JSON lines in the spool directory, for people: each with the reason, and synced
// before the spool lets go of it. Two files of bounded size: when one is full it replaces the older one.

import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmdcError } from '../model/errors.js';
import { type Gap, type Poll, storedCount } from '../model/poll.js';

const MAX_FILE_BYTES = 8 * 1024 * 1024;

export class DeadLetters {
  readonly path: string;

  constructor(directory: string) {
    this.path = join(directory, 'dead-letters.jsonl');
  }

  poll(poll: Poll, error: EmdcError): Promise<void> {
    const values: Record<string, number> = {};
    poll.meter.metrics.forEach((metric, index) => {
      const value = poll.values[index];
      if (value !== undefined && !Number.isNaN(value)) values[metric.name] = value;
    });
    const { meter, slot, readAt } = poll;
    const times = { slot: isoTime(slot), readAt: isoTime(readAt) };
    return this.#append({ meter: meter.name, ...times, readings: storedCount(poll), values, ...reason(error) });
  }

  gap({ meter, from, until, slots, reason: gap }: Gap, error: EmdcError): Promise<void> {
    return this.#append({
      meter: meter.name,
      from: isoTime(from),
      until: isoTime(until),
      slots,
      gap,
      ...reason(error),
    });
  }

  async #append(line: object): Promise<void> {
    const text = `${JSON.stringify(line)}\n`;
    const size = await stat(this.path).then(
      (file) => file.size,
      () => 0,
    );
    if (size + text.length > MAX_FILE_BYTES) await rename(this.path, this.path.replace('.jsonl', '.old.jsonl'));
    const handle = await open(this.path, 'a');
    try {
      await handle.appendFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }
}

const reason = (error: EmdcError) => ({ code: error.code, reason: error.message });

/** Times that no calendar knows may be just what the database refuses. */
const isoTime = (ms: number): string | number => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : ms);
