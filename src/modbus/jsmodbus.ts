// jsmodbus, with what it does badly mended before anybody uses it.

import { createRequire } from 'node:module';
import process from 'node:process';
import type JsModbus from 'jsmodbus';

interface ModbusRequest {
  readonly id: number;
  readonly unitId: number;
  readonly body: { readonly fc: number; readonly start: number; readonly count: number };
}

/** What of its queue is private. */
interface Queue {
  readonly _requests: Pending[];
  _flush(): void;
}

const require = createRequire(import.meta.url);

/** Its tracer is called some fifteen times per request, which costs a fifth of it though nobody listens. */
function loadUntraced(): typeof JsModbus {
  const tracer = createRequire(require.resolve('jsmodbus')).resolve('debug');
  const traced = require(tracer);
  const module = require.cache[tracer];
  if (process.env['DEBUG'] || module === undefined) return require('jsmodbus');
  module.exports = () => () => {};
  try {
    return require('jsmodbus');
  } finally {
    module.exports = traced;
  }
}

const jsmodbus = loadUntraced();

// Its getter throws, inside the socket's listener, for every code that it has no text for.
Object.defineProperty(jsmodbus.responses.ExceptionResponseBody.prototype, 'message', {
  configurable: true,
  get(this: { code: number }) {
    return `exception ${this.code}`;
  },
});

// It adds what comes to what was left, parses until nothing is, and learns that from a RangeError that it catches: the
// largest cost of an answer. It is handed one whole frame, for keeps.
const { ModbusTCPResponse } = jsmodbus;
const { default: ResponseHandler } = require('jsmodbus/dist/tcp-client-response-handler.js');
Object.assign(ResponseHandler.prototype, {
  handleData(this: { readonly _messages: unknown[] }, frame: Buffer) {
    const response = ModbusTCPResponse.fromBuffer(frame);
    if (response !== null) this._messages.push(response);
  },
});

// It makes numbers of the registers, and of those two more arrays; their bytes are all that is wanted.
const { ReadHoldingRegistersResponseBody, ReadInputRegistersResponseBody } = jsmodbus.responses;
for (const [Body, functionCode] of [
  [ReadHoldingRegistersResponseBody, 3],
  [ReadInputRegistersResponseBody, 4],
] as const) {
  Object.assign(Body, {
    fromBuffer: (buffer: Buffer) => {
      const byteCount = buffer.readUInt8(1);
      if (buffer[0] !== functionCode || buffer.length < 2 + byteCount) return null;
      return { fc: functionCode, isException: false, valuesAsBuffer: buffer.subarray(2, 2 + byteCount) };
    },
  });
}

/** What its queue keeps of a request. Its own notes three moments of it and sets a timer; the link has the deadline. */
class Pending {
  readonly request: ModbusRequest;
  readonly promise: Promise<{ readonly response: unknown }>;
  #resolve: (result: { readonly response: unknown }) => void = () => {};
  reject: (error: unknown) => void = () => {};

  constructor(request: ModbusRequest) {
    this.request = request;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.reject = reject;
    });
  }

  /** Its own makes two buffers, and one of them. */
  createPayload(): Buffer {
    const { id, unitId, body } = this.request;
    const frame = Buffer.allocUnsafe(12);
    frame.writeUInt16BE(id, 0);
    frame.writeUInt16BE(0, 2);
    frame.writeUInt16BE(6, 4);
    frame[6] = unitId;
    frame[7] = body.fc;
    frame.writeUInt16BE(body.start, 8);
    frame.writeUInt16BE(body.count, 10);
    return frame;
  }

  resolve(response: unknown): void {
    this.#resolve({ response });
  }

  start(): void {}

  done(): void {}
}

Object.assign(jsmodbus.MBClientRequestHandler.prototype, {
  registerRequest(this: Queue, request: ModbusRequest) {
    const pending = new Pending(request);
    this._requests.push(pending);
    this._flush();
    return pending.promise;
  },
});

export { jsmodbus };
