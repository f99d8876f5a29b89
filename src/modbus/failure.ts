// Why a read over Modbus failed: what link.ts makes of every foreign error, and all that the flow sees of one.

import { EmdcError, messageOf } from '../model/errors.js';
import type { MissingReason } from '../model/poll.js';

export type ModbusFailureKind =
  | 'timeout'
  | 'unreachable'
  | 'disconnected'
  | 'bad-answer'
  | 'exception'
  | 'aborted'
  | 'bad-request';

/** Why a read failed. `exception` means that somebody is alive there; `timeout` means it may not be. */
export class ModbusFailure extends EmdcError {
  readonly kind: ModbusFailureKind;
  /** The Modbus exception code, 0–255; null unless kind is `exception`. */
  readonly exceptionCode: number | null;

  constructor(init: { kind: ModbusFailureKind; message: string; exceptionCode?: number; cause?: unknown }) {
    super({ code: `modbus-${init.kind}`, message: init.message, remedy: 'retry', cause: init.cause });
    this.name = 'ModbusFailure';
    this.kind = init.kind;
    this.exceptionCode = init.exceptionCode ?? null;
  }

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
};

/** What a socket's error means, for people. Of several addresses tried, the first one's error counts. */
export function connectText(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return connectText(error.errors[0]);
  const code = (error as { code?: unknown } | null)?.code;
  return (typeof code === 'string' ? CONNECT_TEXTS[code] : undefined) ?? messageOf(error);
}
