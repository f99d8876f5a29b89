import assert from 'node:assert/strict';
import { hostname, networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { chromiumProgram, NO_BROWSER, openBrowser, visit } from '../support/browser.js';
import { ask, openServer, sendRaw } from '../support/http.js';
import { meterInfo, metricInfo, ServiceInHand } from '../support/service.js';

function makeService() {
  const meter = meterInfo('site/a', [metricInfo('V')]);
  const service = new ServiceInHand([meter], () => Date.now());
  service.poll(meter, Date.now(), [230]);
  service.answer = () => [231];
  return service;
}

const ownAddresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);

test('addresses and names of this machine and configured names may be asked by, with and without a port', async (t) => {
  const { url } = await openServer(t, { service: makeService(), http: { allowedHosts: ['meters.plant.example'] } });
  const addresses = ownAddresses.map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address));
  const names = ['localhost', 'LOCALHOST', hostname(), 'meters.plant.example', 'Meters.Plant.Example.', '127.0.0.9'];
  for (const host of [...names, ...addresses]) {
    for (const port of ['', ':8080']) {
      const { status } = await ask(`${url}/metric`, { headers: { host: `${host}${port}` } });
      assert.equal(status, 200, `${host}${port}`);
    }
  }
});

test('foreign names and addresses are refused on every endpoint, with the setting that would allow them', async (t) => {
  const service = makeService();
  const { url } = await openServer(t, { service, http: { allowedHosts: ['meters.plant.example'] } });
  const foreign = [
    'rebound.example',
    'plant.example',
    'localhost.example',
    '203.0.113.7',
    '[2001:db8::7]:80',
    '[',
    ':',
  ];
  for (const host of foreign) {
    for (const [method, path] of [
      ['GET', '/metric'],
      ['GET', '/ping'],
      ['POST', '/collect'],
      ['OPTIONS', '/collect'],
    ] as const) {
      const answer = await ask(url + path, { method, headers: { host } });
      assert.equal(answer.status, 421, `${method} ${path} of ${host}`);
      assert.equal(answer.json()['code'], 'host-not-allowed');
      assert.match(String(answer.json()['hint']), /http\.allowedHosts/);
    }
  }
  assert.deepEqual(service.collects, []);
});

test('a request without a host is refused, except by HTTP/1.0', async (t) => {
  const { port } = await openServer(t, { service: makeService() });
  assert.match(await sendRaw(port, 'GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 400 .*no-host/s);
  assert.match(await sendRaw(port, 'GET /ping HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /);
});

test('a cycle is refused to pages of other sites by either header that browsers send', async (t) => {
  const service = makeService();
  const { url } = await openServer(t, { service });
  const statusOf = async (headers: Record<string, string>) =>
    (await ask(`${url}/collect`, { method: 'POST', headers })).status;
  assert.equal(await statusOf({ 'sec-fetch-site': 'cross-site' }), 403);
  assert.equal(await statusOf({ 'sec-fetch-site': 'same-site' }), 403);
  assert.equal(await statusOf({ origin: 'http://evil.example' }), 403);
  assert.equal(await statusOf({ origin: 'null' }), 403);
  assert.equal(await statusOf({ origin: 'http://127.0.0.1:1' }), 403, 'another port is another site');
  assert.deepEqual(service.collects, []);
  assert.equal(await statusOf({ origin: url, 'sec-fetch-site': 'same-origin' }), 200);
  assert.equal(await statusOf({}), 200);
});

test('in Chromium', { skip: chromiumProgram === null && NO_BROWSER, timeout: 120_000 }, async (suite) => {
  const browser = await openBrowser(chromiumProgram ?? '', [
    // As a name server of the attacker's: the name of the page leads to the collector.
    '--host-resolver-rules=MAP rebound.example 127.0.0.1',
  ]);
  suite.after(() => browser.close());

  await suite.test('a page whose name was rebound to the collector sees no value and starts no cycle', async (t) => {
    const service = makeService();
    const { port } = await openServer(t, { service });
    const { page } = await visit(t, browser);
    const opened = await page.goto(`http://rebound.example:${port}/ping`);
    assert.equal(opened?.status(), 421);
    const read = await page.evaluate(`fetch('/metric').then((response) => response.text())`);
    assert.match(String(read), /host-not-allowed/);
    assert.doesNotMatch(String(read), /site\/a/);
    assert.equal(await page.evaluate(`fetch('/collect', { method: 'POST' }).then(({ status }) => status)`), 421);
    assert.deepEqual(service.collects, []);
  });

  await suite.test('a page of another site can neither read values nor start a cycle', async (t) => {
    const service = makeService();
    const { url } = await openServer(t, { service });
    const { page } = await visit(t, browser);
    const from = async (path: string, method: string) =>
      page.evaluate(
        `fetch('${url}${path}', { method: '${method}', mode: 'no-cors' }).then(({ type }) => type, String)`,
      );
    await page.goto('data:text/html,elsewhere');
    assert.equal(await from('/metric', 'GET'), 'TypeError: Failed to fetch');
    assert.equal(await from('/collect', 'POST'), 'TypeError: Failed to fetch');
    assert.deepEqual(service.collects, []);
  });
});
