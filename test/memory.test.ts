import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { getHeapSpaceStatistics } from 'node:v8';
import { letYoungGenerationGrow, startThread } from '../src/memory.js';

/** Its size once more lives in it, again and again, than it has room for. */
function youngBytesAfterUse(): number {
  let living: object[] = [];
  for (let i = 0; i < 600_000; i++) {
    living.push({ i, pair: [i, i] });
    if (living.length > 20_000) living = [];
  }
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? Number.NaN;
}

async function startAndEndThread(): Promise<void> {
  const thread = startThread(new URL('data:text/javascript,setInterval(() => {}, 1000)'), {});
  await once(thread, 'online');
  await thread.terminate();
}

test('threads change nothing about how the young generation grows: not at all, or once it is let to', async () => {
  const before = youngBytesAfterUse();
  await startAndEndThread();
  assert.equal(youngBytesAfterUse(), before);
  letYoungGenerationGrow();
  await startAndEndThread();
  const large = youngBytesAfterUse();
  assert.ok(large > 2 * before, `${before}, ${large} bytes`);
});
