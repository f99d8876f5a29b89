import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.js';
import { Asker } from '../../src/collect/ask.js';
import type { Link } from '../../src/modbus/reader.js';
import { meter } from '../support/metric.js';

test('a mistake in one poll, between its requests, costs that poll and nobody who waits behind it', async () => {
  const span = { function: 'holding', start: 0, count: 1 } as const;
  const askerOf = (read: Link['read']) =>
    new Asker({
      meter: meter(),
      link: { key: 'here:502', read, disconnect: () => {}, close: async () => {} },
      clock: systemClock,
      deadline: performance.now() + 60_000,
      signal: new AbortController().signal,
      retries: 0,
      timeoutMs: 60_000,
    });
  let reads = 0;
  const broken = askerOf(() => {
    if (++reads > 1) throw new TypeError('a mistake');
    return Promise.resolve(Buffer.alloc(2));
  });
  const whole = askerOf(() => Promise.resolve(Buffer.alloc(2)));
  await Promise.all([broken.ask(span), whole.ask(span)]);
  const [lost, kept] = await Promise.allSettled([broken.ask(span), whole.ask(span)]);
  assert.ok(lost.status === 'rejected' && lost.reason instanceof TypeError);
  assert.ok(kept.status === 'fulfilled' && kept.value.kind === 'answer');
});
