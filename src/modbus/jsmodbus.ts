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

export { jsmodbus };
