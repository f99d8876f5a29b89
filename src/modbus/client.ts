// jsmodbus, as far away as it can be kept: one client per unit and connection, on a stand-in for the socket. The client
// gets to see nothing but the single, complete, already judged answer to its only request, because its parser keeps
// garbage for ever, its queue loses innocent requests, and an odd byte in its listener ends the process.

import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import jsmodbus from 'jsmodbus';
import type { RegisterFunction } from '../meter.js';
import type { ReadRequest } from './reader.js';

// Its getter throws, inside the socket's listener, for every code that it has no text for.
Object.defineProperty(jsmodbus.responses.ExceptionResponseBody.prototype, 'message', {
  configurable: true,
  get(this: { code: number }) {
    return `exception ${this.code}`;
  },
});

/** The link has the deadline; the client's own timer must only never fire first. */
const NEVER_MS = 2 ** 31 - 1;

type Client = InstanceType<typeof jsmodbus.client.TCP>;

/** What a client needs of a socket: events, and a write. */
class Wire extends EventEmitter {
  readonly #send: (frame: Buffer) => void;

  constructor(send: (frame: Buffer) => void) {
    super();
    this.#send = send;
  }

  write(frame: Buffer): boolean {
    this.#send(frame);
    return true;
  }
}

export interface Answer {
  readonly unitId: number;
  readonly functionCode: number;
  readonly data: Buffer;
}

/** A refusal by the meter or its gateway, as the client reports it. */
export class ExceptionAnswer {
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}

export class UnitClient {
  readonly #wire: Wire;
  readonly #client: Client;

  /** `send` is called with each request's frame. */
  constructor(unitId: number, send: (frame: Buffer) => void) {
    this.#wire = new Wire(send);
    this.#client = new jsmodbus.client.TCP(this.#wire as unknown as Socket, unitId, NEVER_MS);
    this.#wire.emit('connect');
  }

  /** Rejects with an ExceptionAnswer, or with whatever the client rejects with. */
  async read(request: ReadRequest): Promise<Answer> {
    try {
      const { response } = await READERS[request.function](this.#client, request.start, request.count);
      return { unitId: response.unitId, functionCode: response.body.fc, data: response.body.valuesAsBuffer };
    } catch (error) {
      throw exceptionIn(error) ?? error;
    }
  }

  /** Hands over the one answer that was asked for. */
  deliver(frame: Buffer): void {
    // The client parses until it throws and catches a RangeError on its empty buffer; the trace, which nobody sees, would
    // be the largest cost of an answer.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      this.#wire.emit('data', frame);
    } finally {
      Error.stackTraceLimit = limit;
    }
  }

  /** Lets go of a request that will not be answered, and of its timer. */
  close(): void {
    this.#wire.emit('close');
  }
}

interface ReadResult {
  readonly response: {
    readonly unitId: number;
    readonly body: { readonly fc: number; readonly valuesAsBuffer: Buffer };
  };
}

const READERS: Readonly<
  Record<RegisterFunction, (client: Client, start: number, count: number) => Promise<ReadResult>>
> = {
  coil: (client, start, count) => client.readCoils(start, count),
  discrete: (client, start, count) => client.readDiscreteInputs(start, count),
  holding: (client, start, count) => client.readHoldingRegisters(start, count),
  input: (client, start, count) => client.readInputRegisters(start, count),
};

function exceptionIn(error: unknown): ExceptionAnswer | null {
  const rejection = error as { err?: unknown; response?: { body?: { code?: unknown } } } | null;
  const code = rejection?.err === 'ModbusException' ? rejection.response?.body?.code : undefined;
  return typeof code === 'number' ? new ExceptionAnswer(code) : null;
}
