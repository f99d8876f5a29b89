// Devices as people describe them in public reports: what reads them, and what the failure says where nothing does yet.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ModbusFailure } from '../../src/modbus/failure.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import type { Link, ReadOptions } from '../../src/modbus/reader.js';
import type { Endpoint } from '../../src/model/meter.js';
import { type MeterServer, type MeterServerOptions, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';

const OPTIONS: ReadOptions = { timeoutMs: 100, pauseMs: 0 };

const unit = (unitId: number) => {
  const image = new RegisterImage();
  image.set(
    'holding',
    0,
    Array.from({ length: 200 }, (_, i) => unitId * 1000 + i),
  );
  return { unitId, image };
};

async function open(
  t: TestContext,
  fault: string | null,
  options: Partial<MeterServerOptions> = {},
): Promise<{ server: MeterServer; link: Link; read: (start: number, more?: Partial<ReadOptions>) => Promise<number> }> {
  const server = await startMeterServer({ units: [unit(1), unit(2)], ...options });
  if (fault !== null) await server.setFault(fault, fault.includes('late') ? { unitId: 1 } : {});
  const pool = openLinkPool();
  t.after(async () => {
    await pool.close();
    await server.close();
  });
  const { host, port } = server;
  const endpoint: Endpoint = { type: 'tcp', host, port, framing: options.framing ?? 'mbap' };
  const link = pool.link({ host, port, endpoint });
  const read = async (start: number, more: Partial<ReadOptions> = {}) =>
    (await link.read({ unitId: 1, function: 'holding', start, count: 2 }, { ...OPTIONS, ...more })).readUInt16BE(0);
  return { server, link, read };
}

const failure = (kind: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ModbusFailure, String(error));
  assert.equal(error.kind, kind);
  assert.match(error.message, message);
  return true;
};

for (const fault of ['zero-transaction-id', 'next-transaction-id']) {
  test(`${fault}: refused with the setting's name after three connections, read with transactionId ignore`, async (t) => {
    const { link, read } = await open(t, fault);
    for (let i = 0; i < 2; i++)
      await assert.rejects(read(i), failure('bad-answer', /transaction id \d+, asked with \d+: unit/));
    await assert.rejects(read(3), failure('bad-answer', /set transactionId: ignore/));
    const before = link.connects;
    for (let i = 0; i < 20; i++) assert.equal(await read(i, { transactionId: 'ignore' }), 1000 + i);
    assert.equal(link.connects, before + 1);
  });
}

test('transactionId ignore: everything else is still checked', async (t) => {
  const { server, read } = await open(t, null);
  for (const fault of [
    'wrong-unit',
    'wrong-function',
    'short-answer',
    'length-too-large',
    'wrong-protocol-id',
    'garbage',
  ]) {
    await server.setFault(fault);
    await assert.rejects(read(5, { transactionId: 'ignore' }), ModbusFailure, fault);
  }
  await server.setFault(null);
  assert.equal(await read(5, { transactionId: 'ignore' }), 1005);
});

test('transactionId ignore: after a timeout the connection is dropped and nothing is asked for one timeout', async (t) => {
  const { server, link, read } = await open(t, 'late-answer:150');
  await assert.rejects(read(7, { transactionId: 'ignore' }), failure('timeout', /timeout after 100 ms/));
  const failedAt = Date.now();
  await server.setFault(null, { unitId: 1 });
  assert.equal(await read(9, { transactionId: 'ignore' }), 1009);
  const asked = server.requests.at(-1)?.time ?? 0;
  assert.ok(asked - failedAt >= 95, `asked again after ${asked - failedAt} ms`);
  assert.equal(link.connects, 2);
});

test('deaf after connecting: the third failure hints at connectDelay, which reads it', async (t) => {
  const { link, read } = await open(t, 'deaf-after-connect:150');
  for (let i = 0; i < 2; i++) await assert.rejects(read(i), failure('timeout', /ms: unit/));
  await assert.rejects(read(2), failure('timeout', /may need a connectDelay/));
  for (let i = 0; i < 5; i++) assert.equal(await read(i, { connectDelayMs: 200 }), 1000 + i);
  assert.equal(link.connects, 4);
});

test('refuses to be reconnected at once: reconnectWait reads it after each disconnect', async (t) => {
  const { server, link, read } = await open(t, 'refuse-reconnect:150');
  const disconnect = async () => {
    link.disconnect();
    while (server.openConnections > 0) await new Promise((resolve) => setImmediate(resolve));
  };
  assert.equal(await read(1), 1001);
  await disconnect();
  await assert.rejects(read(2), ModbusFailure);
  for (let i = 0; i < 2; i++) {
    assert.equal(await read(3, { reconnectWaitMs: 200 }), 1003);
    await disconnect();
  }
});

test('takes a single client: disconnect makes room for another one', async (t) => {
  const { server, link, read } = await open(t, 'one-connection');
  const pool = openLinkPool();
  t.after(() => pool.close());
  const other = pool.link({ host: server.host, port: server.port });
  const request = { unitId: 2, function: 'holding', start: 4, count: 1 } as const;
  assert.equal(await read(1), 1001);
  await assert.rejects(other.read(request, OPTIONS), ModbusFailure);
  link.disconnect();
  while (server.openConnections > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await other.read(request, OPTIONS)).readUInt16BE(0), 2004);
});

test('silent above 40 registers: 40 are read, 41 time out, and nothing else is lost', async (t) => {
  const { link } = await open(t, 'silent-above:40');
  const read = (count: number) => link.read({ unitId: 1, function: 'holding', start: 0, count }, OPTIONS);
  assert.equal((await read(40)).length, 80);
  await assert.rejects(read(41), failure('timeout', /0\+41/));
  assert.equal((await read(40)).length, 80);
});

test('RTU: a response that comes up to one timeout late is never taken for the next one of the same shape', async (t) => {
  const { server, read } = await open(t, 'late-answer:170', { framing: 'rtu' });
  for (let i = 0; i < 5; i++) {
    await server.setFault('late-answer:170', { unitId: 1 });
    await assert.rejects(read(100 + i), failure('timeout', /timeout/));
    await server.setFault(null, { unitId: 1 });
    assert.equal(await read(i), 1000 + i);
  }
});

for (const framing of ['mbap', 'rtu'] as const) {
  test(`identify over ${framing}: all objects over several responses, server id where 43/14 is refused, else nothing`, async (t) => {
    const objects = new Map([
      [0, 'Eaton'],
      [1, 'PXM'.repeat(30)],
      [2, 'V1.0'],
      [3, 'u'.repeat(100)],
      [4, 'Power Xpert'.repeat(8)],
    ]);
    const serverId = Buffer.from([7, 0xff, 1, 2]);
    const { server, link } = await open(t, null, {
      framing,
      units: [
        { ...unit(1), identity: { objects } },
        { ...unit(2), identity: { objects: new Map(), serverId } },
        unit(3),
      ],
    });
    assert.deepEqual((await link.identify(1, OPTIONS)).objects, objects);
    assert.deepEqual(await link.identify(2, OPTIONS), { objects: new Map(), serverId });
    assert.deepEqual(await link.identify(3, OPTIONS), { objects: new Map(), serverId: null });
    assert.equal(link.connects, 1);
    server.replaceUnit({ ...unit(1), identity: { objects: new Map([[0, 'Other']]) } });
    assert.equal((await link.identify(1, OPTIONS)).objects.get(0), 'Other');
    await assert.rejects(link.identify(9, OPTIONS), failure('timeout', /unit 9 device identification/));
  });
}
