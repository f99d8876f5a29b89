// One TCP connection to a meter or gateway, from connect to the first thing that goes wrong: then it is destroyed and
// never used again. Judges every byte before a client parses it, and holds one frame's worth of memory at most.

import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { messageOf } from '../model/errors.js';
import { pace } from '../pace.js';
import { offAbort, onAbort } from './abort.js';
import { type Answer, ExceptionAnswer, type Receiver, UnitClient } from './client.js';
import { Deadline } from './deadline.js';
import { connectText, ModbusFailure, type ModbusFailureKind } from './failure.js';
import {
  byteCountOf,
  describeRequest,
  type ExpectedAnswer,
  exceptionText,
  FUNCTION_CODES,
  frameLength,
  judgeAnswer,
  MAX_FRAME_BYTES,
} from './protocol.js';
import type { Asking, ReadOptions, ReadRequest } from './reader.js';
import { nextTransactionId } from './transaction-id.js';

/** Enough for a frame and the sign of a flood. */
const RECEIVE_BYTES = 512;
const KEEP_ALIVE_MS = 30_000;

export interface Endpoint {
  /** `host:port`, for messages. */
  readonly key: string;
  readonly host: string;
  readonly port: number;
}

interface Exchange extends ExpectedAnswer {
  readonly request: ReadRequest;
  readonly client: UnitClient;
  readonly asking: Asking;
  readonly timeoutMs: number;
}

