// How a link behaves between requests: one at a time, in order, over a connection that may come and go.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ModbusFailure } from '../../src/modbus/failure.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import type { Link, LinkPool, ReadOptions } from '../../src/modbus/reader.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';

const OPTIONS: ReadOptions = { timeoutMs: 1000, pauseMs: 0 };

const unitOf = (unitId: number) => {
  const image = new RegisterImage();
  image.set(
    'holding',
    0,
    Array.from({ length: 300 }, (_, i) => unitId * 1000 + i),
  );
  image.set('input', 0, [unitId + 0x4000, 7]);
  image.set(
    'coil',
    0,
    Array.from({ length: 20 }, (_, i) => (i % 3 === 0 ? 1 : 0)),
  );
  image.set('discrete', 0, [1, 0, 1, 1]);
  return { unitId, image };
};

const failure =
  (kind: string, pattern: RegExp = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof ModbusFailure, String(error));
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, pattern);
    return true;
  };

describe('a link', { timeout: 60_000 }, () => {
  let server: MeterServer;
  let pool: LinkPool;
  let link: Link;
  const read = (start: number, count: number, unitId = 1, options = OPTIONS) =>
    link.read({ unitId, function: 'holding', start, count }, options);

  beforeEach(async () => {
    server = await startMeterServer({ units: Array.from({ length: 40 }, (_, i) => unitOf(i + 1)) });
    pool = openLinkPool();
    link = pool.link(server);
  });
  afterEach(async () => {
    await pool.close();
    await server.close();
  });

  test('reads all four tables', async () => {
    assert.deepEqual([...(await read(5, 2))], [3, 0xed, 3, 0xee]);
    const input = await link.read({ unitId: 2, function: 'input', start: 0, count: 2 }, OPTIONS);
    assert.deepEqual([...input], [0x40, 2, 0, 7]);
    const coils = await link.read({ unitId: 1, function: 'coil', start: 0, count: 11 }, OPTIONS);
    assert.deepEqual([...coils], [0b01001001, 0b00000010]);
    const discrete = await link.read({ unitId: 1, function: 'discrete', start: 0, count: 4 }, OPTIONS);
    assert.deepEqual([...discrete], [0b1101]);
  });

  test('asks one request at a time, in the order of the calls, over one connection for all units', async () => {
    const calls = Array.from({ length: 200 }, (_, i) => ({ unitId: ((i * 7) % 40) + 1, start: i % 100 }));
    const answers = await Promise.all(calls.map(({ unitId, start }) => read(start, 3, unitId)));
    calls.forEach(({ unitId, start }, i) => {
      assert.equal(answers[i]?.readUInt16BE(0), unitId * 1000 + start);
    });
    assert.deepEqual(
      server.requests.map(({ unitId, start }) => ({ unitId, start })),
      calls,
    );
    assert.equal(server.connectionCount, 1);
  });

  test('hands out buffers that later requests leave alone', async () => {
    const first = await read(0, 10);
    const copy = Buffer.from(first);
    for (let i = 0; i < 50; i++) await read(100, 100);
    assert.deepEqual(first, copy);
  });

  test('refuses impossible requests before they cost anything', async () => {
    const bad = [
      { unitId: 256, start: 0, count: 1 },
      { unitId: -1, start: 0, count: 1 },
      { unitId: 1, start: -1, count: 1 },
      { unitId: 1, start: Number.NaN, count: 1 },
      { unitId: 1, start: 1.9, count: 1 },
      { unitId: 1, start: 65536, count: 1 },
      { unitId: 1, start: 65535, count: 2 },
      { unitId: 1, start: 0, count: 0 },
      { unitId: 1, start: 0, count: 126 },
    ];
    for (const request of bad) {
      await assert.rejects(link.read({ function: 'holding', ...request }, OPTIONS), failure('bad-request'));
    }
    assert.equal((await read(0, 1)).length, 2);
    assert.equal(server.requestCount, 1);
  });

  test('connects anew without a word when the meter has closed the idle connection', async () => {
    await read(0, 1);
    server.dropConnections();
    assert.equal((await read(1, 1)).readUInt16BE(0), 1001);
    assert.equal(server.connectionCount, 2);
  });

  test('asks once more when the connection breaks as the request goes out, but not a third time', async () => {
    await read(0, 1);
    await server.setFault('reset', { unitId: 1 });
    await assert.rejects(read(1, 1), failure('disconnected', /unit 1 holding 1\+1 at 127/));
    assert.equal(server.requestCount, 3);
  });

  test('fails all who wait when the meter cannot be reached, with one attempt', async () => {
    await server.close();
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => read(i, 1)));
    results.forEach((result, i) => {
      assert.equal(result.status, 'rejected');
      failure('unreachable', /refused/)(result.reason);
      assert.deepEqual(result.reason.request, { unitId: 1, function: 'holding', start: i, count: 1 });
      assert.equal(result.reason.cause, results[0]?.status === 'rejected' && results[0].reason.cause, 'one attempt');
    });
  });

  test('a name that does not exist is an unreachable meter', async () => {
    const other = pool.link({ host: 'no-such-meter.invalid', port: 502 });
    await assert.rejects(
      other.read({ unitId: 1, function: 'holding', start: 0, count: 1 }, OPTIONS),
      failure('unreachable', /no-such-meter/),
    );
  });

  test('a caller who gives up in the queue leaves it, and the others keep their order', async () => {
    await server.setFault('silent', { unitId: 9 });
    const blocker = read(0, 1, 9, { ...OPTIONS, timeoutMs: 200 });
    const abort = new AbortController();
    const given = read(1, 1, 1, { ...OPTIONS, signal: abort.signal });
    const kept = read(2, 1, 1);
    abort.abort();
    await assert.rejects(given, failure('aborted', /before it was sent/));
    await assert.rejects(blocker, failure('timeout'));
    assert.equal((await kept).readUInt16BE(0), 1002);
    assert.deepEqual(
      server.requests.map(({ start }) => start),
      [0, 2],
    );
  });

  test('giving up a request on the wire costs the connection and nothing else', async () => {
    await server.setFault('silent', { unitId: 9 });
    const abort = new AbortController();
    const lost = read(0, 1, 9, { ...OPTIONS, timeoutMs: 60_000, signal: abort.signal });
    const kept = read(3, 1);
    while (server.requestCount === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await assert.rejects(lost, failure('aborted'));
    assert.equal((await kept).readUInt16BE(0), 1003);
    assert.equal(server.connectionCount, 2);
  });

  test('a request with a signal that aborted before is not sent', async () => {
    await assert.rejects(read(0, 1, 1, { ...OPTIONS, signal: AbortSignal.abort() }), failure('aborted'));
    assert.equal(server.requestCount, 0);
  });

  test('each request waits for its own time, be it longer or shorter than that of the one before', async () => {
    await server.setFault('silent', { unitId: 9 });
    for (const [before, timeoutMs] of [
      [50, 200],
      [600_000, 50],
    ] as const) {
      await read(0, 1, 1, { ...OPTIONS, timeoutMs: before });
      const begun = performance.now();
      await assert.rejects(read(0, 1, 9, { ...OPTIONS, timeoutMs }), failure('timeout', new RegExp(`${timeoutMs} ms`)));
      assert.ok(performance.now() - begun >= timeoutMs - 2);
    }
  });

  test('many links share one signal without a warning, and its abort ends what each of them waits for', async () => {
    const warnings: string[] = [];
    const note = (warning: Error) => void warnings.push(warning.message);
    process.on('warning', note);
    await server.setFault('silent', { unitId: 9 });
    const pools = Array.from({ length: 30 }, () => openLinkPool());
    const abort = new AbortController();
    const options = { ...OPTIONS, timeoutMs: 60_000, signal: abort.signal };
    const reading = pools.map((each) =>
      each.link(server).read({ unitId: 9, function: 'holding', start: 0, count: 1 }, options),
    );
    const ended = Promise.allSettled(reading);
    while (server.requestCount < 30) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    for (const result of await ended) {
      assert.equal(result.status, 'rejected');
      failure('aborted')(result.reason);
    }
    await Promise.all(pools.map((each) => each.close()));
    process.off('warning', note);
    assert.deepEqual(warnings, []);
  });

  test('waits the pause from the end of one request to the start of the next', async () => {
    const gaps: number[] = [];
    let ended: number | null = null;
    for (let i = 0; i < 3; i++) {
      await read(0, 1, 1, { ...OPTIONS, pauseMs: 40 });
      const sent = server.requests.at(-1)?.time ?? 0;
      if (ended !== null) gaps.push(sent - ended);
      ended = Date.now();
    }
    for (const gap of gaps) assert.ok(gap >= 38, `${gap} ms`);
  });

  test('disconnect drops the connection, the next read connects', async () => {
    await read(0, 1);
    link.disconnect();
    await read(0, 1);
    assert.equal(server.connectionCount, 2);
  });

  test('close ends what is under way and what waits, and nothing follows', async () => {
    await server.setFault('silent', { unitId: 9 });
    const calls = Promise.allSettled([read(0, 1, 9), read(1, 1)]);
    while (server.requestCount === 0) await new Promise((resolve) => setImmediate(resolve));
    await pool.close();
    await pool.close();
    const [first, second] = await calls;
    assert.ok(first?.status === 'rejected' && failure('disconnected')(first.reason));
    assert.ok(second?.status === 'rejected' && failure('aborted')(second.reason));
    await assert.rejects(read(0, 1), failure('aborted'));
    assert.equal(server.requestCount, 1);
  });

  test('a dead unit among 40 costs the others a reconnect, no value', async () => {
    await server.setFault('silent', { unitId: 17 });
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => read(0, 2, i + 1, { ...OPTIONS, timeoutMs: 150 })),
    );
    results.forEach((result, i) => {
      if (i + 1 === 17) assert.equal(result.status, 'rejected');
      else assert.equal(result.status === 'fulfilled' && result.value.readUInt16BE(0), (i + 1) * 1000);
    });
  });

  test('the pool has one link per host and port', () => {
    assert.equal(pool.link({ host: server.host, port: server.port }), link);
    assert.notEqual(pool.link({ host: server.host, port: server.port + 1 }), link);
  });
});

