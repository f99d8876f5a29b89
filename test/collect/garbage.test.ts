import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { collectAfter } from '../../src/collect/garbage.js';

function young(): { used: number; available: number } {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return { used: space?.space_used_size ?? Number.NaN, available: space?.space_available_size ?? Number.NaN };
}
const youngBytes = () => young().used;

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

test('between two large cycles V8 waits until its room is used up', async () => {
  collectAfter(1_000);
  const litter = () => Array.from({ length: 3_000 }, (_, i) => ({ i })).length;
  // Lets the room grow.
  for (let i = 0; i < 1_000; i++) litter();
  collectAfter(1_000);
  let before = young();
  while (before.available > 0.1 * (before.used + before.available)) {
    litter();
    await turn();
    const now = young();
    assert.ok(now.used > before.used, `${before.used} bytes of ${before.used + before.available} were collected`);
    before = now;
  }
});
