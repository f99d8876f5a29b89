import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as pacing from '../../src/collect/pace.js';

const pace = (begins: boolean) => new Promise<void>((go) => pacing.pace(begins, go));

test('polls that begin go before requests that follow, each kind in its order', async () => {
  const order: string[] = [];
  const paced = (begins: boolean, name: string) => pace(begins).then(() => order.push(name));
  await Promise.all([paced(false, 'b1'), paced(true, 'a1'), paced(false, 'b2'), paced(true, 'a2')]);
  assert.deepEqual(order, ['a1', 'a2', 'b1', 'b2']);
});

test('work that takes long lets the event loop turn in between', async () => {
  const order: string[] = [];
  const busy = async (name: string) => {
    await pace(true);
    for (const end = performance.now() + 50; performance.now() < end; );
    order.push(name);
    setImmediate(() => order.push('turn'));
  };
  await Promise.all([busy('1'), busy('2'), busy('3')]);
  assert.deepEqual(order, ['1', 'turn', '2', 'turn', '3']);
});