describe('a peer made by hand', { timeout: 60_000 }, () => {
  let peer: Server;
  let pool: LinkPool;
  let onRequest: (socket: Socket, frame: Buffer) => void;

  beforeEach(async () => {
    peer = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {});
      socket.on('data', (frame) => onRequest(socket, frame));
    }).listen(0, '127.0.0.1');
    await once(peer, 'listening');
    pool = openLinkPool();
  });
  afterEach(async () => {
    await pool.close();
    peer.close();
  });
  const read = (timeoutMs = 500) => {
    const { port } = peer.address() as { port: number };
    const request = { unitId: 3, function: 'holding', start: 0, count: 2 } as const;
    return pool.link({ host: '127.0.0.1', port }).read(request, { timeoutMs, pauseMs: 0 });
  };
  const answerTo = (frame: Buffer) =>
    Buffer.concat([frame.subarray(0, 4), Buffer.from([0, 7, 3, 3, 4, 0x12, 0x34, 0x56, 0x78])]);

  test('that splits the answer at any byte is understood', async () => {
    for (let at = 1; at < 13; at++) {
      onRequest = (socket, frame) => {
        const answer = answerTo(frame);
        socket.write(answer.subarray(0, at), () => setImmediate(() => socket.write(answer.subarray(at))));
      };
      assert.equal((await read()).toString('hex'), '12345678');
    }
  });

  test('whose late answer comes on the old connection never reaches the next request', async () => {
    let late: (() => void) | null = null;
    onRequest = (socket, frame) => {
      late = () => socket.write(answerTo(frame));
    };
    await assert.rejects(read(50), failure('timeout'));
    (late as (() => void) | null)?.();
    onRequest = (socket, frame) => socket.write(answerTo(frame));
    assert.equal((await read()).toString('hex'), '12345678');
  });

  test('that speaks before it is asked loses the connection, not a reading', async () => {
    onRequest = (socket, frame) => {
      socket.write(answerTo(frame));
      setTimeout(() => socket.write('hello'), 5);
    };
    for (let i = 0; i < 5; i++) {
      assert.equal((await read()).toString('hex'), '12345678');
      await new Promise((resolve) => setTimeout(resolve, i * 4));
    }
  });

  test('that remembers an answer from an earlier connection does not get it in', async () => {
    const kept: Buffer[] = [];
    onRequest = (_socket, frame) => {
      kept.push(answerTo(frame));
    };
    await assert.rejects(read(30), failure('timeout'));
    onRequest = (socket) => socket.write(kept[0] as Buffer);
    await assert.rejects(read(), failure('bad-answer', /transaction id/));
  });

  test('that numbers its answers by itself is not believed', async () => {
    let previous: number | null = null;
    onRequest = (socket, frame) => {
      const answer = answerTo(frame);
      if (previous !== null) answer.fill(0x55, 9).writeUInt16BE((previous + 1) & 0xffff, 0);
      previous = frame.readUInt16BE(0);
      socket.write(answer);
    };
    assert.equal((await read()).toString('hex'), '12345678');
    await assert.rejects(read(), failure('bad-answer', /transaction id/));
  });
});
