// One link: the requests to one host:port, one after the other in the order in which they were asked for. Connects when
// needed. What a peer did to an idle connection (closed it, sent something) is nobody's failure: the request is asked
// once more on a new connection. When to try a meter again is not decided here, but every request that waits while a
// connection fails, fails with it.

import { systemClock } from '../model/clock.js';
import type { Log } from '../model/log.js';
import { linkKeyOf } from '../model/meter.js';
import { offAbort, onAbort } from './abort.js';
import { Connection } from './connection.js';
import { ModbusFailure } from './failure.js';
import { describeRequest, requestProblem } from './protocol.js';
import { type Asking, type Link, promised, type ReadOptions, type ReadRequest } from './reader.js';

interface Turn {
  readonly request: ReadRequest;
  readonly options: ReadOptions;
  readonly asking: Asking;
}

interface Waiting {
  readonly turn: Turn;
  /** Its caller gives up. */
  readonly abort: () => void;
}

export class ModbusLink implements Link, Asking {
  readonly key: string;
  readonly #host: string;
  readonly #port: number;
  readonly #log: Log;
  #connection: Connection | null = null;
  /** Under way. */
  #turn: Turn | null = null;
  /** It was asked on a connection that had been idle. */
  #onIdle = false;
  readonly #waiting: Waiting[] = [];
  #quietSince = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor({ host, port, log }: { readonly host: string; readonly port: number; readonly log: Log }) {
    this.key = linkKeyOf({ host, port });
    this.#host = host;
    this.#port = port;
    this.#log = log;
  }

  ask(request: ReadRequest, options: ReadOptions, asking: Asking): void {
    const problem = requestProblem(request);
    if (problem !== null) {
      const failure = new ModbusFailure({ kind: 'bad-request', message: problem });
      return void queueMicrotask(() => asking.failed(failure));
    }
    const turn = { request, options, asking };
    if (this.#turn) this.#wait(turn);
    else this.#begin(turn);
  }

  read(request: ReadRequest, options: ReadOptions): Promise<Buffer> {
    return promised((asking) => this.ask(request, options, asking));
  }

  /** Of its connection. */
  answered(data: Buffer): void {
    const turn = this.#turn;
    this.#end();
    turn?.asking.answered(data);
  }

  /** Of its connection. */
  failed(failure: ModbusFailure): void {
    const turn = this.#turn;
    if (turn && this.#onIdle && this.#connection?.stale) {
      const { message } = failure;
      this.#log.debug('stale connection, asking again on a new one', { link: this.key, cause: message });
      void this.#askAnew(turn);
      return;
    }
    this.#end();
    turn?.asking.failed(failure);
  }

  disconnect(): void {
    void this.#connection?.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#failWaiting(new ModbusFailure({ kind: 'aborted', message: `the link to ${this.key} was closed` }));
    await this.#connection?.close();
  }

  #begin(turn: Turn): void {
    this.#turn = turn;
    if (turn.options.pauseMs > 0) void this.#pause(turn.options).then(() => this.#ask(turn));
    else this.#ask(turn);
  }

  /** The turn is handed over, so that nobody who asks meanwhile gets in between. */
  #end(): void {
    this.#quietSince = performance.now();
    this.#turn = null;
    const next = this.#waiting.shift();
    if (!next) return;
    if (next.turn.options.signal) offAbort(next.turn.options.signal, next.abort);
    this.#begin(next.turn);
  }

  #ask(turn: Turn): void {
    const connection = this.#connection;
    if (!connection?.alive || !this.#wanted(turn)) return void this.#askAnew(turn);
    this.#onIdle = true;
    connection.ask(turn.request, turn.options, this);
  }

  async #askAnew(turn: Turn): Promise<void> {
    this.#onIdle = false;
    try {
      this.#checkWanted(turn);
      const connection = await this.#connect(turn.options);
      this.#checkWanted(turn);
      connection.ask(turn.request, turn.options, this);
    } catch (error) {
      this.failed(error as ModbusFailure);
    }
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

  /** Until all requests that came before have ended. */
  #wait(turn: Turn): void {
    const { signal } = turn.options;
    if (signal?.aborted) return void queueMicrotask(() => turn.asking.failed(this.#givenUp(turn)));
    const abort = () => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      turn.asking.failed(this.#givenUp(turn));
    };
    const waiting: Waiting = { turn, abort };
    if (signal) onAbort(signal, abort);
    this.#waiting.push(waiting);
  }

  async #pause({ pauseMs, signal }: ReadOptions): Promise<void> {
    const restMs = this.#quietSince + pauseMs - performance.now();
    if (restMs > 0) await systemClock.sleep(restMs, signal);
  }

  #wanted({ options }: Turn): boolean {
    return !options.signal?.aborted && !this.#closed;
  }

  #checkWanted(turn: Turn): void {
    if (!this.#wanted(turn)) throw this.#givenUp(turn);
  }

  #failWaiting(failure: ModbusFailure): void {
    for (const { turn, abort } of this.#waiting.splice(0)) {
      if (turn.options.signal) offAbort(turn.options.signal, abort);
      turn.asking.failed(failure);
    }
  }

  #givenUp({ request, options }: Turn): ModbusFailure {
    const message = `given up before it was sent: ${describeRequest(request)} at ${this.key}`;
    return new ModbusFailure({ kind: 'aborted', message, cause: options.signal?.reason });
  }
}
