// What the parts know of logging. The logger itself (winston) is made in one place and handed in.

import type { MessageOf } from './messages.js';

export type LogFields = Readonly<Record<string, unknown>>;

/** Messages are those of the catalogue (messages.ts); what changes from line to line goes into the fields. */
export interface Log {
  error(message: MessageOf<'error'>, fields?: LogFields): void;
  warn(message: MessageOf<'warn'>, fields?: LogFields): void;
  info(message: MessageOf<'info'>, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

/** A log whose messages were checked elsewhere: what comes from another thread. */
export interface UncheckedLog {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

export const silentLog: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
/** `auto`: text at a terminal and in the journal, JSON elsewhere. */
export type LogFormat = 'auto' | 'text' | 'json';

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Empty: none. */
  readonly file: string;
  /** Size in bytes at which the file is rotated, and how many are kept. */
  readonly maxBytes: number;
  readonly maxFiles: number;
}
