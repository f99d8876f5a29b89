import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { assail, HOSTILE_KINDS } from '../support/hostile.js';
import { ask, openServer } from '../support/http.js';
import { meterInfo, metricInfo, ServiceInHand } from '../support/service.js';

const makeService = () => new ServiceInHand([meterInfo('site/a', [metricInfo('V')])], () => Date.now());

const residentBytes = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().rss;
};

test('ten thousand bad requests of more than twenty kinds each get their status and leave nothing behind', async (t) => {
  assert.ok(HOSTILE_KINDS >= 20);
  const service = makeService();
  const { url, port } = await openServer(t, { service, http: { token: 'a-token' } });
  assert.deepEqual(await assail(port, 2000), [], 'warming up');
  const before = residentBytes();
  assert.deepEqual(await assail(port, 8000), []);
  const grown = residentBytes() - before;
  assert.ok(grown < 48 * 1024 * 1024, `${grown} bytes more`);
  assert.deepEqual(service.collects, []);
  assert.deepEqual(service.reads, []);
  assert.equal((await ask(`${url}/ping`)).status, 200);
});

test('five hundred connections that drip keep neither a watchdog nor a scrape waiting', async (t) => {
  const { url, port } = await openServer(t, { service: makeService() });
  const sockets = Array.from({ length: 500 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (let drip = 0; drip < 20; drip++) {
    for (const socket of sockets)
      if (!socket.destroyed) socket.write(drip === 0 ? 'GET /ping HTTP/1.1\r\nHost: localhost\r\nX: ' : 'x');
    assert.equal((await ask(`${url}/ping`)).status, 200);
    assert.equal((await ask(`${url}/metric`, { headers: { accept: 'text/plain' } })).status, 200);
  }
});
