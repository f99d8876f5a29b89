import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileDecoder, decodeMetric } from '../../src/codec/decode.js';
import type { DataType, Metric } from '../../src/model/meter.js';
import type { MissingReason } from '../../src/model/poll.js';
import { meter, metric } from '../support/metric.js';

// Hand-made: each row's bytes were worked out on paper from the type's definition, not by this program.
const golden: readonly [given: Partial<Metric>, hex: string, expected: number | MissingReason][] = [
  [{ dataType: 'UINT8' }, 'fe01', 254],
  [{ dataType: 'INT8' }, 'fe01', -2],
  [{ dataType: 'UINT8', byteOrder: 'little' }, 'fe01', 1],
  [{ dataType: 'UINT16' }, 'ffff', 65_535],
  [{ dataType: 'UINT16', byteOrder: 'little' }, '0102', 513],
  [{ dataType: 'INT16' }, '8000', -32_768],
  [{ dataType: 'UINT32', size: 2 }, '00010002', 65_538],
  [{ dataType: 'UINT32', size: 2, wordOrder: 'little' }, '00020001', 65_538],
  [{ dataType: 'UINT32', size: 2, byteOrder: 'little' }, '01000200', 65_538],
  [{ dataType: 'UINT32', size: 2, wordOrder: 'little', byteOrder: 'little' }, '02000100', 65_538],
  [{ dataType: 'UINT32', size: 2 }, 'ffffffff', 4_294_967_295],
  [{ dataType: 'INT32', size: 2 }, 'fffffffe', -2],
  [{ dataType: 'INT32', size: 2, scale: 2 ** -16 }, '00780000', 120],
  [{ dataType: 'INT32', size: 2, wordOrder: 'little', scale: 0.1 }, '09000000', 230.4],
  [{ dataType: 'UINT64', size: 4 }, '0000000100000000', 4_294_967_296],
  [{ dataType: 'UINT64', size: 4 }, 'ffffffffffffffff', 2 ** 64],
  [{ dataType: 'UINT64', size: 4, wordOrder: 'little' }, '0004000300020001', 0x0001_0002_0003_0004],
  [{ dataType: 'INT64', size: 4 }, 'ffffffffffffffff', -1],
  [{ dataType: 'INT64', size: 4 }, '8000000000000000', -(2 ** 63)],
  [{ dataType: 'FLOAT32', size: 2 }, '42f00000', 120],
  [{ dataType: 'FLOAT32', size: 2, wordOrder: 'little' }, '000042f0', 120],
  [{ dataType: 'FLOAT32', size: 2, wordOrder: 'little', byteOrder: 'little' }, '0000f042', 120],
  [{ dataType: 'FLOAT32', size: 2 }, '3dcccccd', Math.fround(0.1)],
  [{ dataType: 'FLOAT32', size: 2 }, '7fc00000', 'invalid value'],
  [{ dataType: 'FLOAT32', size: 2 }, 'ff800000', 'invalid value'],
  [{ dataType: 'FLOAT64', size: 4 }, 'c05e000000000000', -120],
  [{ dataType: 'FLOAT64', size: 4, wordOrder: 'little' }, '000000000000c05e', -120],
  [{ dataType: 'FLOAT64', size: 4 }, '7ff0000000000000', 'invalid value'],
  [{ dataType: 'FLOAT64', size: 4, scale: 10 }, '7fefffffffffffff', 'invalid value'],
  [{ dataType: 'MOD10K', size: 4, wordOrder: 'little' }, '162e000100000003', 3_000_000_015_678],
  [{ dataType: 'MOD10K', size: 2 }, '000c0d80', 123_456],
  [{ dataType: 'MOD10K', size: 2 }, '00012710', 'invalid value'],
  [{ dataType: 'BCD', size: 2 }, '12345678', 12_345_678],
  [{ dataType: 'BCD', size: 2, wordOrder: 'little' }, '56781234', 12_345_678],
  [{ dataType: 'BCD', size: 1 }, '123a', 'invalid value'],
  [{ dataType: 'PF_QUADRANT' }, '0000', 0],
  [{ dataType: 'PF_QUADRANT' }, '03b6', 0.95],
  [{ dataType: 'PF_QUADRANT', scale: 0.001 }, '03b6', 0.95],
  [{ dataType: 'PF_QUADRANT' }, '03e8', 1],
  [{ dataType: 'PF_QUADRANT' }, '041a', 0.95],
  [{ dataType: 'PF_QUADRANT' }, '07d0', 0],
  [{ dataType: 'PF_QUADRANT' }, '0b86', 0.95],
  [{ dataType: 'PF_QUADRANT' }, '0f9f', 0.001],
  [{ dataType: 'PF_QUADRANT' }, '0fa0', 'invalid value'],
  [{ dataType: 'PF_IEEE_4Q', size: 2 }, '3f400000', 0.75],
  [{ dataType: 'PF_IEEE_4Q', size: 2 }, '3fa00000', 0.75],
  [{ dataType: 'PF_IEEE_4Q', size: 2 }, 'bfa00000', -0.75],
  [{ dataType: 'PF_IEEE_4Q', size: 2 }, '40400000', 'invalid value'],
  [{ dataType: 'PF_IEEE_4Q', size: 2 }, 'ffc00000', 'invalid value'],
  [{ dataType: 'SM16', scale: 0.001 }, '83b6', -950 * 0.001],
  [{ dataType: 'SM16' }, '8000', 0],
  [{ dataType: 'BIT0' }, '0001', 1],
  [{ dataType: 'BIT15' }, '7fff', 0],
  [{ dataType: 'BIT9', byteOrder: 'little' }, '0002', 1],
  [{ dataType: 'UINT16', scale: 0.5, offset: -40 }, '0064', 10],
  // Sentinels are compared with the raw pattern, whatever the type makes of it.
  [{ dataType: 'INT32', size: 2, notAvailable: [0x8000_0000n] }, '80000000', 'not available'],
  [{ dataType: 'INT32', size: 2, notAvailable: [0x8000_0000n], wordOrder: 'little' }, '00008000', 'not available'],
  [{ dataType: 'INT16', notAvailable: [0x7fffn, 0x8000n] }, '8000', 'not available'],
  [{ dataType: 'FLOAT32', size: 2, notAvailable: [0xffc0_0000n] }, 'ffc00000', 'not available'],
  [{ dataType: 'FLOAT32', size: 2, notAvailable: [0xffc0_0000n] }, '7fc00000', 'invalid value'],
  [{ dataType: 'UINT64', size: 4, notAvailable: [0xffff_ffff_ffff_ffffn] }, 'ffffffffffffffff', 'not available'],
  [{ dataType: 'UINT64', size: 4, notAvailable: [0xffff_ffff_ffff_ffffn] }, 'fffffffffffffffe', 2 ** 64],
  [{ dataType: 'MOD10K', size: 3, notAvailable: [0xffff_ffff_ffffn] }, 'ffffffffffff', 'not available'],
  [{ dataType: 'UINT8', notAvailable: [0xffn] }, 'ff00', 'not available'],
  [{ dataType: 'UINT16', notAvailable: [0n] }, '0000', 'not available'],
];

