// Why a request over Modbus failed: every error of a socket, a serial port or a parser is translated into this one.

import { EmdcError, messageOf } from '../model/errors.js';
import type { MissingReason } from '../model/poll.js';
import type { ReadRequest } from './reader.js';

export type ModbusFailureKind =
  | 'timeout'
  | 'unreachable'
  | 'disconnected'
  | 'bad-answer'
  | 'exception'
  | 'aborted'
  | 'bad-request';

/** Why a request failed. `exception`: the unit, or its gateway, is alive; `timeout`: it may not be. */
export class ModbusFailure extends EmdcError {
  readonly kind: ModbusFailureKind;
  /** The Modbus exception code, 0–255; null unless kind is `exception`. */
  readonly exceptionCode: number | null;
  /** The read request that failed; null: it was another one (functions 17 and 43), or failed outside a request. */
  readonly request: ReadRequest | null;

  constructor(init: {
    kind: ModbusFailureKind;
    message: string;
    request?: ReadRequest | null;
    exceptionCode?: number;
    cause?: unknown;
  }) {
    super({ code: `modbus-${init.kind}`, message: init.message, remedy: 'retry', cause: init.cause });
    this.name = 'ModbusFailure';
    this.kind = init.kind;
    this.exceptionCode = init.exceptionCode ?? null;
    this.request = init.request ?? null;
  }

  /** The reason under which the request's metrics are missing. */
  get reason(): MissingReason {
    switch (this.kind) {
      case 'timeout':
      case 'unreachable':
      case 'disconnected':
        return this.kind;
      case 'bad-answer':
      case 'bad-request':
        return 'bad answer';
      case 'exception':
        return `exception ${this.exceptionCode ?? 0}`;
      case 'aborted':
        return 'deadline';
    }
  }
}

const CONNECT_TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused, nothing listens there (ECONNREFUSED)',
  ECONNRESET: 'reset by the other side (ECONNRESET)',
  EPIPE: 'closed by the other side (EPIPE)',
  ETIMEDOUT: 'timed out (ETIMEDOUT)',
  EHOSTUNREACH: 'host unreachable (EHOSTUNREACH)',
  ENETUNREACH: 'network unreachable (ENETUNREACH)',
  ENOTFOUND: 'host name unknown (ENOTFOUND)',
  EAI_AGAIN: 'host name cannot be looked up now (EAI_AGAIN)',
  ENOENT: 'no such device (ENOENT)',
  EACCES: 'no permission (EACCES); add the user to the group that owns the device, often dialout',
};

/** What the error of a socket or serial port means, for people. Of several addresses tried, the first one's error counts. */
export function connectText(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return connectText(error.errors[0]);
  const code = (error as { code?: unknown } | null)?.code;
  return (typeof code === 'string' ? CONNECT_TEXTS[code] : undefined) ?? messageOf(error);
}

/** What the standard says about an exception code (V1.1b3 §7); vendors use their own codes too. */
export function exceptionText(code: number): string {
  const text = EXCEPTION_TEXTS[code];
  return text === undefined ? `exception ${code}` : `exception ${code} (${text})`;
}

const EXCEPTION_TEXTS: Readonly<Record<number, string>> = {
  1: 'illegal function',
  2: 'illegal data address',
  3: 'illegal data value',
  4: 'device failure',
  5: 'acknowledge',
  6: 'device busy',
  8: 'memory parity error',
  10: 'gateway path unavailable',
  11: 'gateway target did not respond',
};
