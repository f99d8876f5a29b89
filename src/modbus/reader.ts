// The contract of this folder: what the rest of the program knows of Modbus. Types only.

import type { Endpoint, RegisterFunction } from '../model/meter.js';

/** One read request, functions 1 to 4. */
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
  /** Longest wait for a connection, and longest wait from sending the request to its whole response. */
  readonly timeoutMs: number;
  /** Least time between the end of the previous request on this link and this request. */
  readonly pauseMs: number;
  /** Aborting rejects the request as `aborted`; a request already sent costs the connection. */
  readonly signal?: AbortSignal;
  /** Rest after connecting before the first request; default 0. */
  readonly connectDelayMs?: number;
  /** Least time between the end of one connection, or a failed attempt to connect, and the next attempt; default 0. */
  readonly reconnectWaitMs?: number;
  /** `ignore`: a response counts whatever its MBAP transaction id is; default `check`. */
  readonly transactionId?: 'check' | 'ignore';
}

/** What a device tells about itself; empty where it supports neither function. */
export interface DeviceIdentity {
  /** Function 43/14: texts by object id (0 vendor, 1 product code, 2 revision, 3 URL, 4 product, 5 model, 6 application). */
  readonly objects: ReadonlyMap<number, string>;
  /** Function 17: the response's data bytes, whose meaning is the vendor's; null: not supported, or not asked for. */
  readonly serverId: Buffer | null;
}

/** One connection (TCP host:port, or a serial port), shared by all units behind it; opened when needed, one request in flight. */
export interface Link {
  /** `host:port` or the serial port's path, for messages. */
  readonly key: string;
  /** Connections opened so far: a caller that sees another number knows of a reconnect. */
  readonly connects: number;
  /**
   * Sends the request once (once more if the connection was already dead) when all earlier requests have ended.
   * Resolves with the registers as sent, two bytes each, high byte first; coils and discrete inputs packed, first one in
   * bit 0. The buffer is the caller's to keep. Rejects with a ModbusFailure only.
   */
  read(request: ReadRequest, options: ReadOptions): Promise<Buffer>;
  /** Asks with function 43/14, and with 17 where that is refused. Rejects with a ModbusFailure other than `exception`. */
  identify(unitId: number, options: ReadOptions): Promise<DeviceIdentity>;
  /** Drops the connection, if any; the next request connects anew. */
  disconnect(): void;
  /** Drops the connection and rejects everything that waits as `aborted`, and every later request. */
  close(): Promise<void>;
}

/** A meter, or as much of one as tells where its link leads; without `endpoint`: MBAP over TCP to host:port. */
export interface LinkTarget {
  readonly host: string;
  readonly port: number;
  readonly endpoint?: Endpoint;
}

export interface LinkPool {
  /** The one link of the target's endpoint. */
  link(target: LinkTarget): Link;
  /** Closes the links to all other endpoints. */
  keep(targets: Iterable<LinkTarget>): Promise<void>;
  close(): Promise<void>;
}
