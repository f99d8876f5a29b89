// RTU frames over TCP and over a serial line, against servers that are not ours and against our own on a bad line.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import modbusSerial from 'modbus-serial';
import { ModbusFailure } from '../../src/modbus/failure.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import type { Link, LinkTarget } from '../../src/modbus/reader.js';
import type { Endpoint, SerialLine } from '../../src/model/meter.js';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { seededRandom } from '../support/random.js';
import { python, registersOf, startPymodbus } from '../support/recorded-nexus.js';
import { hasSocat, openSerialPair } from '../support/serial-pair.js';

const UNITS = [1, 2, 3, 4, 5, 6, 7, 8];
const START = 175;
const seed = Number(process.env['EMDC_TEST_SEED'] ?? 1);
const OPTIONS = { timeoutMs: 2000, pauseMs: 0 };

const pymodbus = python ? false : 'pymodbus is not installed (apt-get install python3-pymodbus)';
const socat = hasSocat ? false : 'socat is not installed';

const rtuAt = (port: number): LinkTarget => {
  const endpoint: Endpoint = { type: 'tcp', host: '127.0.0.1', port, framing: 'rtu' };
  return { host: '127.0.0.1', port, endpoint };
};
const serialAt = (line: SerialLine): LinkTarget => ({ host: line.path, port: 0, endpoint: { type: 'serial', line } });

function openLink(t: TestContext, target: LinkTarget): Link {
  const pool = openLinkPool();
  t.after(() => pool.close());
  return pool.link(target);
}

/** What this unit holds, as the link must bring it. */
function rightBytes(unitId: number, start: number, count: number): string {
  const image = registersOf(unitId);
  const data = Buffer.alloc(count * 2);
  for (let i = 0; i < count; i++) data.writeUInt16BE(image.get(start + i) ?? 0, i * 2);
  return data.toString('hex');
}

const readHex = async (link: Link, unitId: number, start: number, count: number, options = OPTIONS): Promise<string> =>
  (await link.read({ unitId, function: 'holding', start, count }, options)).toString('hex');

async function readsAllUnits(link: Link, units: readonly number[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(units.map((unitId) => readHex(link, unitId, START, 40 + round)));
    answers.forEach((hex, i) => {
      assert.equal(hex, rightBytes(units[i] as number, START, 40 + round));
    });
  }
  assert.equal(link.connects, 1);
}

const simulatedUnits = UNITS.map((unitId) => {
  const image = new RegisterImage();
  for (const [address, word] of registersOf(unitId)) image.set('holding', address, [word]);
  return { unitId, image };
});

for (const units of [[1], UNITS]) {
  test(`pymodbus over RTU on TCP, units ${units}`, { skip: pymodbus, timeout: 60_000 }, async (t) => {
    const server = await startPymodbus(python as string, { mode: ['rtu'], units });
    t.after(() => server.close());
    await readsAllUnits(openLink(t, rtuAt(server.port)), units);
  });

  test(`pymodbus on a serial line, units ${units}`, { skip: pymodbus || socat, timeout: 60_000 }, async (t) => {
    const pair = await openSerialPair(t);
    const server = await startPymodbus(python as string, { mode: ['serial', pair.theirs.path], units });
    t.after(() => server.close());
    await readsAllUnits(openLink(t, serialAt(pair.ours)), units);
  });
}

test('pymodbus tells who it is, over MBAP, RTU on TCP and a serial line', {
  skip: pymodbus || socat,
  timeout: 60_000,
}, async (t) => {
  const pair = await openSerialPair(t);
  for (const mode of [[], ['rtu'], ['serial', pair.theirs.path]]) {
    const server = await startPymodbus(python as string, { mode, units: [1] });
    t.after(() => server.close());
    const { port } = server;
    const target =
      mode[0] === 'serial' ? serialAt(pair.ours) : mode[0] === 'rtu' ? rtuAt(port) : { host: '127.0.0.1', port };
    const { objects } = await openLink(t, target).identify(1, OPTIONS);
    assert.equal(objects.get(0), 'Foreign', mode[0]);
    assert.equal(objects.get(2), '2.3');
    assert.equal(objects.get(5), 'Model F');
  }
});

test('modbus-serial on a serial line, 8 units', { skip: socat, timeout: 60_000 }, async (t) => {
  const pair = await openSerialPair(t);
  const server = new modbusSerial.ServerSerial(
    { getHoldingRegister: (address: number, unit: number) => registersOf(unit).get(address) ?? 0 },
    { path: pair.theirs.path, baudRate: 19_200, unitID: 255 },
  );
  await once(server, 'initialized');
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  await readsAllUnits(openLink(t, serialAt(pair.ours)), UNITS);
});

test('our own simulator over RTU on TCP and on a serial line', { skip: socat, timeout: 60_000 }, async (t) => {
  const overTcp = await startMeterServer({ units: simulatedUnits, framing: 'rtu' });
  t.after(() => overTcp.close());
  await readsAllUnits(openLink(t, rtuAt(overTcp.port)), UNITS);
  const pair = await openSerialPair(t);
  const onLine = await startMeterServer({ units: simulatedUnits, serial: pair.theirs });
  t.after(() => onLine.close());
  await readsAllUnits(openLink(t, serialAt(pair.ours)), UNITS);
});

