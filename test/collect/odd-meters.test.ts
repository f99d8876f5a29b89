// Meters that behave as people describe them in public reports, over real sockets: silent about long requests, values that
// belong together, another device behind the address, connections that do not last.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { encodeMetric } from '../../src/codec/encode.js';
import type { DeviceIdentity } from '../../src/collect/identity.js';
import { MeterPoller } from '../../src/collect/poll-meter.js';
import type { MeterLink } from '../../src/collect/request.js';
import { ModbusFailure } from '../../src/modbus/failure.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import type { Learned, RefusalReason } from '../../src/model/block.js';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import type { Meter, Metric } from '../../src/model/meter.js';
import { countReasons, type MeterEvent, type Poll } from '../../src/model/poll.js';
import type { LearnedPlans } from '../../src/plan/refused-registers.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { meter, metric } from '../support/metric.js';

const TIMEOUT_MS = 60;

const floats = (count: number, from = 0, given: Partial<Metric> = {}): Metric[] =>
  Array.from({ length: count }, (_, i) =>
    metric({ name: `m${from + 2 * i}`, address: from + 2 * i, size: 2, dataType: 'FLOAT32', ...given }),
  );

const text = (name: string, address: number): Metric =>
  metric({ name, address, size: 4, dataType: 'STRING', read: 'once' });

const registersOf = (value: string): number[] => {
  const bytes = Buffer.alloc(8);
  bytes.write(value, 'latin1');
  return [0, 2, 4, 6].map((at) => bytes.readUInt16BE(at));
};

interface Rig {
  readonly server: MeterServer;
  readonly image: RegisterImage;
  readonly poller: MeterPoller;
  readonly learned: () => { learned: Learned; reason: RefusalReason | undefined };
  readonly connects: () => number;
  readonly poll: () => Promise<{ poll: Poll; events: readonly MeterEvent[] }>;
  readonly disconnect: () => void;
}

async function rig(
  t: TestContext,
  given: Partial<Meter> & { known?: DeviceIdentity; silentAt?: number } = {},
): Promise<Rig> {
  const { metrics = floats(4), known, silentAt, ...settings } = given;
  const image = new RegisterImage({ undefinedRegisters: 0 });
  for (const m of metrics) image.set(m.function, m.address, encodeMetric(m, m.address * 1.5));
  const server = await startMeterServer({ units: [{ unitId: 1, image }] });
  const pool = openLinkPool();
  t.after(async () => {
    await pool.close();
    await server.close();
  });
  const { host, port } = server;
  const subject = meter({ host, port, metrics, timeoutMs: TIMEOUT_MS, retries: 0, retryWaitMs: 1, ...settings });
  const link = pool.link(subject);
  let kept: Learned = { maxRegisters: null, refused: [] };
  let keptReason: RefusalReason | undefined;
  const learned: LearnedPlans = {
    get: () => kept,
    set: (_meter, now, reason) => {
      kept = now;
      keptReason = reason;
    },
    due: () => null,
    stillRefused: () => {},
  };
  const poller = new MeterPoller({
    meter: subject,
    link: silentAt === undefined ? link : silentAbout(silentAt, link),
    clock: systemClock,
    log: silentLog,
    learned,
    ...(known && { known }),
  });
  let slot = 1000;
  return {
    server,
    image,
    poller,
    learned: () => ({ learned: kept, reason: keptReason }),
    connects: () => link.connects,
    disconnect: () => link.disconnect(),
    poll: () => {
      slot += 1000;
      const deadline = systemClock.monotonic() + 10_000;
      return poller.poll({ slot, deadline, signal: new AbortController().signal });
    },
  };
}

/** Does not answer requests that touch the register. */
const silentAbout = (register: number, link: MeterLink): MeterLink => ({
  connects: 1,
  disconnect: () => {},
  read: (request, options) =>
    request.start <= register && register < request.start + request.count
      ? Promise.reject(new ModbusFailure({ kind: 'timeout', message: 'timeout' }))
      : link.read(request, options),
});

const reasons = (poll: Poll) => Object.fromEntries(countReasons(poll));

function assertRight(poll: Poll, metrics: readonly Metric[]): void {
  metrics.forEach(({ address }, index) => {
    if (!poll.missing.has(index)) assert.equal(poll.values[index], address * 1.5);
  });
}

