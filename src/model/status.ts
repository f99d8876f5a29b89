// The collector as its HTTP side, its page and its watchdog see it: its state in one structure, and the three things it
// can be asked to do. daemon.ts provides it.

import type { DiskSpace } from './disk.js';
import type { MissingReason } from './poll.js';

/**
 * `starting` not read yet · `online` answers · `failing` the newest polls failed, still asked every slot · `offline`
 * only probed, at growing intervals · `probing` a probe is under way
 */
export type MeterState = 'starting' | 'online' | 'failing' | 'offline' | 'probing';

export interface MeterStatus {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly unitId: number;
  readonly schedule: string;
  readonly state: MeterState;
  /** Since when it is in this state, ms UTC. */
  readonly since: number;
  /** Why it is not online; null where it is. */
  readonly why: string | null;
  readonly lastSuccess: number | null;
  readonly lastError: { readonly time: number; readonly message: string } | null;
  /** Of the newest answered request. */
  readonly roundTripMs: number | null;
  readonly nextSlot: number | null;
  readonly counters: MeterCounters;
}

/** Since start. */
export interface MeterCounters {
  readonly polls: number;
  readonly requests: number;
  readonly readings: number;
  readonly missedSlots: number;
  readonly overrunSlots: number;
  readonly missing: Readonly<Partial<Record<MissingReason, number>>>;
}

export interface DatabaseStatus {
  readonly dialect: 'sqlite' | 'postgresql' | 'mysql';
  readonly state: 'connected' | 'away';
  readonly since: number;
  readonly lastError: string | null;
  /** Of the newest write, ms; null before the first one. */
  readonly writeMs: number | null;
}

export interface SpoolStatus {
  readonly readings: number;
  readonly bytes: number;
  /** Slot of the oldest reading waiting, ms UTC; null: empty. */
  readonly oldest: number | null;
  /** Readings dropped at the spool's bound since start. */
  readonly dropped: number;
  /** Readings that the database will never take, in the dead-letter file, since start. */
  readonly deadLetters: number;
}

export interface ServiceStatus {
  /** `ok` · `degraded` a meter is down, the database is away, or readings wait in the spool · `failing` no cycle has ended for three intervals and at least 10 s, or readings are being lost */
  readonly status: 'ok' | 'degraded' | 'failing';
  /** Why it is not ok, for people, one line each. */
  readonly reasons: readonly string[];
  readonly version: string;
  readonly startedAt: number;
  readonly uptimeSeconds: number;
  /** Of several collectors on one database: whether this one reads the meters. Left out: there is only this one. */
  readonly role?: 'leading' | 'standby';
  readonly schedule: {
    /** Slot of the newest cycle that ended, ms UTC. */
    readonly last: number | null;
    readonly next: number | null;
    readonly cycles: number;
    readonly missed: number;
    readonly overran: number;
    readonly lastDurationMs: number | null;
  };
  readonly meters: readonly MeterStatus[];
  readonly database: DatabaseStatus;
  readonly spool: SpoolStatus;
  /** Readings that could be kept neither in the database nor on disk, since start. */
  readonly lost: number;
  /** Of the spool's and, for SQLite, the database's directory. */
  readonly disks?: readonly DiskSpace[];
}

/** One meter's part in one iteration of a cycle by hand. */
export interface CollectRow {
  readonly iteration: number;
  readonly meter: string;
  readonly slot: number;
  readonly durationMs: number;
  readonly requests: number;
  readonly expected: number;
  readonly stored: number;
  readonly spooled: number;
  readonly lost: number;
  readonly missing: Readonly<Partial<Record<MissingReason, number>>>;
  readonly error: string | null;
}

export interface CollectRequest {
  readonly iterations: number;
  /** Between the starts of iterations, as the ancestor had it: waits after each cycle but the last. */
  readonly waitMs: number;
  /** Names; null: all meters. */
  readonly meters: readonly string[] | null;
  /** Aborts when the caller hangs up: the iteration under way ends, no further one starts. */
  readonly signal: AbortSignal;
}
