import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { encodeMetric } from '../../src/codec/encode.js';
import { MeterPoller } from '../../src/collect/poll-meter.js';
import { unreadPoll } from '../../src/collect/poll-values.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import type { Learned } from '../../src/model/block.js';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import type { Meter, Metric } from '../../src/model/meter.js';
import { countReasons, type Poll } from '../../src/model/poll.js';
import { openLearnedPlans } from '../../src/plan/refused-registers.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { meter, metric } from '../support/metric.js';

const floats = (count: number, from = 0): Metric[] =>
  Array.from({ length: count }, (_, i) =>
    metric({ name: `m${from + 2 * i}`, address: from + 2 * i, size: 2, dataType: 'FLOAT32' }),
  );

interface Rig {
  readonly server: MeterServer;
  readonly poller: MeterPoller;
  known(): Learned;
  poll(request?: { inMs?: number; signal?: AbortSignal; retries?: number }): ReturnType<MeterPoller['poll']>;
  /** A new process, as it were: only what was learned is kept. */
  restart(): Promise<Rig>;
  /** Sets the wall clock forward. */
  later(ms: number): void;
}

/** A meter of unit 1 on a real server that holds the value 1.5 × address in every metric; unit 2 does not exist. */
async function rig(t: TestContext, given: Partial<Meter> & { image?: RegisterImage } = {}): Promise<Rig> {
  const { image = new RegisterImage(), metrics = floats(4), ...settings } = given;
  for (const m of metrics) image.set(m.function, m.address, encodeMetric(m, m.address * 1.5));
  const server = await startMeterServer({ units: [{ unitId: 1, image }] });
  const pool = openLinkPool();
  t.after(async () => {
    await pool.close();
    await server.close();
  });
  const { host, port } = server;
  const shiftMs = { value: 0 };
  const subject = meter({ host, port, metrics, timeoutMs: 2000, retries: 0, retryWaitMs: 1, ...settings });
  const folder = mkdtempSync(join(tmpdir(), 'emdc-poll-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const clock = { ...systemClock, now: () => Date.now() + shiftMs.value };
  const open = () => openLearnedPlans({ file: join(folder, 'learned.json'), clock, log: silentLog });
  const build = async (): Promise<Rig> => {
    const learned = await open();
    const link = pool.link(subject);
    const poller = new MeterPoller({ meter: subject, link, clock, log: silentLog, learned });
    const poll: Rig['poll'] = ({ inMs = 10_000, signal = new AbortController().signal, ...rest } = {}) =>
      poller.poll({ slot: 1000, deadline: systemClock.monotonic() + inMs, signal, ...rest });
    const restart = async () => {
      await learned.flush();
      return build();
    };
    const later = (ms: number) => {
      shiftMs.value += ms;
    };
    return { server, poller, known: () => learned.get(subject), poll, restart, later };
  };
  return build();
}

const reasons = (poll: Poll) => Object.fromEntries(countReasons(poll));
const readable = (poll: Poll) => poll.values.length - poll.missing.size;

function assertRight(poll: Poll, given: readonly Metric[]): void {
  given.forEach((m, index) => {
    if (!poll.missing.has(index)) assert.equal(poll.values[index], m.address * 1.5);
    else assert.ok(Number.isNaN(poll.values[index]));
  });
}

test('a healthy meter: every metric, as many requests as the plan has blocks', async (t) => {
  const metrics = [...floats(30), ...floats(5, 500)];
  const { poll, poller, server } = await rig(t, { metrics });
  const result = await poll();
  assertRight(result.poll, metrics);
  assert.equal(result.poll.missing.size, 0);
  assert.equal(result.poll.requests, 2);
  assert.equal(server.requestCount, poller.plan.blocks.length);
  assert.equal(result.poll.slot, 1000);
  assert.equal(result.poll.error, null);
  assert.equal(result.answered, true);
  assert.ok((result.roundTripMs ?? 0) > 0);
});

test('three unsupported registers in a meter that takes 40: all readable at once, then no refusal, nor after a restart', async (t) => {
  const metrics = [...floats(60), ...floats(20, 1000)];
  const image = new RegisterImage({ maxRegisters: 40 });
  const first = await rig(t, { metrics, image });
  for (const address of [17, 60, 101]) image.remove('holding', address);
  const found = await first.poll();
  assertRight(found.poll, metrics);
  assert.deepEqual(reasons(found.poll), { 'exception 2': 3 });
  assert.match(found.poll.error ?? '', /exception 3/);
  assert.equal(first.known().maxRegisters, 40);
  for (const later of [first, await first.restart()]) {
    const { poll: next } = await later.poll();
    assert.deepEqual(reasons(next), { 'refused before': 3 });
    assert.equal(next.error, null);
    assert.equal(next.requests, later.poller.plan.blocks.length);
    assertRight(next, metrics);
  }
});

test('what was refused is asked again after a while, one thing in a poll, and read when the meter takes it', async (t) => {
  const metrics = floats(30);
  const image = new RegisterImage({ maxRegisters: 40 });
  const site = await rig(t, { metrics, image });
  image.remove('holding', 12, 2);
  await site.poll();
  assert.deepEqual(site.known(), { maxRegisters: 40, refused: [{ function: 'holding', start: 12, count: 2 }] });
  const planned = site.poller.plan.blocks.length;

  site.later(11 * 60_000);
  const inVain = await site.poll();
  assert.equal(inVain.poll.requests, planned + 1);
  assert.equal(inVain.poll.error, null);
  assert.equal((await site.poll()).poll.requests, planned + 1);
  assert.equal((await site.poll()).poll.requests, planned);

  image.set('holding', 12, encodeMetric(metrics[6] as Metric, 18));
  site.later(41 * 60_000);
  await site.poll();
  const mended = await site.poll();
  assert.equal(readable(mended.poll), 30);
  assertRight(mended.poll, metrics);
  assert.deepEqual(site.known(), { maxRegisters: 40, refused: [] });
  assert.equal((await (await site.restart()).poll()).poll.missing.size, 0);
});

for (const code of [2, 3, 4, 84]) {
  test(`exception ${code} that passes costs no reading and teaches nothing`, async (t) => {
    const metrics = floats(40);
    const { poll, server, known } = await rig(t, { metrics });
    let turn = 0;
    await server.setFault(`exception:${code}`, { rate: 0.5, random: () => (turn++ === 0 ? 0 : 1) });
    const { poll: read } = await poll();
    assert.equal(read.missing.size, 0);
    assert.deepEqual(known(), { maxRegisters: null, refused: [] });
  });
}

test('a silent unit costs one request and its retries; the rest of it is skipped', async (t) => {
  const { poll, server } = await rig(t, {
    unitId: 2,
    metrics: [...floats(2), ...floats(2, 500)],
    timeoutMs: 20,
    retries: 2,
  });
  const { poll: silent, answered, cut, failure } = await poll();
  assert.deepEqual(reasons(silent), { timeout: 4 });
  assert.equal(silent.requests, 3);
  assert.equal(server.requestCount, 3);
  assert.deepEqual([answered, cut, failure?.kind], [false, false, 'timeout']);
  assert.match(silent.error ?? '', /timeout|answer/);
});

test('the caller can spare a meter that failed last time its retries', async (t) => {
  const { poll } = await rig(t, { unitId: 2, timeoutMs: 20, retries: 5 });
  assert.equal((await poll({ retries: 0 })).poll.requests, 1);
});

test('nobody listens: unreachable, for all of it', async (t) => {
  const { poll, server } = await rig(t, { metrics: [...floats(2), ...floats(2, 500)] });
  await server.close();
  const { poll: dead, answered } = await poll();
  assert.deepEqual(reasons(dead), { unreachable: 4 });
  assert.equal(answered, false);
});

for (const code of [10, 11]) {
  test(`exception ${code} from the gateway: the unit is silent, the rest is skipped`, async (t) => {
    const { poll, server } = await rig(t, { metrics: [...floats(2), ...floats(2, 500)] });
    await server.setFault(`exception:${code}`);
    const { poll: dead, answered } = await poll();
    assert.deepEqual(reasons(dead), { [`exception ${code}`]: 4 });
    assert.deepEqual([answered, dead.requests], [false, 1]);
  });
}

test('busy waits and tries again', async (t) => {
  const { poll, server } = await rig(t, { retries: 3 });
  await server.setFault('busy:2');
  const { poll: read } = await poll();
  assert.deepEqual([readable(read), read.requests, read.error], [4, 3, null]);
});

test('a meter that refuses everything is alive, loses nothing that it answers later, and nothing is learned', async (t) => {
  const metrics = floats(40);
  const { poll, server, known } = await rig(t, { metrics });
  await server.setFault('exception:4');
  const first = await poll();
  assert.deepEqual(reasons(first.poll), { 'exception 4': 40 });
  assert.equal(first.answered, true);
  assert.equal((await poll()).poll.requests, 1);
  assert.deepEqual(known(), { maxRegisters: null, refused: [] });
  await server.setFault(null);
  assert.equal(readable((await poll()).poll), 40);
});

test('exception 1: the function is not there, nothing is split', async (t) => {
  const { poll, server } = await rig(t);
  await server.setFault('exception:1');
  assert.deepEqual([(await poll()).poll.requests, reasons((await poll()).poll)], [1, { 'exception 1': 4 }]);
});

test('one block with a foreign answer costs only its own metrics', async (t) => {
  const { poll, server } = await rig(t, { metrics: [...floats(2), ...floats(2, 500)] });
  let turn = 0;
  await server.setFault('wrong-unit', { rate: 0.5, random: () => (turn++ === 0 ? 0 : 1) });
  const { poll: read } = await poll();
  assert.deepEqual(reasons(read), { 'bad answer': 2 });
  assert.equal(readable(read), 2);
});

test('past the deadline nothing is asked, and it is no evidence against the meter', async (t) => {
  const { poll, server } = await rig(t);
  const { poll: late, cut, answered } = await poll({ inMs: 0 });
  assert.deepEqual(reasons(late), { deadline: 4 });
  assert.deepEqual([cut, answered, server.requestCount], [true, false, 0]);
});

test('an answer that the deadline leaves too little time for is missing for the deadline', async (t) => {
  const { poll } = await rig(t, { unitId: 2, timeoutMs: 5000 });
  const { poll: late, cut } = await poll({ inMs: 30 });
  assert.deepEqual(reasons(late), { deadline: 4 });
  assert.equal(cut, true);
});

test('stopping the collector ends a request under way', async (t) => {
  const { poll, server } = await rig(t, { unitId: 2, timeoutMs: 60_000, retries: 3 });
  const stop = new AbortController();
  const pending = poll({ signal: stop.signal });
  while (server.requestCount === 0) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  const { poll: stopped, cut } = await pending;
  assert.deepEqual(reasons(stopped), { shutdown: 4 });
  assert.equal(cut, true);
});

test('a meter that was not asked has a reason for every metric', () => {
  const subject = meter({ metrics: floats(3) });
  const poll = unreadPoll(subject, { slot: 5, readAt: 6, reason: 'offline', error: 'no answer since 12:00' });
  assert.deepEqual(reasons(poll), { offline: 3 });
  assert.ok(poll.values.every(Number.isNaN));
});
