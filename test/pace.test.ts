import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as pacing from '../src/pace.js';

const pace = (kind: 'begin' | 'answer') => new Promise<void>((go) => pacing.pace(kind, go));

test('polls that begin go before answers, each kind in its order', async () => {
  const order: string[] = [];
  const paced = (kind: 'begin' | 'answer', name: string) => pace(kind).then(() => order.push(name));
  await Promise.all([paced('begin', 'a1'), paced('answer', 'b1'), paced('begin', 'a2'), paced('answer', 'b2')]);
  assert.deepEqual(order, ['a1', 'a2', 'b1', 'b2']);
});

test('work that takes long lets the event loop turn in between', async () => {
  const order: string[] = [];
  const busy = (name: string) =>
    new Promise<void>((done) =>
      pacing.pace('begin', () => {
        for (const end = performance.now() + 50; performance.now() < end; );
        order.push(name);
        setImmediate(() => order.push('turn'));
        done();
      }),
    );
  await Promise.all([busy('1'), busy('2'), busy('3')]);
  assert.deepEqual(order, ['1', 'turn', '2', 'turn', '3']);
});

test('what many promises lead to lets the event loop turn in between, too', async () => {
  let turns = 0;
  const answers = Array.from({ length: 100 }, async () => {
    await pace('answer');
    for (const end = performance.now() + 2; performance.now() < end; );
    return turns;
  });
  const turning = setInterval(() => turns++, 1);
  const seen = new Set(await Promise.all(answers));
  clearInterval(turning);
  assert.ok(seen.size > 3, `200 ms of work in ${seen.size} turns`);
});
