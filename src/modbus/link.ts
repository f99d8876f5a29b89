// One link: the requests to one host:port, one after the other in the order in which they were asked for. Connects when
// needed. What a peer did to an idle connection (closed it, sent something) is nobody's failure: the request is asked
// once more on a new connection. When to try a meter again is not decided here, but every request that waits while a
// connection fails, fails with it.

import { systemClock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { Log } from '../log.js';
import { linkKeyOf } from '../meter.js';
import { offAbort, onAbort } from './abort.js';
import { Connection } from './connection.js';
import { ModbusFailure } from './failure.js';
import { describeRequest, requestProblem } from './protocol.js';
import type { Link, ReadOptions, ReadRequest } from './reader.js';

interface Waiter {
  readonly go: () => void;
  readonly fail: (failure: ModbusFailure) => void;
}

export class ModbusLink implements Link {
  readonly key: string;
  readonly #host: string;
  readonly #port: number;
  readonly #log: Log;
  #connection: Connection | null = null;
  #busy = false;
  readonly #waiting: Waiter[] = [];
  #quietSince = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor({ host, port, log }: { readonly host: string; readonly port: number; readonly log: Log }) {
    this.key = linkKeyOf({ host, port });
    this.#host = host;
    this.#port = port;
    this.#log = log;
  }

  async read(request: ReadRequest, options: ReadOptions): Promise<Buffer> {
    const problem = requestProblem(request);
    if (problem !== null) throw new ModbusFailure({ kind: 'bad-request', message: problem });
    if (this.#busy) await this.#turn(request, options.signal);
    this.#busy = true;
    try {
      if (options.pauseMs > 0) await this.#pause(options);
      this.#checkWanted(request, options);
      const idle = this.#connection;
      if (idle?.alive) {
        try {
          return await idle.ask(request, options);
        } catch (error) {
          if (!idle.stale) throw error;
          this.#log.debug('stale connection, asking again on a new one', { link: this.key, cause: messageOf(error) });
        }
        this.#checkWanted(request, options);
      }
      const connection = await this.#connect(options);
      this.#checkWanted(request, options);
      return await connection.ask(request, options);
    } finally {
      this.#quietSince = performance.now();
      // The turn is handed over, so that nobody who asks meanwhile gets in between.
      const next = this.#waiting.shift();
      if (next) next.go();
      else this.#busy = false;
    }
  }

  disconnect(): void {
    void this.#connection?.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#failWaiting(new ModbusFailure({ kind: 'aborted', message: `the link to ${this.key} was closed` }));
    await this.#connection?.close();
  }

  async #connect(options: ReadOptions): Promise<Connection> {
    const connection = new Connection({ key: this.key, host: this.#host, port: this.#port });
    this.#connection = connection;
    try {
      await connection.connect(options);
      return connection;
    } catch (error) {
      if (error instanceof ModbusFailure && error.kind === 'unreachable') this.#failWaiting(error);
      throw error;
    }
  }

  /** Resolves when all requests that came before have ended. */
  #turn(request: ReadRequest, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        if (signal) offAbort(signal, abort);
      };
      const waiter: Waiter = {
        go: () => {
          leave();
          resolve();
        },
        fail: (failure) => {
          leave();
          reject(failure);
        },
      };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(this.#givenUp(request, signal));
      };
      if (signal?.aborted) {
        reject(this.#givenUp(request, signal));
        return;
      }
      if (signal) onAbort(signal, abort);
      this.#waiting.push(waiter);
    });
  }

  async #pause({ pauseMs, signal }: ReadOptions): Promise<void> {
    const restMs = this.#quietSince + pauseMs - performance.now();
    if (restMs > 0) await systemClock.sleep(restMs, signal);
  }

  #checkWanted(request: ReadRequest, { signal }: ReadOptions): void {
    if (signal?.aborted || this.#closed) throw this.#givenUp(request, signal);
  }

  #failWaiting(failure: ModbusFailure): void {
    for (const waiter of this.#waiting.splice(0)) waiter.fail(failure);
  }

  #givenUp(request: ReadRequest, signal: AbortSignal | undefined): ModbusFailure {
    const message = `given up before it was sent: ${describeRequest(request)} at ${this.key}`;
    return new ModbusFailure({ kind: 'aborted', message, cause: signal?.reason });
  }
}
