import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { ask, openServer } from '../support/http.js';
import { meterInfo, metricInfo, ServiceInHand } from '../support/service.js';

function makeService() {
  const meters = ['site/a', 'site/b'].map((name) => meterInfo(name, [metricInfo('V'), metricInfo('A', 'A')]));
  const service = new ServiceInHand(meters, () => Date.now());
  service.answer = () => [230, 5];
  return service;
}

const post = { method: 'POST' };

test('a call without parameters runs one cycle over all meters', async (t) => {
  const service = makeService();
  const { url } = await openServer(t, { service });
  const answer = await ask(`${url}/collect`, post);
  assert.equal(answer.status, 200);
  const { rows, ...total } = answer.json();
  assert.deepEqual(total, { expected: 4, stored: 4, spooled: 0, lost: 0 });
  assert.deepEqual(
    (rows as Record<string, unknown>[]).map((row) => [row['iteration'], row['meter'], row['stored']]),
    [
      [1, 'site/a', 2],
      [1, 'site/b', 2],
    ],
  );
});

test('the parameters mean what they meant to the ancestor, and meters can be chosen', async (t) => {
  const service = makeService();
  const { url } = await openServer(t, { service });
  const answer = await ask(`${url}/collect?iterations=60&wait_time=1&meter=site/b`, post);
  assert.equal((answer.json()['rows'] as unknown[]).length, 60);
  const [request] = service.collects;
  assert.equal(request?.iterations, 60);
  assert.equal(request?.waitMs, 1000);
  assert.deepEqual(request?.meters, ['site/b']);
});

test('all bad parameters are named at once and nothing runs', async (t) => {
  const service = makeService();
  const { url } = await openServer(t, { service });
  const answer = await ask(`${url}/collect?iterations=1.5&wait_time=-1&meter=site/c&iteration=2`, post);
  assert.equal(answer.status, 400);
  const problems = answer.json()['problems'] as Record<string, string>[];
  assert.deepEqual(
    problems.map(({ parameter, value }) => [parameter, value]),
    [
      ['iteration', '2'],
      ['iterations', '1.5'],
      ['wait_time', '-1'],
      ['meter', 'site/c'],
    ],
  );
  assert.equal(problems[1]?.['expected'], 'a whole number from 1 to 3600');
  assert.deepEqual(service.collects, []);
});

test('amounts beyond the bounds are refused', async (t) => {
  const { url } = await openServer(t, { service: makeService() });
  for (const query of [
    'iterations=0',
    'iterations=3601',
    'wait_time=3601',
    'iterations=3600&wait_time=25',
    'iterations=',
  ]) {
    assert.equal((await ask(`${url}/collect?${query}`, post)).status, 400, query);
  }
});

test('one meter read is a success, with the other meter explained', async (t) => {
  const service = makeService();
  service.answer = (meter) => (meter.name === 'site/a' ? [230, 5] : 'timeout after 1000 ms');
  const { url } = await openServer(t, { service });
  const answer = await ask(`${url}/collect`, post);
  assert.equal(answer.status, 200);
  const [, row] = answer.json()['rows'] as Record<string, unknown>[];
  assert.equal(row?.['error'], 'timeout after 1000 ms');
  assert.deepEqual(row?.['missing'], { timeout: 2 });
});

test('no meter read is 502, readings spooled are 200, readings lost are 503', async (t) => {
  const service = makeService();
  const { url } = await openServer(t, { service });
  service.row = (row) => ({ ...row, stored: 0, spooled: 2 });
  assert.equal((await ask(`${url}/collect`, post)).status, 200);
  service.row = (row) => ({ ...row, stored: 0, lost: 2 });
  const lost = await ask(`${url}/collect`, post);
  assert.equal(lost.status, 503);
  assert.equal((lost.json()['rows'] as unknown[]).length, 2);
  service.row = (row) => row;
  service.answer = () => 'unreachable';
  const unread = await ask(`${url}/collect`, post);
  assert.equal(unread.status, 502);
  assert.equal(unread.json()['code'], 'no-meter-read');
});

test('when the caller hangs up no further iteration starts', async (t) => {
  const service = makeService();
  const hungUp = new AbortController();
  const events = new EventEmitter();
  service.wait = async (_ms, signal) => {
    events.emit('waiting', signal);
    if (!signal.aborted) await once(signal, 'abort');
  };
  const { url } = await openServer(t, { service });
  const waiting = once(events, 'waiting');
  const call = ask(`${url}/collect?iterations=5`, { ...post, signal: hungUp.signal });
  const [signal] = (await waiting) as [AbortSignal];
  assert.equal(signal.aborted, false);
  const aborted = once(signal, 'abort');
  hungUp.abort();
  await assert.rejects(call);
  await aborted;
});

test('closing the server ends the waiting of a call and answers it with what was done', async (t) => {
  const service = makeService();
  const events = new EventEmitter();
  service.wait = async (_ms, signal) => {
    events.emit('waiting');
    if (!signal.aborted) await once(signal, 'abort');
  };
  const server = await openServer(t, { service });
  const waiting = once(events, 'waiting');
  const call = ask(`${server.url}/collect?iterations=5&wait_time=3600`, post);
  await waiting;
  await Promise.all([server.close(), server.close()]);
  const answer = await call;
  assert.equal(answer.status, 200);
  assert.ok((answer.json()['rows'] as unknown[]).length < 10);
});

test('with a token set only its bearer may collect, and anyone may look', async (t) => {
  const service = makeService();
  const { url } = await openServer(t, { service, http: { token: 'open sesame'.replace(' ', '-') } });
  const statusWith = async (authorization?: string) =>
    (await ask(`${url}/collect`, { ...post, headers: authorization === undefined ? {} : { authorization } })).status;
  assert.equal(await statusWith(), 401);
  assert.equal(await statusWith('Bearer open-sesam'), 401);
  assert.equal(await statusWith('Basic open-sesame'), 401);
  assert.deepEqual(service.collects, []);
  assert.equal(await statusWith('bearer open-sesame'), 200);
  assert.equal((await ask(`${url}/ping`)).status, 200);
  assert.equal((await ask(`${url}/metric`)).status, 200);
  assert.match((await ask(`${url}/collect`, post)).headers['www-authenticate'] ?? '', /^Bearer/);
});

test('a web page from elsewhere cannot make a browser start a cycle', async (t) => {
  const service = makeService();
  const { url } = await openServer(t, { service });
  const from = (site: string) => ask(`${url}/collect`, { ...post, headers: { 'sec-fetch-site': site } });
  assert.equal((await from('cross-site')).status, 403);
  assert.equal((await from('same-site')).status, 403);
  assert.equal((await from('same-origin')).status, 200);
});

test('a failure nobody foresaw is logged, and answered without its innards', async (t) => {
  const service = makeService();
  service.collect = () => Promise.reject(new TypeError('secret innards'));
  const logged: string[] = [];
  const log = {
    error: (message: string, fields?: object) => logged.push(`${message} ${JSON.stringify(fields)}`),
    warn: () => {},
    info: () => {},
    debug: () => {},
  };
  const { url } = await openServer(t, { service, log });
  const answer = await ask(`${url}/collect`, post);
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.text, /secret|TypeError|\.js/);
  assert.match(logged.join(), /secret innards/);
});