for (const most of [6, 40, 61]) {
  test(`silent about more than ${most} registers: read in full within a few polls, the largest length found, with reason silence`, async (t) => {
    const metrics = [...floats(60), ...floats(10, 500)];
    const site = await rig(t, { metrics });
    await site.server.setFault(`silent-above:${most}`);
    const polls: Poll[] = [];
    const events: MeterEvent[] = [];
    for (let i = 0; i < 16; i++) {
      const result = await site.poll();
      polls.push(result.poll);
      events.push(...result.events);
      assertRight(result.poll, metrics);
    }
    const firstWhole = polls.findIndex(({ missing }) => missing.size === 0);
    assert.ok(firstWhole >= 0 && firstWhole <= 7, `read in full in poll ${firstWhole}`);
    for (const poll of polls.slice(firstWhole)) assert.equal(poll.missing.size, 0, 'and in full ever after');
    const { learned, reason } = site.learned();
    assert.deepEqual([learned.maxRegisters, reason], [most - (most % 2), 'silence']);
    assert.equal(polls.at(-1)?.requests, site.poller.plan.blocks.length, 'then the plan only');
    assert.match(
      events.at(-1)?.after ?? '',
      new RegExp(`is silent when asked for more than ${most - (most % 2)} registers`),
    );
  });
}

test('silent about one register, not about length: the others are read, the one is remembered', async (t) => {
  const metrics = floats(8);
  const site = await rig(t, { metrics, silentAt: 6 });
  for (let i = 0; i < 10; i++) assertRight((await site.poll()).poll, metrics);
  const { poll } = await site.poll();
  assert.deepEqual(reasons(poll), { 'refused before': 1 });
  assert.deepEqual(site.learned(), {
    learned: { maxRegisters: null, refused: [{ function: 'holding', start: 6, count: 2 }] },
    reason: 'silence',
  });
});

test('a dead meter costs one request a poll, and teaches nothing', async (t) => {
  const site = await rig(t, { metrics: floats(60) });
  await site.server.setFault('silent');
  for (let i = 0; i < 5; i++) assert.equal((await site.poll()).poll.requests, 1);
  await site.server.setFault(null);
  const { poll } = await site.poll();
  assert.equal(poll.missing.size, 0);
  assert.deepEqual(site.learned().learned, { maxRegisters: null, refused: [] });
});

test('a single lost response teaches nothing', async (t) => {
  const site = await rig(t, { metrics: floats(60) });
  await site.poll();
  await site.server.setFault('silent');
  await site.poll();
  await site.server.setFault(null);
  for (let i = 0; i < 3; i++) assert.equal((await site.poll()).poll.missing.size, 0);
  assert.deepEqual(site.learned().learned, { maxRegisters: null, refused: [] });
});

test('a group is read in one request over any gap, or is missing as a whole', async (t) => {
  const metrics = [
    ...floats(1),
    metric({ name: 'high', address: 100, size: 2, dataType: 'UINT32', group: 'energy' }),
    metric({ name: 'low', address: 180, size: 2, dataType: 'UINT32', group: 'energy', notAvailable: [7n] }),
  ];
  const site = await rig(t, { metrics, maxGap: 0 });
  site.image.set('holding', 100, [0, 5]);
  site.image.set('holding', 180, [0, 6]);
  const whole = await site.poll();
  assert.deepEqual([...whole.poll.values], [0, 5, 6]);
  assert.deepEqual(
    site.poller.plan.blocks.map(({ start, count }) => [start, count]),
    [
      [0, 2],
      [100, 82],
    ],
  );
  site.image.set('holding', 180, [0, 7]);
  const { poll } = await site.poll();
  assert.deepEqual(
    [...poll.missing],
    [
      [2, 'not available'],
      [1, 'group'],
    ],
  );
  assert.ok(Number.isNaN(poll.values[1]));
});

test('a group longer than a request is missing with its reason, and nothing else is', async (t) => {
  const metrics = [...floats(2), ...floats(2, 100, { group: 'far' }).map((m, i) => ({ ...m, address: 100 + 200 * i }))];
  const site = await rig(t, { metrics });
  assert.deepEqual(reasons((await site.poll()).poll), { group: 2 });
});

