import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.js';
import { Asker } from '../../src/collect/ask.js';
import type { Asking, Link } from '../../src/modbus/reader.js';
import { meter } from '../support/metric.js';

test('a mistake in one poll, between its requests, costs that poll and nobody who waits behind it', async () => {
  const span = { function: 'holding', start: 0, count: 1 } as const;
  const askerOf = (ask: Link['ask']) =>
    new Asker({
      meter: meter(),
      link: { key: 'here:502', ask, read: () => assert.fail(), disconnect: () => {}, close: async () => {} },
      clock: systemClock,
      deadline: performance.now() + 60_000,
      signal: new AbortController().signal,
      retries: 0,
      timeoutMs: 60_000,
    });
  const askings: Asking[] = [];
  let asked = 0;
  const broken = askerOf((_request, _options, asking) => {
    if (++asked > 1) throw new TypeError('a mistake');
    askings.push(asking);
  });
  const whole = askerOf((_request, _options, asking) => askings.push(asking));
  const polls = [broken.askEach([span, span], () => true), whole.askEach([span], () => true)];
  for (const asking of askings) asking.answered(Buffer.alloc(2));
  const [lost, kept] = await Promise.allSettled(polls);
  assert.ok(lost?.status === 'rejected' && lost.reason instanceof TypeError);
  assert.ok(kept?.status === 'fulfilled' && kept.value === 1);
});
