// Why a read over Modbus failed: what link.ts makes of every foreign error, and all that the flow sees of one.

import { EmdcError } from '../errors.js';
import type { MissingReason } from '../reading.js';

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
