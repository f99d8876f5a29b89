// The store contract: what every database backend promises, and the whole of what the flow knows of databases.
// test/contract/store.ts holds every backend to it.

import { EmdcError } from '../model/errors.js';
import type { MeterInfo } from '../model/meter.js';
import type { Batch, MeterEvent, Poll } from '../model/poll.js';

export type Dialect = 'sqlite' | 'postgresql' | 'mysql';

export interface Store {
  readonly dialect: Dialect;
  /**
   * Records polls, gaps and events: all of them or none; durable when it resolves. Meters and topics that are new appear by
   * themselves. Writing the same (meter, slot) again changes nothing; of two gaps of a meter that start together the longer
   * one stays (a gap `lost` that was written may have grown meanwhile). Rejects with a StoreFailure only.
   */
  write(batch: Batch): Promise<void>;
  /**
   * Compares the configured meters with what the database knows: enters new meters and topics, gives a metric whose meaning
   * changed a new topic row, takes over renamed meters, retires the ones that are no longer configured, and records an event
   * for each. Resolves to what changed, for the log. Later `maintain` calls do upkeep for these meters only.
   */
  setMeters(meters: readonly MeterInfo[], now: number): Promise<readonly MeterChange[]>;
  /** Replaces the members of these virtual meters, which are sums in SQL only. */
  setVirtualMeters(virtual: readonly VirtualMembers[]): Promise<void>;
  /** The newest slot with a poll, or end of the newest gap less 1, by meter name, ms UTC; meters without any are left out. */
  newestSlots(meters: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** The newest poll of each meter, for the latest values after a restart; values of retired topics are NaN. */
  newestPolls(meters: readonly MeterInfo[]): Promise<readonly Poll[]>;
  /** The serial number and firmware that each meter was last seen with; meters of which neither is known are left out. */
  identities(meters: readonly string[]): Promise<ReadonlyMap<string, MeterIdentity>>;
  /** Resolves when the database answers. */
  check(): Promise<void>;
  /** One small step of upkeep (rollups, coverage, retention, calendar); true: there is more to do. */
  maintain(now: number): Promise<boolean>;
  /**
   * Takes or renews a lease, by the database's clock, unless another holder's is running; `ttlMs` 0 gives it back. Resolves
   * to the present holder, null: none. Absent where a database cannot be shared (SQLite).
   */
  lease?(request: LeaseRequest): Promise<string | null>;
  /**
   * One small step of upkeep for imports: the calendar back to the oldest poll, and the rollups and coverage of quarters that
   * are marked, of any collector's meters; true: there is more to do.
   */
  catchUp?(): Promise<boolean>;
  /** A text that belongs to the database, such as how far an import got; null: none. Names up to 64 characters. */
  setting?(name: string): Promise<string | null>;
  /** Keeps such a text, up to 255 characters; null removes it. */
  keepSetting?(name: string, value: string | null): Promise<void>;
  close(): Promise<void>;
}

/** A virtual meter: the sum of some meters less the sum of others. */
export interface VirtualMembers {
  readonly name: string;
  /** Names of meters. */
  readonly plus: readonly string[];
  readonly minus: readonly string[];
}

export interface MeterIdentity {
  readonly serialNumber: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
}

/** One difference between the configuration and the database, entered there. */
export interface MeterChange {
  readonly event: MeterEvent;
  /** `warn` where old and new readings do not mean the same, or the change may be a mistake. */
  readonly level: 'info' | 'warn';
  /** For the log: what changed, from and to, how many readings came before, what to do. */
  readonly message: string;
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
