// The configuration as the program uses it: validated, durations in milliseconds, sizes in bytes, meters with their maps.

import type { LogSettings } from '../model/log.js';
import type { Meter } from '../model/meter.js';

/** Milliseconds, or null for "forever". */
export type Retention = number | null;

/** The sum of some meters less the sum of others, in SQL only. */
export interface VirtualMeter {
  readonly name: string;
  /** Names of meters. */
  readonly plus: readonly string[];
  readonly minus: readonly string[];
}

export interface Config {
  /** The file it came from; null: environment and flags alone. */
  readonly file: string | null;
  readonly meters: readonly Meter[];
  readonly virtual: readonly VirtualMeter[];
  /** Of cron expressions and of local days and months, an IANA name. */
  readonly timezone: string;
  readonly database: {
    readonly url: string;
    /** SQLite: how long cycles are gathered before they are written; 0: each is written at once. */
    readonly commitEveryMs: number;
    /** To a database server. */
    readonly connections: number;
    /** Writes at another moment than other collectors on the same database, within a quarter of the interval. */
    readonly spread: boolean;
  };
  readonly spool: { readonly directory: string; readonly maxBytes: number; readonly maxAgeMs: number };
  readonly retention: { readonly readingsMs: Retention; readonly rollupsMs: Retention };
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Names, in lower case, by which HTTP may be asked beside this machine's own. */
    readonly allowedHosts: readonly string[];
    readonly token: string;
    /** PEM files for HTTPS; empty: plain HTTP. */
    readonly tlsCertificate: string;
    readonly tlsKey: string;
  };
  readonly log: LogSettings;
  readonly highAvailability: boolean;
}
