import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assail } from '../support/hostile.js';
import { ask } from '../support/http.js';
import { openSite } from '../support/site.js';

interface State {
  readonly status: string;
  readonly schedule: { readonly cycles: number; readonly missed: number; readonly overran: number };
  readonly meters: readonly { readonly state: string; readonly readings: number; readonly polls: number }[];
}

const stateOf = async (url: string): Promise<State> =>
  (await ask(`${url}/ping`, { headers: { accept: 'application/json' } })).json() as unknown as State;

test('the daemon answers all three endpoints from what its meters say', { timeout: 120_000 }, async (t) => {
  const { daemon, servers } = await openSite(t, { meters: 2, schedule: '1h', token: 'a-token' });
  const { url } = daemon;
  assert.equal((await ask(`${url}/metric?name=site/meter_0/freq`)).status, 503);
  const authorization = { authorization: 'Bearer a-token' };

  const collected = await ask(`${url}/collect`, { method: 'POST', headers: authorization });
  assert.equal(collected.status, 200);
  const { stored, spooled, expected, rows } = collected.json() as Record<'stored' | 'spooled' | 'expected', number> & {
    rows: unknown[];
  };
  assert.equal(rows.length, 2);
  // The first polls of a run may go through the spool, behind the note of when the run began.
  assert.equal(stored + spooled, expected);
  assert.ok(expected > 40);

  const frequency = Number((await ask(`${url}/metric?name=site/meter_0/freq`)).text);
  assert.ok(frequency > 55 && frequency < 65, String(frequency));
  const now = (
    await ask(`${url}/metric?name=site/meter_1/freq&max_age=0`, { headers: { accept: 'application/json' } })
  ).json();
  assert.ok(Number(now['age_seconds']) < 30);
  assert.match((await ask(`${url}/metric`, { headers: { accept: 'text/html' } })).text, /● ?<\/span>online/);

  await servers[0]?.close();
  await servers[1]?.close();
  // A value younger than a second is answered from memory.
  const statusNow = async () => (await ask(`${url}/metric?name=site/meter_1/freq&max_age=0`)).status;
  while ((await statusNow()) === 200 && !t.signal.aborted) await sleep(100);
  assert.equal(await statusNow(), 502);
  assert.equal((await ask(`${url}/collect`, { method: 'POST', headers: authorization })).status, 502);
  assert.match((await ask(`${url}/ping`)).text, /^degraded\n.*(failing|offline)/);
});

test('collection misses no slot while the HTTP side is under attack', { timeout: 300_000 }, async (t) => {
  const { daemon } = await openSite(t, { meters: 5, schedule: '1s', token: 'a-token' });
  const { url } = daemon;
  const port = Number(new URL(url).port);
  while ((await stateOf(url)).schedule.cycles < 2 && !t.signal.aborted) await sleep(100);

  const dripping = Array.from({ length: 200 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  t.after(() => {
    for (const socket of dripping) socket.destroy();
  });
  await Promise.all(dripping.map((socket) => once(socket, 'connect')));
  for (const socket of dripping) if (!socket.destroyed) socket.write('GET /ping HTTP/1.1\r\nHost: localhost\r\nX: ');
  const [wrong, large] = await Promise.all([
    assail(port, 10_000),
    ask(`${url}/collect`, { method: 'POST', body: Buffer.alloc(100 * 1024 * 1024) }),
  ]);
  assert.deepEqual(wrong, []);
  assert.equal(large.status, 413);

  const { status, schedule, meters } = await stateOf(url);
  assert.equal(status, 'ok');
  assert.deepEqual([schedule.missed, schedule.overran], [0, 0]);
  assert.ok(schedule.cycles > 3);
  for (const meter of meters) {
    assert.equal(meter.state, 'online');
    assert.ok(meter.polls >= schedule.cycles - 1);
  }
});
