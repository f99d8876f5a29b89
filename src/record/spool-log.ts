// What the spool has to say, each thing once per change of state.

import type { Log } from '../model/log.js';
import type { Damage } from './segment-reader.js';

export class SpoolLog {
  readonly #log: Log;
  readonly #limits: { readonly maxBytes: number; readonly maxAgeMs: number };
  #failing = false;
  #dropping = false;

  constructor(log: Log, limits: { readonly maxBytes: number; readonly maxAgeMs: number }) {
    this.#log = log;
    this.#limits = limits;
  }

  left(readings: number): void {
    this.#log.info('spool holds readings of an earlier run', { readings });
  }

  /** null: it was written. */
  written(error: unknown): void {
    if (error !== null && !this.#failing) {
      const hint = 'free space or mend the disk; until then readings are lost while the database is away';
      this.#log.error('spool cannot be written', { error, hint });
    }
    if (error === null && this.#failing) this.#log.info('spool can be written again');
    this.#failing = error !== null;
  }

  dropped(why: string, readings: number): void {
    if (this.#dropping || readings === 0) return;
    this.#dropping = true;
    const { maxBytes, maxAgeMs } = this.#limits;
    this.#log.error('spool drops its oldest readings', { why, readings, maxBytes, maxAgeMs });
  }

  unaccounted(path: string, error: unknown): void {
    const hint = 'free space or mend the disk; the slots in this segment have neither a poll nor a gap';
    this.#log.error('what the spool drops cannot go on record', { path, error, hint });
  }

  emptied(): void {
    this.#dropping = false;
  }

  unreadable(path: string, error: unknown): void {
    this.#log.error('spool segment cannot be read', { path, error });
  }

  undeletable(path: string, error: unknown): void {
    this.#log.error('spool segment cannot be deleted', { path, error });
  }

  damaged(path: string, { from, bytes, torn }: Damage): void {
    if (torn) this.#log.info('spool segment ends in an unfinished write, left out', { path, from, bytes });
    else
      this.#log.error('spool segment is damaged: drained without the damaged part, kept as damaged.bin', {
        path,
        from,
        bytes,
      });
  }
}
