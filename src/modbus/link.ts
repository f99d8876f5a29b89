// One link: the requests to one endpoint, one after the other in the order of the calls. Connects when needed. When to try
// a meter again is decided by the caller; a request that found its connection already dead is sent once more here.

import { setMaxListeners } from 'node:events';
import { systemClock } from '../model/clock.js';
import { EmdcError, messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { type Endpoint, linkKeyOf } from '../model/meter.js';
import { buildRequest } from './client.js';
import { Connection, ExchangeError } from './connection.js';
import { connectText, exceptionText, ModbusFailure } from './failure.js';
import { type ExpectedResponse, type Framing, mbap, rtu } from './framing.js';
import {
  identificationRequest,
  parseIdentification,
  parseServerId,
  READ_DEVICE_IDENTIFICATION,
  REPORT_SERVER_ID,
  serverIdRequest,
} from './identity.js';
import { Quiet } from './quiet.js';
import type { DeviceIdentity, Link, ReadOptions, ReadRequest } from './reader.js';
import { byteCountOf, describeRequest, FUNCTION_CODES, requestProblem } from './request.js';
import { openStream } from './transport.js';

/** Failures in a row, each on a new connection, after which a message names the setting that may help. */
const HINT_AFTER = 3;
/** Responses that a device may need for its seven identification objects. */
const IDENTIFICATION_REQUESTS = 8;

type Question = Omit<ExpectedResponse, 'transactionId'> & {
  readonly pdu: Buffer;
  readonly text: string;
  readonly request: ReadRequest | null;
};

interface Task {
  readonly question: Question;
  readonly options: ReadOptions;
  resolve(pdu: Buffer): void;
  reject(failure: ModbusFailure): void;
  /** Rejects the task while it waits. */
  readonly abort: () => void;
}

let transactionId = Math.floor(Math.random() * 65_536);

/**
 * Unique over all connections until 65,536 requests later, and never the next number: a response that a gateway kept from
 * an earlier connection, or that a device numbers by its own counting, does not fit.
 */
function nextTransactionId(): number {
  transactionId = (transactionId + 25_183) & 0xffff;
  return transactionId;
}

export class ModbusLink implements Link {
  readonly key: string;
  readonly #endpoint: Endpoint;
  readonly #framing: Framing;
  readonly #log: Log;
  readonly #quiet: Quiet;
  readonly #waiting: Task[] = [];
  #working = false;
  #closed = false;
  #connects = 0;
  #connection: Connection | null = null;
  #connecting: AbortController | null = null;
  /** On the monotonic clock: the newest attempt to connect that failed. */
  #failedToConnectAt = Number.NEGATIVE_INFINITY;
  /** Whole responses in a row with another transaction id, and timeouts in a row, each the first on its connection. */
  #otherIds = 0;
  #firstTimeouts = 0;

  constructor({ endpoint, log }: { readonly endpoint: Endpoint; readonly log: Log }) {
    this.key = endpoint.type === 'tcp' ? linkKeyOf(endpoint) : endpoint.line.path;
    this.#endpoint = endpoint;
    this.#framing = endpoint.type === 'tcp' && endpoint.framing === 'mbap' ? mbap : rtu;
    this.#quiet = new Quiet(endpoint);
    this.#log = log;
  }

  get connects(): number {
    return this.#connects;
  }

  async read(request: ReadRequest, options: ReadOptions): Promise<Buffer> {
    const problem = requestProblem(request);
    if (problem !== null) throw new ModbusFailure({ kind: 'bad-request', message: problem, request });
    const client = buildRequest(request);
    const question: Question = {
      unitId: request.unitId,
      functionCode: FUNCTION_CODES[request.function],
      byteCount: byteCountOf(request),
      pdu: client.pdu,
      text: describeRequest(request),
      request,
    };
    try {
      const pdu = await this.#ask(question, options);
      const parsed = await client.parse(pdu).catch((error: unknown) => {
        throw this.#failure(new ExchangeError('bad-answer', `bad answer: ${messageOf(error)}`), question);
      });
      if ('exceptionCode' in parsed) throw this.#exception(parsed.exceptionCode, question);
      if (parsed.data.length !== question.byteCount) {
        throw this.#failure(new ExchangeError('bad-answer', 'bad answer: misread by the parser'), question);
      }
      return parsed.data;
    } finally {
      client.cancel();
    }
  }

  async identify(unitId: number, options: ReadOptions): Promise<DeviceIdentity> {
    const objects = new Map<number, string>();
    let next: number | null = 0;
    for (let asked = 0; next !== null && asked < IDENTIFICATION_REQUESTS; asked++) {
      const question: Question = {
        unitId,
        functionCode: READ_DEVICE_IDENTIFICATION,
        byteCount: null,
        pdu: identificationRequest(next),
        text: `unit ${unitId} device identification`,
        request: null,
      };
      const pdu = await this.#ask(question, options);
      if (pdu[0] !== READ_DEVICE_IDENTIFICATION) break;
      const part = parseIdentification(pdu);
      for (const [id, text] of part.objects) objects.set(id, text);
      next = part.next;
    }
    if (objects.size > 0) return { objects, serverId: null };
    const pdu = await this.#ask(
      {
        unitId,
        functionCode: REPORT_SERVER_ID,
        byteCount: null,
        pdu: serverIdRequest(),
        text: `unit ${unitId} server id`,
        request: null,
      },
      options,
    );
    return { objects, serverId: pdu[0] === REPORT_SERVER_ID ? parseServerId(pdu) : null };
  }

  disconnect(): void {
    this.#connecting?.abort('closed');
    void this.#connection?.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const task of this.#waiting.splice(0)) this.#reject(task, this.#givenUp(task));
    this.#connecting?.abort('closed');
    await this.#connection?.close();
  }

  #ask(question: Question, options: ReadOptions): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        const index = this.#waiting.indexOf(task);
        if (index < 0) return;
        this.#waiting.splice(index, 1);
        this.#reject(task, this.#givenUp(task));
      };
      // One signal may stop the requests of many links; Node warns of more than ten listeners otherwise.
      if (options.signal) setMaxListeners(0, options.signal);
      const task: Task = { question, options, resolve, reject, abort };
      if (options.signal?.aborted || this.#closed) return reject(this.#givenUp(task));
      this.#waiting.push(task);
      // A task that starts at once needs no listener for the time in which it waits.
      if (this.#working) options.signal?.addEventListener('abort', abort, { once: true });
      else void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let task = this.#waiting.shift(); task; task = this.#waiting.shift()) {
      task.options.signal?.removeEventListener('abort', task.abort);
      try {
        task.resolve(await this.#perform(task));
      } catch (error) {
        task.reject(this.#failure(error, task.question));
      }
    }
    this.#working = false;
  }

  async #perform(task: Task): Promise<Buffer> {
    const { pauseMs, signal } = task.options;
    await this.#quiet.pause(pauseMs, signal);
    const isReused = this.#connection?.alive === true;
    try {
      return await this.#attempt(task);
    } catch (error) {
      if (!isReused || !(error instanceof ExchangeError) || !error.stale) throw error;
      this.#log.debug('stale connection, asking again on a new one', { link: this.key, cause: error.message });
      return await this.#attempt(task);
    }
  }

  async #attempt(task: Task): Promise<Buffer> {
    const { question, options } = task;
    this.#checkWanted(task);
    const isFirst = this.#connection?.alive !== true;
    const connection = await this.#connected(options);
    await this.#quiet.settle(connection, question, options);
    this.#checkWanted(task);
    const mayDiffer = options.transactionId === 'ignore';
    // A number is sent in any case; with `ignore` it is not looked at.
    const sent = nextTransactionId();
    try {
      const pdu = await connection.exchange(
        question.pdu,
        { ...question, transactionId: sent },
        { ...options, mayDiffer },
      );
      this.#otherIds = 0;
      this.#firstTimeouts = 0;
      return pdu;
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      this.#quiet.failed(error.kind, question, options);
      if (error.kind === 'timeout' && this.#endpoint.type === 'tcp') await connection.close();
      if (!isFirst) throw error;
      throw this.#hinted(error, options);
    } finally {
      this.#quiet.ended();
    }
  }

  /** Names the setting that may help, where the same failure came on several new connections in a row. */
  #hinted(error: ExchangeError, { connectDelayMs = 0 }: ReadOptions): ExchangeError {
    this.#otherIds = error.onlyIdDiffers ? this.#otherIds + 1 : 0;
    this.#firstTimeouts = error.kind === 'timeout' ? this.#firstTimeouts + 1 : 0;
    if (this.#otherIds >= HINT_AFTER) {
      return error.with('everything else in the response fits: set transactionId: ignore for this meter');
    }
    if (this.#firstTimeouts >= HINT_AFTER && connectDelayMs === 0) {
      return error.with('each first request after connecting times out: the device may need a connectDelay');
    }
    return error;
  }

  async #connected(options: ReadOptions): Promise<Connection> {
    const { signal, reconnectWaitMs = 0, connectDelayMs = 0 } = options;
    const previous = this.#connection;
    if (previous?.alive) return previous;
    // A serial port is locked until it is closed.
    await previous?.close();
    const endedAt = Math.max(this.#failedToConnectAt, previous?.endedAt ?? Number.NEGATIVE_INFINITY);
    await systemClock.sleep(endedAt + reconnectWaitMs - performance.now(), signal);
    if (signal?.aborted || this.#closed) throw new ExchangeError('aborted', 'given up before connecting');
    const connection = await this.#connect(options);
    this.#connection = connection;
    this.#connects++;
    if (connectDelayMs > 0) await systemClock.sleep(connectDelayMs, signal);
    return connection;
  }

  async #connect({ timeoutMs, signal }: ReadOptions): Promise<Connection> {
    const connecting = new AbortController();
    this.#connecting = connecting;
    const timer = setTimeout(() => connecting.abort('timeout'), timeoutMs);
    const abort = () => connecting.abort('aborted');
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const stream = await openStream(this.#endpoint, { timeoutMs, signal: connecting.signal });
      const connection = new Connection(stream, this.#framing);
      if (!connecting.signal.aborted) return connection;
      await connection.close();
      throw new Error('given up');
    } catch (error) {
      this.#failedToConnectAt = performance.now();
      const failure = this.#connectError(error, { reason: connecting.signal.reason, timeoutMs });
      if (failure.kind === 'unreachable') {
        for (const task of this.#waiting.splice(0)) this.#reject(task, this.#failure(failure, task.question));
      }
      throw failure;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      this.#connecting = null;
    }
  }

  #connectError(cause: unknown, { reason, timeoutMs }: { reason: unknown; timeoutMs: number }): ExchangeError {
    switch (reason) {
      case 'timeout':
        return new ExchangeError('unreachable', `no connection within ${timeoutMs} ms`);
      case 'aborted':
        return new ExchangeError('aborted', 'given up while connecting');
      case 'closed':
        return new ExchangeError('disconnected', 'connection closed on our side');
      default: {
        const hint = cause instanceof EmdcError && cause.hint !== '' ? ` (${cause.hint})` : '';
        return new ExchangeError('unreachable', `no connection: ${connectText(cause)}${hint}`, { cause });
      }
    }
  }

  #checkWanted(task: Task): void {
    if (task.options.signal?.aborted || this.#closed) throw this.#givenUp(task);
  }

  #reject(task: Task, failure: ModbusFailure): void {
    task.options.signal?.removeEventListener('abort', task.abort);
    task.reject(failure);
  }

  #givenUp({ question, options }: Task): ModbusFailure {
    const error = new ExchangeError('aborted', 'given up before it was sent', { cause: options.signal?.reason });
    return this.#failure(error, question);
  }

  #exception(exceptionCode: number, { text, request }: Question): ModbusFailure {
    const message = `${exceptionText(exceptionCode)}: ${text} at ${this.key}`;
    return new ModbusFailure({ kind: 'exception', message, request, exceptionCode });
  }

  #failure(error: unknown, { text, request }: Question): ModbusFailure {
    if (error instanceof ModbusFailure) return error;
    const message = `${messageOf(error)}: ${text} at ${this.key}`;
    if (!(error instanceof ExchangeError)) {
      return new ModbusFailure({ kind: 'disconnected', message, request, cause: error });
    }
    // A serial port that is gone (USB unplugged) is not there to be disconnected from.
    const isGone = error.kind === 'disconnected' && this.#endpoint.type === 'serial';
    return new ModbusFailure({ kind: isGone ? 'unreachable' : error.kind, message, request, cause: error.cause });
  }
}
