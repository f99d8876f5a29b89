import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Metric } from '../../src/model/meter.js';
import { checkExamples, exampleRows } from '../../src/register-map/examples.js';
import { composeWorkbook, parseWorkbook } from '../../src/register-map/workbook.js';
import { metric } from '../support/metric.js';

/** 230.5 V as FLOAT32 at 100, 1234.56 kWh as UINT32 × 0.01 at 102, a serial number at 110. */
const registers = [
  { function: 'holding', address: 99, words: [0x0000, 0x4366, 0x8000, 0x0001, 0xe240, 0x0000] },
  { function: 'holding', address: 110, words: [0x4142, 0x3132] },
] as const;
const values = [
  { metric: 'V', value: 230.5 },
  { metric: 'kWh', value: 1234.56 },
  { metric: 'Serial', value: 'AB12' },
];
const V = metric({ name: 'V', address: 100, size: 2, dataType: 'FLOAT32' });
const kWh = metric({ name: 'kWh', address: 102, size: 2, dataType: 'UINT32', scale: 0.01 });
const serial = metric({ name: 'Serial', address: 110, size: 2, dataType: 'STRING', read: 'once' });

function check(metrics: readonly Metric[], rows = exampleRows(registers, values)): string[] {
  const bytes = composeWorkbook([{ name: 'Example', rows, widths: [] }]);
  const problems = checkExamples(parseWorkbook(bytes, { format: 'xlsx', file: 'map.xlsx' }), metrics, 'map.xlsx');
  return problems.list.map(({ rule, expected }) => `${rule} ${expected}`);
}

test('an example that the map decodes to its values is silent', () => {
  assert.deepEqual(check([V, kWh, serial]), []);
});

test('an example tells words swapped, an address off by one, a scale ten times too large, and a wrong type', () => {
  const mistakes: readonly (readonly [Metric, RegExp])[] = [
    [{ ...V, wordOrder: 'little' }, /V: the registers give .*; with Word Order big/],
    [{ ...V, address: 99 }, /V: .*; with the address 100/],
    [{ ...kWh, scale: 0.1 }, /kWh: the registers give 12345.6; with the Scaling Factor 0.01/],
    [{ ...V, dataType: 'UINT32' }, /V: .*; with the Data Type FLOAT32/],
  ];
  for (const [wrong, message] of mistakes) {
    const metrics = [V, kWh, serial].map((right) => (right.name === wrong.name ? wrong : right));
    const problems = check(metrics);
    assert.equal(problems.length, 1, String(problems));
    assert.match(problems[0] ?? '', message);
  }
});

test('an example says what it lacks, and which of its rows are none', () => {
  const rows = exampleRows([registers[0]], values);
  rows.push(
    ['1', null, null, null, 'Nowhere', 5],
    ['1', null, 'x', 'zz', null, null],
    ['1', null, null, null, null, 7],
  );
  assert.deepEqual(check([V, kWh, serial], rows), [
    'bad-example expected an address on the wire and hexadecimal words such as 4366 8000',
    'bad-example expected an Address with Registers, or a Metric with its Value',
    'example-differs Serial: the example has no registers holding 110+2',
    'bad-example expected the name of a metric of this map',
  ]);
});
