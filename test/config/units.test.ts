import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { durationOf, durationText, powerOf, sizeOf } from '../../src/config/units.js';

test('every length of time is written so that it is read as the same', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (ms) => durationOf(durationText(ms)) === ms));
  assert.deepEqual([durationText(0), durationText(1500), durationText(90 * 86_400_000)], ['0ms', '1500ms', '90d']);
});

test('a number of any unit is that many times the unit', () => {
  const units = { ms: 1, s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 };
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 100_000 }),
      fc.constantFrom(...Object.entries(units)),
      (n, [unit, factor]) => {
        assert.equal(durationOf(`${n}${unit}`), n * factor);
        assert.equal(durationOf(`${n} ${unit} `), n * factor);
      },
    ),
  );
  assert.deepEqual(['1.5s', '0.5h'].map(durationOf), [1500, 1_800_000]);
  assert.deepEqual(['1B', '1kB', '2GB', '1.5 MiB', '1tb'].map(sizeOf), [1, 1000, 2e9, 1_572_864, 1e12]);
  assert.deepEqual(['800W', '250kW', '250 kw', '1.5MW'].map(powerOf), [800, 250_000, 250_000, 1_500_000]);
});

test('anything else is nothing: bare numbers, other units, signs, exponents, several numbers', () => {
  for (const text of [
    '',
    '1',
    '-1s',
    '+1s',
    '1e3s',
    '1,5s',
    '1 min',
    '5M',
    '1S',
    's',
    '1s2',
    '1h30m',
    '٣s',
    '1  s',
    15,
    null,
    [],
    {},
  ])
    assert.equal(durationOf(text), null, String(text));
  for (const text of ['1', 1, '1XB', '1k', '-1MB', '99999999999999TB']) assert.equal(sizeOf(text), null, String(text));
  for (const text of ['1', 250, '250kWh', '250kVA', '-1kW']) assert.equal(powerOf(text), null, String(text));
});

test('whatever the text is, each answers with a safe whole number or null', () => {
  const near = fc.stringMatching(/^[0-9.]{0,25} ?[a-zA-Z]{0,4}$/);
  fc.assert(
    fc.property(fc.oneof(fc.string(), near, fc.anything()), (value) => {
      for (const read of [durationOf, sizeOf, powerOf]) {
        const result = read(value);
        assert.ok(result === null || (Number.isSafeInteger(result) && result >= 0), String(result));
      }
    }),
    { numRuns: 2000 },
  );
});