test('a group that the meter only answers in parts is missing, though each part was read', async (t) => {
  const metrics = [...floats(2, 0, { group: 'energy' }), ...floats(1, 100)];
  const site = await rig(t, { metrics });
  await site.server.setFault('limited-registers:2');
  for (let i = 0; i < 2; i++) {
    const { poll } = await site.poll();
    assert.deepEqual(reasons(poll), { group: 2 });
    assert.equal(poll.values[2], 150);
  }
});

const identified = (given: Partial<Meter> = {}): Partial<Meter> => ({
  metrics: floats(2),
  onceMetrics: [text('serial', 1000), text('firmware', 1004)],
  identity: { serialNumber: 'serial', model: null, firmware: 'firmware' },
  ...given,
});

test('identity is read at the start and after a reconnect, and a change becomes an event', async (t) => {
  const known = { serialNumber: 'A1', model: null, firmware: '1.0' };
  const site = await rig(t, { ...identified(), known });
  site.image.set('holding', 1000, [...registersOf('A1'), ...registersOf('1.0')]);
  const first = await site.poll();
  assert.deepEqual([first.poll.requests, first.events], [2, []]);
  assert.equal((await site.poll()).poll.requests, 1, 'once is enough on a connection');
  site.image.set('holding', 1000, [...registersOf('B2'), ...registersOf('1.1')]);
  site.disconnect();
  const { poll, events } = await site.poll();
  assert.equal(poll.missing.size, 0);
  assert.deepEqual(
    events.map(({ what, before, after, ts }) => [what, before, after, ts]),
    [
      ['exchanged', 'A1', 'B2', poll.slot],
      ['firmware', '1.0', '1.1', poll.slot],
    ],
  );
  assert.deepEqual((await site.poll()).events, []);
});

test('another serial number than the configured one: nothing is stored until it matches', async (t) => {
  const site = await rig(t, identified({ serialNumber: 'A1' }));
  site.image.set('holding', 1000, [...registersOf('B2'), ...registersOf('1.0')]);
  for (let i = 0; i < 2; i++) {
    const { poll } = await site.poll();
    assert.deepEqual(reasons(poll), { 'other meter': 2 });
    assert.match(poll.error ?? '', /serial number B2 answers where A1 is configured/);
  }
  site.image.set('holding', 1000, registersOf('A1'));
  assert.equal((await site.poll()).poll.missing.size, 0);
  // The meter is exchanged while the connection is down: the values of the very first poll count for nothing.
  site.image.set('holding', 1000, registersOf('C3'));
  site.disconnect();
  assert.deepEqual(reasons((await site.poll()).poll), { 'other meter': 2 });
});

test('a configured serial number that cannot be read: nothing is stored, and it is asked again in each poll', async (t) => {
  const image = identified({ serialNumber: 'A1' });
  const site = await rig(t, image);
  site.image.set('holding', 1000, registersOf(''));
  assert.match((await site.poll()).poll.error ?? '', /none could be read/);
  site.image.set('holding', 1000, registersOf('A1'));
  assert.equal((await site.poll()).poll.missing.size, 0);
});

test('once metrics that the meter is silent about cost no reading, and are not asked in every poll', async (t) => {
  const site = await rig(t, identified());
  await site.server.setFault('silent-above:7');
  const polls = [await site.poll(), await site.poll(), await site.poll()].map(({ poll }) => poll);
  assert.deepEqual(
    polls.map(({ missing }) => missing.size),
    [0, 0, 0],
  );
  assert.deepEqual(
    polls.map(({ requests }) => requests),
    [2, 1, 1],
  );
});

test('keepConnection false: closed after each poll, opened for the next', async (t) => {
  const site = await rig(t, { keepConnection: false });
  for (let i = 1; i <= 3; i++) {
    assert.equal((await site.poll()).poll.missing.size, 0);
    assert.equal(site.connects(), i);
  }
});

test('a meter that is deaf after connecting: the error names connectDelay, and with it every poll is whole', async (t) => {
  const deaf = await rig(t);
  await deaf.server.setFault('deaf-after-connect:150');
  const errors: string[] = [];
  for (let i = 0; i < 4; i++) errors.push((await deaf.poll()).poll.error ?? '');
  assert.doesNotMatch(errors[0] ?? '', /connectDelay/);
  assert.match(errors[3] ?? '', /connectDelay/);
  const rested = await rig(t, { connectDelayMs: 200, timeoutMs: 500 });
  await rested.server.setFault('deaf-after-connect:150');
  assert.equal((await rested.poll()).poll.missing.size, 0);
});