export class Connection implements Receiver {
  readonly #endpoint: Endpoint;
  readonly #socket: Socket;
  readonly #clients = new Map<number, UnitClient>();
  /** Of the newest request: behind most links is one unit. */
  #client: UnitClient | null = null;
  readonly #received = Buffer.allocUnsafe(MAX_FRAME_BYTES + 1);
  #receivedBytes = 0;
  /** Something has come that was not looked at. */
  #unread = false;
  #exchange: Exchange | null = null;
  /** The number that the client itself gave the request, which it wants to see again. */
  #clientTransactionId = 0;
  #rejectConnect: ((failure: ModbusFailure) => void) | null = null;
  readonly #deadline = new Deadline(() => this.#late());
  /** Of the newest request; listened to until another comes. */
  #signal: AbortSignal | undefined;
  #alive = true;
  #stale = false;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    const onread: OnReadOpts = {
      buffer: Buffer.allocUnsafe(RECEIVE_BYTES),
      callback: (length, bytes) => {
        this.#receive(bytes as Buffer, length);
        return true;
      },
    };
    const options: SocketConstructorOpts & { onread: OnReadOpts } = { onread };
    this.#socket = new Socket(options);
    this.#socket.on('error', (error) => this.#break(connectText(error), error));
    this.#socket.on('end', () => this.#break('closed by the other side'));
    this.#socket.on('close', () => this.#break('closed'));
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** It failed for what lay before the request: the other side had closed it, or answered something else. */
  get stale(): boolean {
    return this.#stale;
  }

  /** Once only. Rejects with a ModbusFailure: `unreachable`, `aborted`, or `disconnected` when closed meanwhile. */
  connect({ timeoutMs, signal }: Pick<ReadOptions, 'timeoutMs' | 'signal'>): Promise<void> {
    const { host, port, key } = this.#endpoint;
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        if (signal) offAbort(signal, abort);
        this.#rejectConnect = null;
      };
      this.#rejectConnect = (failure) => {
        leave();
        reject(failure);
      };
      const late = () => this.#fail('unreachable', `no connection to ${key} within ${timeoutMs} ms`);
      const timer = setTimeout(late, timeoutMs);
      const abort = () => this.#fail('aborted', `given up while connecting to ${key}`, signal?.reason);
      if (signal) onAbort(signal, abort);
      this.#socket.once('connect', () => {
        leave();
        resolve();
      });
      this.#socket.connect({
        host,
        port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_MS,
        // Where a name has several addresses, Node gives each 250 ms, too short for a mobile line.
        autoSelectFamilyAttemptTimeout: Math.max(250, Math.floor(timeoutMs / 2)),
      });
    });
  }

  /** Fails with a ModbusFailure; after any but an exception the connection is gone. One call at a time. */
  ask(request: ReadRequest, { timeoutMs, signal }: ReadOptions, asking: Asking): void {
    const client = this.#clientOf(request.unitId);
    this.#exchange = {
      transactionId: nextTransactionId(),
      unitId: request.unitId,
      functionCode: FUNCTION_CODES[request.function],
      byteCount: byteCountOf(request),
      request,
      client,
      asking,
      timeoutMs,
    };
    this.#receivedBytes = 0;
    this.#deadline.start(timeoutMs);
    this.#listenTo(signal);
    client.read(request);
  }

  /** Of its client. */
  send(frame: Buffer): void {
    if (!this.#exchange) return;
    this.#clientTransactionId = frame.readUInt16BE(0);
    frame.writeUInt16BE(this.#exchange.transactionId, 0);
    this.#socket.write(frame);
  }

  /** Of its client. */
  answered(answer: Answer): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    if (!fits(answer, exchange)) return void this.#fail('bad-answer', 'bad answer: misread by the parser');
    this.#end();
    exchange.asking.answered(answer.body.valuesAsBuffer);
  }

  /** Of its client. */
  refused(error: unknown): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    if (!(error instanceof ExceptionAnswer)) return void this.#fail('bad-answer', 'bad answer: not understood', error);
    this.#end();
    const message = exceptionText(error.code);
    const failure = new ModbusFailure({ kind: 'exception', message, exceptionCode: error.code });
    exchange.asking.failed(this.#about(exchange.request, failure));
  }

  /** Closes at once; a request in flight fails as `disconnected`. */
  close(): Promise<void> {
    const closed = this.#socket.closed
      ? Promise.resolve()
      : new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#fail('disconnected', 'connection closed on our side');
    return closed;
  }

  #clientOf(unitId: number): UnitClient {
    if (this.#client?.unitId === unitId) return this.#client;
    const client = this.#clients.get(unitId) ?? new UnitClient(unitId, this);
    this.#clients.set(unitId, client);
    this.#client = client;
    return client;
  }

  #end(): void {
    this.#exchange = null;
    this.#deadline.end();
  }

  #late(): void {
    if (this.#unread && this.#look()) return;
    if (this.#exchange) this.#fail('timeout', `timeout after ${this.#exchange.timeoutMs} ms`);
  }

  #listenTo(signal: AbortSignal | undefined): void {
    if (signal === this.#signal) return;
    if (this.#signal) offAbort(this.#signal, this.#abort);
    this.#signal = signal;
    if (signal) onAbort(signal, this.#abort);
  }

  readonly #abort = (): void => {
    if (this.#exchange) this.#fail('aborted', 'given up', this.#signal?.reason);
  };

  #receive(chunk: Buffer, length: number): void {
    if (!this.#alive) return;
    if (!this.#exchange) return void this.#fail('bad-answer', 'bytes that nobody asked for');
    const taken = Math.min(length, this.#received.length - this.#receivedBytes);
    chunk.copy(this.#received, this.#receivedBytes, 0, taken);
    this.#receivedBytes += taken;
    if (this.#unread) return;
    this.#unread = true;
    pace('answer', this.#lookInTurn);
  }

  readonly #lookInTurn = (): void => {
    if (this.#unread) this.#look();
  };

  /** Judges what has come. True: it was the answer, or became a failure; whoever asked is told, or will be in a moment. */
  #look(): boolean {
    this.#unread = false;
    const exchange = this.#exchange;
    if (!exchange) return true;
    const verdict = judgeAnswer(this.#received, this.#receivedBytes, exchange);
    switch (verdict) {
      case 'incomplete':
        return false;
      case 'answer':
      case 'exception':
        this.#deliver(exchange);
        return true;
      case 'excess':
        // The answer itself is right and counts; what came behind it makes every later one doubtful.
        this.#deliver(exchange);
        this.#drop();
        return true;
      default:
        this.#stale = verdict.kind === 'foreign';
        this.#fail('bad-answer', `bad answer: ${verdict.message}`);
        return true;
    }
  }

  #deliver({ client }: Exchange): void {
    const bytes = frameLength(this.#received);
    const frame = Buffer.allocUnsafe(bytes);
    this.#received.copy(frame, 0, 0, bytes);
    frame.writeUInt16BE(this.#clientTransactionId, 0);
    try {
      client.deliver(frame);
    } catch (error) {
      this.#fail('bad-answer', `bad answer: ${messageOf(error)}`, error);
    }
  }

  #drop(): void {
    this.#alive = false;
    this.#deadline.close();
    this.#listenTo(undefined);
    this.#socket.destroy();
  }

  /** The connection ended by itself. */
  #break(text: string, cause?: unknown): void {
    // What came before counts.
    if (this.#unread && this.#look()) return void this.#drop();
    if (this.#rejectConnect) {
      this.#fail('unreachable', `no connection to ${this.#endpoint.key}: ${text}`, cause);
    } else {
      this.#stale ||= this.#alive && this.#receivedBytes === 0;
      this.#fail('disconnected', `connection ${text}`, cause);
    }
  }

  /** Ends the connection, and with it whatever waits on it. */
  #fail(kind: ModbusFailureKind, message: string, cause?: unknown): void {
    const exchange = this.#exchange;
    this.#drop();
    if (!this.#rejectConnect && !exchange) return;
    this.#end();
    const failure = new ModbusFailure({ kind, message, cause });
    this.#rejectConnect?.(failure);
    exchange?.asking.failed(this.#about(exchange.request, failure));
  }

  #about(request: ReadRequest, { kind, message, exceptionCode, cause }: ModbusFailure): ModbusFailure {
    const text = `${message}: ${describeRequest(request)} at ${this.#endpoint.key}`;
    return new ModbusFailure({ kind, message: text, cause, ...(exceptionCode !== null && { exceptionCode }) });
  }
}

const fits = (answer: Answer, expected: ExpectedAnswer): boolean =>
  answer.unitId === expected.unitId &&
  answer.body.fc === expected.functionCode &&
  answer.body.valuesAsBuffer.length === expected.byteCount;
