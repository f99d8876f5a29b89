// The store contract: what every database backend promises, and the whole of what the flow knows of databases.
// test/contract/store.ts holds every backend to it.

import { EmdcError } from '../errors.js';
import type { Gap, Poll } from '../reading.js';

export type Dialect = 'sqlite' | 'postgresql' | 'mysql';

export interface Store {
  readonly dialect: Dialect;
  /**
   * Records polls with their readings and reasons, and gaps: all of them or none; durable when it resolves. Meters and
   * topics that are new appear by themselves. Writing the same (topic, time) or (meter, slot) again changes nothing.
   * Rejects with a StoreFailure only.
   */
  write(batch: StoreBatch): Promise<void>;
  /** The newest slot on record for each meter name, ms UTC: where a restarted collector sees how long it was down. */
  lastSlots(): Promise<ReadonlyMap<string, number>>;
  /** Resolves when the database answers. */
  check(): Promise<void>;
  /** One small step of upkeep (rollups, moving and pruning history); true: there is more to do. Never delays a write by more than one step. */
  maintain(now: number): Promise<boolean>;
  /**
   * Takes or renews a lease, by the database's clock, unless somebody else's is running; `ttlMs` 0 gives it back. Resolves
   * to who holds it now, null: nobody. Absent where a database cannot be shared.
   */
  lease?(request: LeaseRequest): Promise<string | null>;
  close(): Promise<void>;
}

export interface StoreBatch {
  readonly polls: readonly Poll[];
  readonly gaps: readonly Gap[];
  /** Of these only the readings: the poll itself is written when it is known what the database takes of it. */
  readonly parts?: readonly Poll[];
}

export interface LeaseRequest {
  readonly name: string;
  /** Unique to the process that asks. */
  readonly holder: string;
  readonly ttlMs: number;
}

/**
 * `retry` the statement may succeed at once (deadlock, serialization) · `spool` the database is away, full or slow: keep
 * the data and come back · `stop` this very data will never be taken.
 */
export class StoreFailure extends EmdcError {
  constructor(init: {
    code: string;
    message: string;
    hint?: string;
    remedy: 'retry' | 'spool' | 'stop';
    cause?: unknown;
  }) {
    super(init);
    this.name = 'StoreFailure';
  }
}
