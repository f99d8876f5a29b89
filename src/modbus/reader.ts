// What the flow knows of Modbus: ask a link for registers, get their bytes or a named failure.

import type { RegisterFunction } from '../model/meter.js';
import type { ModbusFailure } from './failure.js';

export interface ReadRequest {
  /** 0–255 */
  readonly unitId: number;
  readonly function: RegisterFunction;
  /** Zero-based wire address. */
  readonly start: number;
  /** 1–125 registers or 1–2000 bits; start + count ≤ 65536. */
  readonly count: number;
}

export interface ReadOptions {
  readonly timeoutMs: number;
  /** Least time since the end of the previous request on this link. */
  readonly pauseMs: number;
  /** Aborting drops the request with the abort's reason; one on the wire costs the connection. */
  readonly signal?: AbortSignal;
}

/** Who asked. One of them is called, once, later than `ask`. */
export interface Asking {
  /** Registers as sent, two bytes each, high byte first; coils and discrete inputs packed, first one in bit 0; to keep. */
  answered(data: Buffer): void;
  failed(failure: ModbusFailure): void;
}

/** One TCP connection to host:port, shared by all units behind it; opened when needed, one request in flight. */
export interface Link {
  readonly key: string;
  /** Tries once: retries are the caller's, who knows the deadline. */
  ask(request: ReadRequest, options: ReadOptions, asking: Asking): void;
  /** The same for who asks seldom. Rejects with a ModbusFailure only. */
  read(request: ReadRequest, options: ReadOptions): Promise<Buffer>;
  /** Drops the connection, if any; the next read connects anew. */
  disconnect(): void;
  close(): Promise<void>;
}

export const promised = (ask: (asking: Asking) => void): Promise<Buffer> =>
  new Promise((resolve, reject) => ask({ answered: resolve, failed: reject }));

export interface LinkPool {
  /** The one link to this host:port. */
  link(endpoint: { readonly host: string; readonly port: number }): Link;
  /** Closes the links to all other endpoints. */
  keep(endpoints: Iterable<{ readonly host: string; readonly port: number }>): Promise<void>;
  close(): Promise<void>;
}
