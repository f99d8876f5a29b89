// jsmodbus, with what it does badly mended before anybody uses it.

import { createRequire } from 'node:module';
import process from 'node:process';
import type JsModbus from 'jsmodbus';

interface ModbusRequest {
  createPayload(): Buffer;
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

// It parses until nothing is left, and learns that from a RangeError that it catches: the largest cost of an answer.
const { ModbusTCPResponse } = jsmodbus;
const parse = ModbusTCPResponse.fromBuffer;
Object.assign(ModbusTCPResponse, {
  fromBuffer: (buffer: Buffer) => (buffer.length === 0 ? null : parse(buffer)),
});

// It makes numbers of the registers, and of those two more arrays; their bytes are all that is wanted.
const { ReadHoldingRegistersResponseBody, ReadInputRegistersResponseBody } = jsmodbus.responses;
const NO_VALUES: number[] = [];
for (const [Body, functionCode] of [
  [ReadHoldingRegistersResponseBody, 3],
  [ReadInputRegistersResponseBody, 4],
] as const) {
  Object.assign(Body, {
    fromBuffer: (buffer: Buffer) => {
      const byteCount = buffer.readUInt8(1);
      if (buffer[0] !== functionCode || buffer.length < 2 + byteCount) return null;
      return new Body(byteCount, NO_VALUES, buffer.subarray(2, 2 + byteCount));
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

  createPayload(): Buffer {
    return this.request.createPayload();
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
