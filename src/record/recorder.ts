// Makes finished polls and gaps durable: in the database while it takes them in time, in the spool on local disk while it
// does not. Callers never wait longer than one write limit and never see an error, only what became of their data.

import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Gap, Poll } from '../reading.js';
import type { DatabaseStatus, SpoolStatus } from '../service.js';
import type { Dialect, Store } from '../store/store.js';

/** What is recorded together: all of it has one fate. */
export interface Batch {
  readonly polls: readonly Poll[];
  readonly gaps: readonly Gap[];
}

/** `stored` committed in the database · `spooled` synced to local disk · `lost` neither was possible; counted and logged. */
export type Fate = 'stored' | 'spooled' | 'lost';

export interface RecorderState {
  readonly database: DatabaseStatus;
  readonly spool: SpoolStatus;
  /** Readings that could be kept neither in the database nor on disk, since start. */
  readonly lost: number;
}

export interface Recorder {
  /** Resolves when the batch is durable, or lost; never rejects. Batches that arrive during a write go together in the next one. */
  record(batch: Batch): Promise<Fate>;
  /**
   * The newest slot on record per meter name before this process started, ms UTC, database and spool together. Resolves when
   * the database has answered for the first time (what the spool knows, if it is closed before); never rejects.
   */
  readonly lastSlots: Promise<ReadonlyMap<string, number>>;
  state(): RecorderState;
  /** Makes durable what is under way (in the spool if the database needs longer than the deadline), then closes store and spool. */
  close(options: { readonly deadlineMs: number }): Promise<void>;
}

export interface RecorderOptions {
  readonly dialect: Dialect;
  /** Opens the database. May fail: it is tried again until it succeeds. The recorder owns and closes the store, and runs its upkeep. */
  readonly openStore: () => Promise<Store>;
  readonly spool: { readonly directory: string; readonly maxBytes: number; readonly maxAgeMs: number };
  readonly clock: Clock;
  readonly log: Log;
  /** A write that takes longer counts as a database that is away. Default 5 s. */
  readonly writeLimitMs?: number;
}

/** Rejects when the spool directory cannot be used, or is in use by another collector. */
export async function openRecorder(_options: RecorderOptions): Promise<Recorder> {
  throw new Error('not yet');
}
