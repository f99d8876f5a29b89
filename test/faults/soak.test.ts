// The soak's short form.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SoakResult, soak } from './soak.js';

test('faults come and go at 20 meters: no wrong value, memory and handles stay', { timeout: 300_000 }, async () => {
  const seed = Date.now() % 1_000_000;
  const progress: SoakResult[] = [];
  const result = await soak({ cycles: 300, seed, onProgress: (now) => progress.push(now) });
  const context = `seed ${seed}`;
  assert.deepEqual(result.wrong, [], context);
  assert.ok(result.faults > 40, `${result.faults} faults, ${context}`);
  // A busy machine reads fewer before their time is over.
  assert.ok(result.values > 2000, `${result.values} values, ${context}`);
  const early = progress[4] as SoakResult;
  assert.ok(result.heapMB < early.heapMB + 5, `heap from ${early.heapMB} to ${result.heapMB} MB, ${context}`);
  // A server and two sockets for each of 12 links, and timers.
  assert.ok(result.handles < 150, `${result.handles} handles, ${context}`);
});
