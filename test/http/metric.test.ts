import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, openServer } from '../support/http.js';
import { meterInfo, metricInfo, ServiceInHand } from '../support/service.js';

function makeService() {
  const a = meterInfo('site/a', [metricInfo('V'), metricInfo('only a', 'kWh')]);
  const b = meterInfo('site/b', [metricInfo('V')]);
  return { a, b, service: new ServiceInHand([a, b], () => Date.now()) };
}

const json = { headers: { accept: 'application/json' } };

test('a value comes as the shortest number that reads back exactly', async (t) => {
  const { a, service } = makeService();
  const { url } = await openServer(t, { service });
  for (const value of [0.1 + 0.2, 230, -0.000001, 1e21, 5e-324, 123456789.12345679]) {
    service.poll(a, Date.now(), [value, null]);
    const answer = await ask(`${url}/metric?name=${encodeURIComponent('site/a/V')}`);
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'] ?? '', /^text\/plain/);
    assert.equal(answer.text, `${value}\n`);
    assert.equal(Number(answer.text), value);
  }
});

test('a metric name is enough where one meter alone has it, and its JSON says all about it', async (t) => {
  const { a, service } = makeService();
  const { url } = await openServer(t, { service });
  const slot = Date.now() - 5000;
  service.poll(a, slot, [230, 17.5]);
  const { age_seconds, ...rest } = (await ask(`${url}/metric?name=only+a`, json)).json();
  assert.deepEqual(rest, {
    topic: 'site/a/only a',
    meter: 'site/a',
    metric: 'only a',
    value: 17.5,
    unit: 'kWh',
    time: new Date(slot).toISOString(),
  });
  assert.ok(typeof age_seconds === 'number' && age_seconds >= 5 && age_seconds < 60);
});

test('a name that two meters have is refused with both topics', async (t) => {
  const { url } = await openServer(t, { service: makeService().service });
  const answer = await ask(`${url}/metric?name=V`);
  assert.equal(answer.status, 400);
  assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8');
  assert.deepEqual(answer.json()['topics'], ['site/a/V', 'site/b/V']);
});

test('unknown, unread and misspelt requests each get their own status', async (t) => {
  const { url } = await openServer(t, { service: makeService().service });
  const statusOf = async (query: string) => (await ask(`${url}/metric?${query}`)).status;
  assert.equal(await statusOf('name=nothing'), 404);
  assert.equal(await statusOf('name=only%20a'), 503);
  assert.equal(await statusOf('name='), 400);
  assert.equal(await statusOf('name=V&name=V'), 400);
  assert.equal(await statusOf('nmae=V'), 400);
  assert.equal(await statusOf('max_age=1'), 400);
  assert.equal(await statusOf('name=only%20a&max_age=-1'), 400);
  assert.equal(await statusOf('name=only%20a&meter=site/a'), 400);
  assert.equal(await statusOf('meter=site/c'), 400);
});

test('a value younger than max_age is answered from memory, an older one is read now', async (t) => {
  const { a, service } = makeService();
  service.answer = () => [231, 18];
  const { url } = await openServer(t, { service });
  service.poll(a, Date.now() - 60_000, [230, 17]);
  const name = `${url}/metric?name=site/a/V`;
  assert.equal((await ask(`${name}&max_age=3600`)).text, '230\n');
  assert.deepEqual(service.reads, []);
  assert.equal((await ask(`${name}&max_age=10`)).text, '231\n');
  assert.deepEqual(service.reads, ['site/a']);
});

test('callers who ask without end have a meter read once a second, whether it answers or not', async (t) => {
  const { a, b, service } = makeService();
  service.answer = (meter) => (meter === a ? [231, null] : 'timeout after 1000 ms');
  const { url } = await openServer(t, { service });
  service.poll(b, Date.now() - 60_000, [230]);
  const start = performance.now();
  for (const [topic, status] of [
    ['site/a/V', 200],
    ['site/a/only%20a', 502],
    ['site/b/V', 502],
  ] as const) {
    for (let i = 0; i < 20; i++) assert.equal((await ask(`${url}/metric?name=${topic}&max_age=0`)).status, status);
  }
  // One for each of the topics, and one more for every second that the test took.
  const most = 3 * (1 + Math.ceil((performance.now() - start) / 1000));
  assert.ok(service.reads.length <= most, `${service.reads.length} reads, at most ${most} expected`);
});

test('max_age says why where the meter cannot be read, or has no value to give', async (t) => {
  const { a, service } = makeService();
  const { url } = await openServer(t, { service });
  service.poll(a, Date.now() - 60_000, [230, 17]);
  const silent = await ask(`${url}/metric?name=site/a/V&max_age=10`);
  assert.equal(silent.status, 502);
  assert.equal(silent.json()['detail'], 'site/a: timeout after 1000 ms');
  const { url: other } = await openServer(t, { service });
  service.answer = () => [null, 18];
  const without = await ask(`${other}/metric?name=site/a/V&max_age=10`);
  assert.equal(without.status, 502);
  assert.equal(without.json()['code'], 'metric-not-read');
});

test('Age and Last-Modified tell the slot of a single value, as text and as JSON, and nothing is answered 304', async (t) => {
  const { a, service } = makeService();
  const { url } = await openServer(t, { service });
  const slot = Date.now() - 90_500;
  service.poll(a, slot, [230, 17]);
  const since = { 'if-modified-since': new Date(slot).toUTCString() };
  for (const accept of ['text/plain', 'application/json']) {
    const { headers, status } = await ask(`${url}/metric?name=site/a/V`, { headers: { ...since, accept } });
    assert.equal(status, 200);
    assert.equal(headers['last-modified'], new Date(slot).toUTCString());
    const age = Number(headers.age);
    assert.ok(age >= 90 && age < 120, `Age: ${headers.age}`);
  }
});

test('without a name all values come, or those of the meters asked for', async (t) => {
  const { a, service } = makeService();
  const { url } = await openServer(t, { service });
  service.poll(a, Date.now(), [230, null]);
  const readings = async (query: string) =>
    (await ask(`${url}/metric${query}`)).json()['readings'] as Record<string, unknown>[];
  assert.deepEqual(
    (await readings('')).map(({ topic, value }) => [topic, value]),
    [
      ['site/a/V', 230],
      ['site/a/only a', null],
      ['site/b/V', null],
    ],
  );
  assert.deepEqual(
    (await readings('?meter=site/b')).map(({ topic }) => topic),
    ['site/b/V'],
  );
});
