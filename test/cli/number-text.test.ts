import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { valueText } from '../../src/cli/number-text.js';

test('a FLOAT32 is shown with the shortest decimals that the register cannot be told from', () => {
  assert.equal(valueText(Math.fround(230.1), 'FLOAT32'), '230.1');
  assert.equal(valueText(Math.fround(0.02), 'FLOAT32'), '0.02');
  assert.equal(valueText(Math.fround(278.6686706542969), 'FLOAT32'), '278.66867');
  assert.equal(valueText(Math.fround(16_777_216), 'FLOAT32'), '16777216');
  fc.assert(
    fc.property(
      fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(1e-30), max: Math.fround(1e30) }),
      (value) => assert.equal(Math.fround(Number(valueText(value, 'FLOAT32'))), value),
    ),
  );
});

test('scaling leaves no noise behind, and whole numbers stay whole', () => {
  assert.equal(valueText(14 * 0.1, 'UINT16'), '1.4');
  assert.equal(valueText(0.1 * 3, 'INT16'), '0.3');
  assert.equal(valueText(4294967295, 'UINT32'), '4294967295');
  assert.equal(valueText(0, 'FLOAT32'), '0');
});
