// jsmodbus, as far away as it can be kept: one client per unit and connection, on a stand-in for the socket. The client
// gets to see nothing but the single, complete, already judged answer to its only request, because its parser keeps
// garbage for ever, its queue loses innocent requests, and an odd byte in its listener ends the process.

import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { RegisterFunction } from '../meter.js';
import { jsmodbus } from './jsmodbus.js';
import type { ReadRequest } from './reader.js';

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
  readonly body: {
    readonly fc: number;
    /** Nobody else's: the client has copied the frame. */
    readonly valuesAsBuffer: Buffer;
  };
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

  /** Calls one of them, later: `onError` with an ExceptionAnswer, or with whatever the client rejects with. */
  read(request: ReadRequest, onAnswer: (answer: Answer) => void, onError: (error: unknown) => void): void {
    READERS[request.function](this.#client, request.start, request.count).then(
      ({ response }) => onAnswer(response),
      (error: unknown) => onError(exceptionIn(error) ?? error),
    );
  }

  /** Hands over the one answer that was asked for. */
  deliver(frame: Buffer): void {
    this.#wire.emit('data', frame);
  }

  /** Lets go of a request that will not be answered, and of its timer. */
  close(): void {
    this.#wire.emit('close');
  }
}

const READERS: Readonly<
  Record<RegisterFunction, (client: Client, start: number, count: number) => Promise<{ readonly response: Answer }>>
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
