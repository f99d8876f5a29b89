// jsmodbus, with what it does badly mended before anybody uses it.

import { createRequire } from 'node:module';
import process from 'node:process';
import type JsModbus from 'jsmodbus';

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

// The link has the deadline: a timer for every request is set for nothing.
Object.assign(jsmodbus.UserRequest.prototype, { start: () => {} });

export { jsmodbus };