/** Reads until `wanted` values came; every one must be right, every failure named. */
async function readsOnlyRightValues(link: Link, units: readonly number[], wanted: number) {
  const random = seededRandom(seed);
  let values = 0;
  const failures = new Map<string, number>();
  while (values < wanted) {
    const unitId = units[Math.floor(random() * units.length)] as number;
    const start = START + Math.floor(random() * 20);
    const count = 1 + Math.floor(random() * 40);
    try {
      assert.equal(
        await readHex(link, unitId, start, count, { timeoutMs: 60, pauseMs: 0 }),
        rightBytes(unitId, start, count),
        `seed ${seed}`,
      );
      values++;
    } catch (error) {
      if (!(error instanceof ModbusFailure)) throw error;
      failures.set(error.kind, (failures.get(error.kind) ?? 0) + 1);
    }
  }
  return failures;
}

for (const fault of ['noise', 'dropped-bytes', 'stray-bytes']) {
  test(`a line with ${fault} brings no wrong value`, { timeout: 120_000 }, async (t) => {
    t.diagnostic(`seed ${seed}`);
    const server = await startMeterServer({ units: simulatedUnits, framing: 'rtu' });
    t.after(() => server.close());
    await server.setFault(fault, { rate: 0.3, random: seededRandom(seed) });
    const failures = await readsOnlyRightValues(openLink(t, rtuAt(server.port)), UNITS, 150);
    assert.ok((failures.get('bad-answer') ?? 0) + (failures.get('timeout') ?? 0) > 10, JSON.stringify([...failures]));
  });
}

test('noise on a serial line brings no wrong value', { skip: socat, timeout: 120_000 }, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const pair = await openSerialPair(t);
  const server = await startMeterServer({ units: simulatedUnits, serial: pair.theirs });
  t.after(() => server.close());
  await server.setFault(['noise', 'dropped-bytes', 'stray-bytes'], { rate: 0.3, random: seededRandom(seed) });
  await readsOnlyRightValues(openLink(t, serialAt(pair.ours)), UNITS, 200);
});

/** Passes bytes on, and now and then flips, loses or holds back some, in both directions. */
async function startBadLine(t: TestContext, port: number): Promise<number> {
  const random = seededRandom(seed);
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    const pass = (from: Socket, to: Socket) => {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.on('data', (chunk: Buffer) => {
        const draw = random();
        const at = Math.floor(random() * chunk.length);
        if (draw < 0.05) chunk[at] = (chunk[at] as number) ^ (1 << Math.floor(random() * 8));
        if (draw >= 0.05 && draw < 0.1) to.write(Buffer.concat([chunk.subarray(0, at), chunk.subarray(at + 1)]));
        else if (draw >= 0.1 && draw < 0.15) setTimeout(() => to.write(chunk), 80);
        else to.write(chunk);
      });
    };
    pass(client, server);
    pass(server, client);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => proxy.close());
  return (proxy.address() as AddressInfo).port;
}

test('pymodbus behind a bad line, with late responses, brings no wrong value', {
  skip: pymodbus,
  timeout: 120_000,
}, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const server = await startPymodbus(python as string, { mode: ['rtu'], units: UNITS });
  t.after(() => server.close());
  const failures = await readsOnlyRightValues(openLink(t, rtuAt(await startBadLine(t, server.port))), UNITS, 200);
  assert.ok(failures.size > 0);
});

test('a dead unit on the line costs the others nothing but its own timeout', { timeout: 60_000 }, async (t) => {
  const server = await startMeterServer({ units: simulatedUnits, framing: 'rtu' });
  t.after(() => server.close());
  const link = openLink(t, rtuAt(server.port));
  const dead = readHex(link, 99, START, 4, { timeoutMs: 200, pauseMs: 0 });
  const begun = performance.now();
  const others = Promise.all(UNITS.map((unitId) => readHex(link, unitId, START, 4)));
  await assert.rejects(dead, (error: ModbusFailure) => error.kind === 'timeout');
  assert.deepEqual(
    await others,
    UNITS.map((unitId) => rightBytes(unitId, START, 4)),
  );
  assert.ok(performance.now() - begun < 200 + 400);
});

test('a serial port that is unplugged is unreachable, and read again once it is back', {
  skip: socat,
  timeout: 60_000,
}, async (t) => {
  const pair = await openSerialPair(t);
  const link = openLink(t, serialAt(pair.ours));
  const first = await startMeterServer({ units: simulatedUnits, serial: pair.theirs });
  assert.equal(await readHex(link, 3, START, 4), rightBytes(3, START, 4));
  await pair.unplug();
  await first.close();
  const unreachable = (error: ModbusFailure) => {
    assert.equal(error.kind, 'unreachable', error.message);
    assert.match(error.message, new RegExp(pair.ours.path));
    return true;
  };
  await assert.rejects(readHex(link, 3, START, 4, { timeoutMs: 300, pauseMs: 0 }), unreachable);
  await assert.rejects(readHex(link, 3, START, 4, { timeoutMs: 300, pauseMs: 0 }), unreachable);
  await pair.plug();
  const second = await startMeterServer({ units: simulatedUnits, serial: pair.theirs });
  t.after(() => second.close());
  assert.equal(await readHex(link, 3, START, 4), rightBytes(3, START, 4));
  assert.equal(link.connects, 2);
});
