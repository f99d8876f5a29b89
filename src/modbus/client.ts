// jsmodbus, as far away as it can be kept: one client per unit and connection, on a stand-in for the socket. The client
// gets to see nothing but the single, complete, already judged answer to its only request, because its parser keeps
// garbage for ever, its queue loses innocent requests, and an odd byte in its listener ends the process.

import type { Socket } from 'node:net';
import type { RegisterFunction } from '../model/meter.js';
import { jsmodbus } from './jsmodbus.js';
import type { ReadRequest } from './reader.js';

type Client = InstanceType<typeof jsmodbus.client.TCP>;

/** What a client needs of a socket: it listens to three events, and writes. */
class Wire {
  readonly #send: (frame: Buffer) => void;
  readonly #listeners: Partial<Record<string, (data?: Buffer) => void>> = {};

  constructor(send: (frame: Buffer) => void) {
    this.#send = send;
  }

  on(event: string, listener: (data?: Buffer) => void): void {
    this.#listeners[event] = listener;
  }

  connected(): void {
    this.#listeners['connect']?.();
  }

  received(frame: Buffer): void {
    this.#listeners['data']?.(frame);
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
    /** Part of the frame that was delivered. */
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

/** Who waits for a client's answers. */
export interface Receiver {
  /** A request's frame is to be sent. */
  send(frame: Buffer): void;
  answered(answer: Answer): void;
  /** With an ExceptionAnswer, or with whatever the client rejects with. */
  refused(error: unknown): void;
}

export class UnitClient {
  readonly unitId: number;
  readonly #wire: Wire;
  readonly #client: Client;
  readonly #answered: (result: { readonly response: Answer }) => void;
  readonly #refused: (error: unknown) => void;

  constructor(unitId: number, receiver: Receiver) {
    this.unitId = unitId;
    this.#wire = new Wire((frame) => receiver.send(frame));
    this.#client = new jsmodbus.client.TCP(this.#wire as unknown as Socket, unitId);
    this.#answered = ({ response }) => receiver.answered(response);
    this.#refused = (error) => receiver.refused(exceptionIn(error) ?? error);
    this.#wire.connected();
  }

  /** The receiver is sent the frame at once, and later the answer or why there is none. */
  read(request: ReadRequest): void {
    READERS[request.function](this.#client, request.start, request.count).then(this.#answered, this.#refused);
  }

  /** Hands over the one answer that was asked for; the frame is the client's from now on. */
  deliver(frame: Buffer): void {
    this.#wire.received(frame);
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
