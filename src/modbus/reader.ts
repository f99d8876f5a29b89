// What the flow knows of Modbus: ask a link for registers, get their bytes or a named failure.

import type { RegisterFunction } from '../meter.js';

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

/** One TCP connection to host:port, shared by all units behind it; opened when needed, one request in flight. */
export interface Link {
  readonly key: string;
  /**
   * Registers as sent, two bytes each, high byte first; coils and discrete inputs packed, first one in bit 0. The buffer
   * is the caller's. Tries once: retries are the caller's, who knows the deadline. Rejects with a ModbusFailure only.
   */
  read(request: ReadRequest, options: ReadOptions): Promise<Buffer>;
  /** Drops the connection, if any; the next read connects anew. */
  disconnect(): void;
  close(): Promise<void>;
}

export interface LinkPool {
  /** The one link to this host:port. */
  link(endpoint: { readonly host: string; readonly port: number }): Link;
  /** Closes the links to all other endpoints. */
  keep(endpoints: Iterable<{ readonly host: string; readonly port: number }>): Promise<void>;
  close(): Promise<void>;
}
