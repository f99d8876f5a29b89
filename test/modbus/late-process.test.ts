import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { openLinkPool } from '../../src/modbus/pool.js';

const request = { unitId: 1, function: 'holding', start: 0, count: 2 } as const;

/** A meter that answers with two registers, in a thread of its own: it goes on while this one is blocked. */
async function meterThat(t: TestContext, onRequest: string) {
  const meter = new Worker(
    `const { parentPort } = require('node:worker_threads');
    const server = require('node:net').createServer((socket) => {
      socket.on('data', (request) => {
        const answer = Buffer.from([0, 0, 0, 0, 0, 7, request[6], 3, 4, 0x12, 0x34, 0x56, 0x78]);
        request.copy(answer, 0, 0, 2);
        ${onRequest}
      });
    });
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  const pool = openLinkPool();
  t.after(async () => {
    await pool.close();
    await meter.terminate();
  });
  const [port] = (await once(meter, 'message')) as [number];
  return { meter, link: pool.link({ host: '127.0.0.1', port }) };
}

const block = (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test('an answer that came while the process stood still counts, though its time is over', async (t) => {
  const { link } = await meterThat(t, 'socket.write(answer);');
  await link.read(request, { timeoutMs: 5000, pauseMs: 0 });
  const reading = link.read(request, { timeoutMs: 50, pauseMs: 0 });
  // The request leaves with the next turn of the event loop at the latest; then nothing runs here for longer than it has.
  await new Promise((resolve) => setImmediate(resolve));
  block(400);
  assert.equal((await reading).toString('hex'), '12345678');
});
