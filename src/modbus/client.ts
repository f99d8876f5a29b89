// jsmodbus, through its public interface: builds the PDU of a read request and parses the PDU of its response. Every request
// gets a client of its own on a socket that exists in memory only, so the client's parser and queue never see more than
// one whole response, already judged by framing.ts, and nothing is left over for the next request.

import type { Socket } from 'node:net';
import jsmodbus from 'jsmodbus';
import type { RegisterFunction } from '../model/meter.js';
import type { ReadRequest } from './reader.js';

type Client = InstanceType<typeof jsmodbus.client.TCP>;

// The library's own getter throws for every exception code that it has no text for, e.g. 0, 7, 9, 12 and 255.
Object.defineProperty(jsmodbus.responses.ExceptionResponseBody.prototype, 'message', {
  configurable: true,
  get(this: { code: number }) {
    return `exception ${this.code}`;
  },
});

const HEADER_BYTES = 7;
/** Longer than any timeout of ours (setTimeout's limit): `cancel` ends the client's wait. */
const CLIENT_TIMEOUT_MS = 2 ** 31 - 1;

/** The part of a socket that a client uses. */
class MemorySocket {
  sent: Buffer = Buffer.alloc(0);
  readonly #listeners = new Map<string, (data?: Buffer) => void>();

  on(event: string, listener: (data?: Buffer) => void): void {
    this.#listeners.set(event, listener);
  }

  write(frame: Buffer): boolean {
    this.sent = frame;
    return true;
  }

  emit(event: string, data?: Buffer): void {
    this.#listeners.get(event)?.(data);
  }
}

/** A response as the library parsed it: data, or an exception's code. */
export type Parsed = { readonly data: Buffer } | { readonly exceptionCode: number };

export interface ClientRequest {
  readonly pdu: Buffer;
  /** Parses the response's PDU, which must have been judged before. Rejects if the library reads something else in it. */
  parse(pdu: Buffer): Promise<Parsed>;
  /** Ends the client's wait where no response is coming. */
  cancel(): void;
}

/** `request` must have been checked with `requestProblem` before. */
export function buildRequest(request: ReadRequest): ClientRequest {
  const socket = new MemorySocket();
  const client = new jsmodbus.client.TCP(socket as unknown as Socket, request.unitId, CLIENT_TIMEOUT_MS);
  socket.emit('connect');
  const parsed = READERS[request.function](client, request.start, request.count).then(
    ({ response }): Parsed => ({ data: response.body.valuesAsBuffer }),
    (error: unknown): Parsed => ({ exceptionCode: exceptionCodeIn(error) }),
  );
  // A cancelled request rejects without anyone waiting for it.
  parsed.catch(() => {});
  return {
    pdu: socket.sent.subarray(HEADER_BYTES),
    parse(pdu) {
      const frame = Buffer.alloc(HEADER_BYTES + pdu.length);
      socket.sent.copy(frame, 0, 0, HEADER_BYTES);
      frame.writeUInt16BE(1 + pdu.length, 4);
      frame.set(pdu, HEADER_BYTES);
      socket.emit('data', frame);
      // Whatever the parser left unanswered is rejected; after a response this does nothing.
      socket.emit('close');
      return parsed;
    },
    cancel: () => socket.emit('close'),
  };
}

interface Result {
  readonly response: { readonly body: { readonly valuesAsBuffer: Buffer } };
}

const READERS: Readonly<Record<RegisterFunction, (client: Client, start: number, count: number) => Promise<Result>>> = {
  coil: (client, start, count) => client.readCoils(start, count),
  discrete: (client, start, count) => client.readDiscreteInputs(start, count),
  holding: (client, start, count) => client.readHoldingRegisters(start, count),
  input: (client, start, count) => client.readInputRegisters(start, count),
};

/** The library rejects with plain objects: `{err, message, request, response}`. */
function exceptionCodeIn(error: unknown): number {
  const rejection = error as { err?: unknown; message?: unknown; response?: { body?: { code?: unknown } } } | null;
  const code = rejection?.err === 'ModbusException' ? rejection.response?.body?.code : undefined;
  if (typeof code === 'number') return code;
  throw new Error(`not understood by the parser: ${String(rejection?.message ?? error)}`);
}
