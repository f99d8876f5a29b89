import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Asker, type Taker } from '../../src/collect/ask.js';
import type { Asking, Link } from '../../src/modbus/reader.js';
import type { Span } from '../../src/model/block.js';
import { systemClock } from '../../src/model/clock.js';
import { meter } from '../support/metric.js';

const span = { function: 'holding', start: 0, count: 1 } as const;

const askerOf = (ask: Link['ask'], deadline = performance.now() + 60_000) =>
  new Asker({
    meter: meter(),
    link: { key: 'here:502', ask, read: () => assert.fail(), disconnect: () => {}, close: async () => {} },
    clock: systemClock,
    deadline,
    signal: new AbortController().signal,
    retries: 0,
    timeoutMs: 60_000,
  });

/** Asks, and tells how that ended. */
const outcome = (asker: Asker, spans: readonly Span[], take: Taker<Span>['take']): Promise<number> =>
  new Promise((asked, brokeDown) => asker.askEach(spans, { take, asked, brokeDown }));

test('a mistake in one poll, between its requests, costs that poll and nobody who waits behind it', async () => {
  const askings: Asking[] = [];
  let asked = 0;
  const broken = askerOf((_request, _options, asking) => {
    if (++asked > 1) throw new TypeError('a mistake');
    askings.push(asking);
  });
  const whole = askerOf((_request, _options, asking) => askings.push(asking));
  const polls = [outcome(broken, [span, span], () => true), outcome(whole, [span], () => true)];
  for (const asking of askings) asking.answered(Buffer.alloc(2));
  const [lost, kept] = await Promise.allSettled(polls);
  assert.ok(lost?.status === 'rejected' && lost.reason instanceof TypeError);
  assert.ok(kept?.status === 'fulfilled' && kept.value === 1);
});

test('a mistake in taking an answer ends the poll once, and the answer that is under way is not taken', () => {
  const askings: Asking[] = [];
  const story: string[] = [];
  const asker = askerOf((_request, _options, asking) => askings.push(asking));
  asker.askEach([span, span, span], {
    take: () => {
      story.push('take');
      throw new TypeError('a mistake');
    },
    asked: () => story.push('asked'),
    brokeDown: () => story.push('broke down'),
  });
  askings[0]?.answered(Buffer.alloc(2));
  askings[1]?.answered(Buffer.alloc(2));
  assert.deepEqual(story, ['take', 'broke down']);
  assert.equal(askings.length, 2);
});

test('an answer is taken while the next request is under way, and before one that the deadline cuts', async () => {
  const story: string[] = [];
  const askings: Asking[] = [];
  const deadline = performance.now() + 50;
  const asker = askerOf((_request, _options, asking) => {
    story.push('sent');
    askings.push(asking);
  }, deadline);
  const poll = outcome(asker, [span, span, span], (_span, { kind }) => {
    story.push(kind);
    return kind === 'answer';
  });
  askings[0]?.answered(Buffer.alloc(2));
  assert.deepEqual(story, ['sent', 'sent', 'answer']);
  while (performance.now() < deadline);
  askings[1]?.answered(Buffer.alloc(2));
  assert.deepEqual(story.slice(3), ['answer', 'cut']);
  assert.equal(await poll, 3);
});
