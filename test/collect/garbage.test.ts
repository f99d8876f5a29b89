import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapSpaceStatistics } from 'node:v8';
import { collectAfter } from '../../src/collect/garbage.js';

const youngBytes = () =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_used_size ?? Number.NaN;

test('what is young is collected after a large cycle, and not after a small one', () => {
  const litter = () => Array.from({ length: 3_000 }, (_, i) => ({ i })).length;
  collectAfter(1_000);
  const before = youngBytes();
  litter();
  const littered = youngBytes();
  collectAfter(10);
  assert.ok(youngBytes() >= littered);
  collectAfter(1_000);
  assert.ok(youngBytes() < littered, `${before}, ${littered}, ${youngBytes()} bytes`);
});
