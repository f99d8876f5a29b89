// What a request may cost in this process, in counts that are the same on every machine. The meter answers from a thread of
// its own, whose timers and promises are not counted.

import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { MeterPoller } from '../../src/collect/poll-meter.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import { forgetfulPlans } from '../../src/plan/refused-registers.js';
import { meter } from '../support/metric.js';
import { floats } from '../support/simulated-site.js';

const METER = `
const { parentPort } = require('node:worker_threads');
const server = require('node:net').createServer((socket) => {
  socket.on('data', (request) => {
    const bytes = 2 * request.readUInt16BE(10);
    const answer = Buffer.alloc(9 + bytes);
    request.copy(answer, 0, 0, 8);
    answer.writeUInt16BE(3 + bytes, 4);
    answer[8] = bytes;
    socket.write(answer);
  });
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

async function pollerOf(t: TestContext): Promise<MeterPoller> {
  const worker = new Worker(METER, { eval: true });
  const pool = openLinkPool();
  t.after(async () => {
    await pool.close();
    await worker.terminate();
  });
  const [port] = (await once(worker, 'message')) as [number];
  const own = meter({ host: '127.0.0.1', port, metrics: floats(20), timeoutMs: 60_000 });
  return new MeterPoller({
    meter: own,
    link: pool.link(own),
    clock: systemClock,
    log: silentLog,
    learned: forgetfulPlans,
  });
}

test('a request makes no timer of its own, and few promises', async (t) => {
  const poller = await pollerOf(t);
  const { signal } = new AbortController();
  const poll = () => poller.poll({ slot: 0, deadline: performance.now() + 60_000, signal });
  const { requests } = (await poll()).poll;
  const made = new Map<string, number>();
  const hook = createHook({ init: (_, type) => void made.set(type, (made.get(type) ?? 0) + 1) });
  const polls = 50;
  hook.enable();
  for (let i = 0; i < polls; i++) await poll();
  hook.disable();
  const perRequest = (type: string) => (made.get(type) ?? 0) / (polls * requests);
  assert.equal(requests, 2);
  assert.equal(perRequest('Timeout'), 0);
  assert.ok(perRequest('PROMISE') <= 3.5, `${perRequest('PROMISE')} promises`);
});