for (const [given, hex, expected] of golden) {
  const orders = `${given.wordOrder ?? 'big'}/${given.byteOrder ?? 'big'}`;
  test(`${hex} as ${given.dataType ?? 'UINT16'} ${orders} is ${expected}`, () => {
    const { value, missing } = decodeMetric(metric(given), Buffer.from(hex, 'hex'));
    if (typeof expected === 'number') assert.equal(value, expected);
    else assert.equal(missing, expected);
  });
}

const columns = (count: number) => ({
  values: new Float64Array(count).fill(Number.NaN),
  missing: new Map<number, MissingReason>(),
});

test('a block is decoded from its own start, coils by their bit', () => {
  const metrics = [
    metric({ name: 'a', address: 104, dataType: 'UINT16' }),
    metric({ name: 'b', address: 100, dataType: 'UINT32', size: 2 }),
    metric({ name: 'c', address: 29, dataType: 'BOOL', function: 'coil' }),
    metric({ name: 'd', address: 30, dataType: 'BOOL', function: 'coil', notAvailable: [1n] }),
  ];
  const decoder = compileDecoder(meter({ metrics }));
  const into = columns(4);
  decoder.decode({ start: 100, metrics: [0, 1] }, Buffer.from('00010000eeeeeeee0007', 'hex'), into);
  decoder.decode({ start: 20, metrics: [2, 3] }, Buffer.from('0006', 'hex'), into);
  decoder.finish(into);
  assert.deepEqual([...into.values], [7, 65_536, 1, Number.NaN]);
  assert.deepEqual([...into.missing], [[3, 'not available']]);
});

