import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMetric } from '../../src/codec/decode.js';
import { encodeCode, encodeMetric } from '../../src/codec/encode.js';
import { sizesOf } from '../../src/codec/words.js';
import type { DataType, Metric, Order } from '../../src/model/meter.js';
import { metric } from '../support/metric.js';

const bits = Array.from({ length: 16 }, (_, bit) => `BIT${bit}` as DataType);
const mod = (size: number) => 10 ** (4 * size) - 1;

/** What each type can hold exactly, as raw numbers, by its size. */
const exact: Readonly<Record<string, (size: number) => fc.Arbitrary<number>>> = {
  UINT8: () => fc.integer({ min: 0, max: 255 }),
  INT8: () => fc.integer({ min: -128, max: 127 }),
  UINT16: () => fc.integer({ min: 0, max: 65_535 }),
  INT16: () => fc.integer({ min: -32_768, max: 32_767 }),
  UINT32: () => fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  INT32: () => fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  UINT64: () => fc.bigInt({ min: 0n, max: 2n ** 64n - 2048n }).map(Number),
  INT64: () => fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1024n }).map(Number),
  FLOAT32: () => fc.float({ noNaN: true, noDefaultInfinity: true }),
  FLOAT64: () => fc.double({ noNaN: true, noDefaultInfinity: true }),
  MOD10K: (size) => fc.integer({ min: 0, max: Math.min(mod(size), Number.MAX_SAFE_INTEGER) }),
  BCD: (size) => fc.integer({ min: 0, max: Math.min(mod(size), Number.MAX_SAFE_INTEGER) }),
  PF_QUADRANT: () => fc.integer({ min: 0, max: 1000 }).map((thousandths) => thousandths / 1000),
  PF_IEEE_4Q: () => fc.float({ min: -1, max: 1, noNaN: true }),
  SM16: () => fc.integer({ min: -32_767, max: 32_767 }),
  BOOL: () => fc.integer({ min: 0, max: 1 }),
  ...Object.fromEntries(bits.map((type) => [type, () => fc.integer({ min: 0, max: 1 })])),
};

const bytesOf = (words: Uint16Array, { dataType }: Metric): Buffer =>
  dataType === 'BOOL' ? Buffer.from(words) : Buffer.from([...words].flatMap((word) => [word >> 8, word & 255]));

const orders: readonly Order[] = ['big', 'little'];

for (const [type, values] of Object.entries(exact)) {
  const dataType = type as DataType;
  test(`${type}: what is encoded decodes to itself, in every order and size`, () => {
    for (const size of sizesOf(dataType)) {
      for (const wordOrder of orders) {
        for (const byteOrder of orders) {
          const table = dataType === 'BOOL' ? 'coil' : 'holding';
          const subject = metric({ dataType, size, wordOrder, byteOrder, function: table });
          fc.assert(
            fc.property(values(size), (value) => {
              const words = encodeMetric(subject, value);
              assert.equal(words.length, size);
              const decoded = decodeMetric(subject, bytesOf(words, subject));
              assert.ok(decoded.value === value, `${value} became ${decoded.value ?? decoded.missing}`);
            }),
          );
        }
      }
    }
  });
}

test('64-bit registers decode as BigInt would have them', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (code) => {
      for (const wordOrder of orders) {
        const unsigned = metric({ dataType: 'UINT64', size: 4, wordOrder });
        const signed = metric({ dataType: 'INT64', size: 4, wordOrder });
        const data = bytesOf(encodeCode(unsigned, code), unsigned);
        assert.equal(decodeMetric(unsigned, data).value, Number(code));
        assert.equal(decodeMetric(signed, data).value, Number(BigInt.asIntN(64, code)));
      }
    }),
  );
});

test('scale, offset, ratios and exponent are undone, to the nearest step of the register', () => {
  const subject = metric({ dataType: 'INT32', size: 2, scale: 0.001, offset: -40, side: 'secondary-power' });
  const options = { ctRatio: 40, ptRatio: 20, exponent: -1 };
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (raw) => {
      const value = raw * 0.001 * 0.1 * 800 - 40;
      const decoded = decodeMetric(subject, bytesOf(encodeMetric(subject, value, options), subject), options);
      assert.ok(Math.abs((decoded.value ?? Number.NaN) - value) <= 1e-9 * Math.abs(value) + 1e-9);
    }),
  );
});

test('a value beyond the range takes the end of the range', () => {
  assert.deepEqual([...encodeMetric(metric({ dataType: 'INT16' }), 1e6)], [0x7fff]);
  assert.deepEqual([...encodeMetric(metric({ dataType: 'UINT64', size: 4 }), 1e300)], [0xffff, 0xffff, 0xffff, 0xffff]);
  assert.deepEqual([...encodeMetric(metric({ dataType: 'BCD', size: 1 }), 123_456)], [0x9999]);
  assert.deepEqual([...encodeMetric(metric({ dataType: 'MOD10K', size: 2 }), -5)], [0, 0]);
});

test('"no value" is the first not-available code, or a NaN, or an error', () => {
  const withCode = metric({ dataType: 'INT32', size: 2, notAvailable: [0x7fff_ffffn], wordOrder: 'little' });
  assert.deepEqual([...encodeMetric(withCode, Number.NaN)], [0xffff, 0x7fff]);
  assert.equal(decodeMetric(withCode, bytesOf(encodeMetric(withCode, Number.NaN), withCode)).missing, 'not available');
  const float = metric({ dataType: 'FLOAT32', size: 2 });
  assert.equal(decodeMetric(float, bytesOf(encodeMetric(float, Number.NaN), float)).missing, 'invalid value');
  assert.throws(() => encodeMetric(metric({ dataType: 'UINT16' }), Number.NaN), RangeError);
});

test('any registers decode to a finite number or a reason', () => {
  const type = fc.constantFrom(...(Object.keys(exact).filter((name) => name !== 'BOOL') as DataType[]));
  fc.assert(
    fc.property(type, fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.double(), (dataType, data, scale) => {
      for (const size of sizesOf(dataType)) {
        const { value, missing } = decodeMetric(metric({ dataType, size, scale }), Buffer.from(data));
        assert.ok(missing === null ? Number.isFinite(value) : missing === 'invalid value');
      }
    }),
    { numRuns: 2000 },
  );
});
