import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesFor, numberFor, spanFor, timeFor } from '../../../src/http/page/format.js';
import { sparkline } from '../../../src/http/page/html.js';

test('numbers keep about seven digits, group their thousands and never round a counter to nonsense', () => {
  const cases: [number, string][] = [
    [0, '0'],
    [230.10000610351562, '230.10'],
    [-0.98765, '−0.9877'],
    [59.98, '59.980'],
    [50, '50'],
    [9999.5, '9999.50'],
    [12345.678, '12\u202f345.68'],
    [1234567.89, '1\u202f234\u202f567.9'],
    [98765432109876, '98\u202f765\u202f432\u202f109\u202f876'],
    [3.4e38, '3.400e+38'],
    [1.5e-7, '1.500e-7'],
  ];
  for (const [value, text] of cases) assert.equal(numberFor(value), text);
});

test('spans, times and sizes read as one would say them', () => {
  assert.deepEqual([900, 119_000, 120_000, 7_200_000, 172_800_000].map(spanFor), [
    '1 s',
    '119 s',
    '2 min',
    '2 h',
    '2 d',
  ]);
  const now = Date.UTC(2026, 4, 6, 0, 0, 30);
  assert.equal(timeFor(now - 10_000, now), '00:00:20 UTC');
  assert.equal(timeFor(now - 60_000, now), '2026-05-05 23:59:30 UTC');
  assert.deepEqual([999, 1000, 1_234_567].map(bytesFor), ['999 B', '1.0 kB', '1.2 MB']);
});

test('a course leaves gaps where nothing was read, lies in the middle where nothing changes, and needs two values', () => {
  const path = (values: (number | null)[]) => / d="([^"]*)"/.exec(sparkline(values).text)?.[1];
  assert.equal(path([0, 10, null, 5, 5]), 'M0 20h0L25 0M75 10h0L100 10');
  assert.equal(path([3, 3, 3]), 'M0 10h0L50 10L100 10');
  assert.equal(path([null, 3, null]), undefined);
  assert.equal(path([]), undefined);
});
