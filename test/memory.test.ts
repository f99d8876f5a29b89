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

test('the young generation grows when it is let to, and not when a thread starts', async () => {
  // Until a thread is online V8 may let it grow once or twice; left to itself, it goes on to eight times and more.
  const some = 4 * youngBytesAfterUse();
  await startAndEndThread();
  const small = youngBytesAfterUse();
  assert.ok(small <= some, `${small} bytes`);
  letYoungGenerationGrow();
  await startAndEndThread();
  const large = youngBytesAfterUse();
  assert.ok(large > some, `${large} bytes`);
});
