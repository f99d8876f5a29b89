import assert from 'node:assert/strict';
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
