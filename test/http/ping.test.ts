import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, openServer } from '../support/http.js';
import { meterInfo, metricInfo, ServiceInHand } from '../support/service.js';

const makeService = () => new ServiceInHand([meterInfo('site/a', [metricInfo('V')])], () => Date.now());

for (const [state, code] of [
  ['ok', 200],
  ['degraded', 200],
  ['failing', 503],
] as const) {
  test(`a watchdog hears ${state} as status ${code} and one word`, async (t) => {
    const service = makeService();
    service.state = { status: state };
    const { url } = await openServer(t, { service });
    const answer = await ask(`${url}/ping`);
    assert.equal(answer.status, code);
    assert.equal(answer.text, `${state}\n`);
    assert.match(answer.headers['content-type'] ?? '', /^text\/plain/);
    assert.equal(answer.headers['cache-control'], 'no-store');
  });
}

test('as text the first line is the word and the lines below are the reasons, one each', async (t) => {
  const service = makeService();
  service.state = { status: 'degraded', reasons: ['site/a is offline since 12:00: timeout', 'two\nlines'] };
  const { url } = await openServer(t, { service });
  const { text } = await ask(`${url}/ping`, { headers: { accept: 'text/plain' } });
  assert.equal(text, 'degraded\nsite/a is offline since 12:00: timeout\ntwo lines\n');
});

test('whoever asks for JSON gets the whole state in snake case with times in UTC', async (t) => {
  const service = makeService();
  const since = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  service.meterStates.set('site/a', {
    state: 'offline',
    why: 'timeout',
    since,
    lastError: { time: since, message: 'm' },
  });
  service.state = { status: 'degraded', reasons: ['site/a is offline'] };
  const { url } = await openServer(t, { service });
  const state = (await ask(`${url}/ping`, { headers: { accept: 'application/json' } })).json();
  assert.equal(state['status'], 'degraded');
  assert.deepEqual(state['reasons'], ['site/a is offline']);
  assert.equal(state['uptime_seconds'], 3600);
  const [meter] = state['meters'] as Record<string, unknown>[];
  assert.equal(meter?.['since'], '2026-01-02T03:04:05.678Z');
  assert.deepEqual(meter?.['last_error'], { time: '2026-01-02T03:04:05.678Z', message: 'm' });
  assert.deepEqual(meter?.['missing'], { timeout: 3, 'exception 2': 4 });
  assert.doesNotMatch(JSON.stringify(state), /"[a-z]+[A-Z]\w*":/, 'no camel case');
});
