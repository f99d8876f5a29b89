// The configuration as the program uses it: validated, durations in milliseconds, sizes in bytes, meters with their maps.

import type { Meter } from '../model/meter.js';

/** Milliseconds, or null for "forever". */
export type Retention = number | null;

export interface Config {
  /** The file it came from; null: environment and flags alone. */
  readonly file: string | null;
  readonly meters: readonly Meter[];
  readonly database: { readonly url: string };
  readonly spool: { readonly directory: string; readonly maxBytes: number; readonly maxAgeMs: number };
  readonly retention: { readonly readingsMs: Retention; readonly rollupsMs: Retention };
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly token: string;
    /** PEM files for HTTPS; empty: plain HTTP. */
    readonly tlsCertificate: string;
    readonly tlsKey: string;
  };
  readonly log: {
    readonly level: LogLevel;
    readonly format: LogFormat;
    /** Empty: none. */
    readonly file: string;
    /** Size at which the file is rotated, and how many are kept. */
    readonly maxBytes: number;
    readonly maxFiles: number;
  };
  readonly highAvailability: boolean;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFormat = 'auto' | 'text' | 'json';