test('ratios multiply what lies behind transformers', () => {
  const at = (side: Metric['side']) =>
    decodeMetric(metric({ side }), Buffer.from('0003', 'hex'), { ctRatio: 40, ptRatio: 2 });
  assert.equal(at('primary').value, 3);
  assert.equal(at('secondary-current').value, 120);
  assert.equal(at('secondary-voltage').value, 6);
  assert.equal(at('secondary-power').value, 240);
});

test('an exponent read from the meter scales its metrics, wherever in the plan it comes', () => {
  const metrics = [
    metric({ name: 'W', address: 0, dataType: 'INT16', exponent: 'W_SF', side: 'secondary-power', offset: 1 }),
    metric({ name: 'W_SF', address: 1, dataType: 'INT16', notAvailable: [0x8000n] }),
  ];
  const decoder = compileDecoder(meter({ metrics, ctRatio: 40 }));
  const read = (hex: string) => {
    const into = columns(2);
    decoder.decode({ start: 0, metrics: [0, 1] }, Buffer.from(hex, 'hex'), into);
    decoder.finish(into);
    return into.missing.get(0) ?? into.values[0];
  };
  assert.equal(read('007bffff'), 123 * 0.1 * 40 + 1);
  assert.equal(read('007b0002'), 492_001);
  assert.equal(read('007b8000'), 'not available');
  assert.equal(read('007b7fff'), 'invalid value');
});

test('a value whose exponent was not read is missing for the same reason', () => {
  const metrics = [metric({ name: 'W', exponent: 'SF' }), metric({ name: 'SF', address: 9 })];
  const decoder = compileDecoder(meter({ metrics }));
  const into = columns(2);
  into.missing.set(1, 'timeout');
  decoder.decode({ start: 0, metrics: [0] }, Buffer.from('007b', 'hex'), into);
  decoder.finish(into);
  assert.ok(Number.isNaN(into.values[0]));
  assert.equal(into.missing.get(0), 'timeout');
});

test('layouts that cannot be decoded are refused with the metric named', () => {
  const refused = (given: Partial<Metric>) => () =>
    compileDecoder(meter({ metrics: [metric({ name: 'Wh', ...given })] }));
  assert.throws(refused({ dataType: 'UINT32', size: 1 }), /"Wh".*UINT32 takes 2 registers, not 1/);
  assert.throws(refused({ dataType: 'BOOL' }), /"Wh".*BIT0 to BIT15/);
  assert.throws(refused({ function: 'coil' }), /"Wh".*BOOL only/);
  assert.throws(refused({ address: 65_535, size: 2, dataType: 'FLOAT32' }), /outside 0–65535/);
  assert.throws(refused({ notAvailable: [0x1_0000n] }), /does not fit 16 bits/);
  assert.throws(refused({ exponent: 'SF' }), /"SF" is no metric/);
  assert.throws(refused({ exponent: 'Wh' }), /has an exponent itself/);
});

test('values are the plain double product of register and Scaling Factor', () => {
  const types: readonly DataType[] = ['UINT16', 'INT16'];
  for (const dataType of types) {
    for (let word = 0; word < 65_536; word += 7) {
      const data = Buffer.from([word >> 8, word & 255]);
      const raw = dataType === 'INT16' ? (word << 16) >> 16 : word;
      assert.equal(decodeMetric(metric({ dataType, scale: 0.1 }), data).value, raw * 0.1);
    }
  }
});
