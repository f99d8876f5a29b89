// Every named fault against the real link: the right value or a named error, and a healthy link on the next try.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { ModbusFailure, type ModbusFailureKind } from '../../src/modbus/failure.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import type { Link, LinkPool, ReadRequest } from '../../src/modbus/reader.js';
import { FAULTS } from '../../src/simulate/faults.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';

const WORDS = Array.from({ length: 200 }, (_, i) => (i * 257 + 1) & 0xffff);
const TIMEOUT_MS = 250;
const OPTIONS = { timeoutMs: TIMEOUT_MS, pauseMs: 0 };

/** What reads bring while the fault lasts: values, or this failure. */
const EXPECTED: Readonly<Record<string, 'value' | ModbusFailureKind | readonly ModbusFailureKind[]>> = {
  refuse: 'unreachable',
  'reset-on-connect': ['unreachable', 'disconnected'],
  'close-on-connect': ['unreachable', 'disconnected'],
  'half-open': 'timeout',
  silent: 'timeout',
  reset: 'disconnected',
  close: 'disconnected',
  'close-mid-answer': 'disconnected',
  'late-answer:400': 'timeout',
  'answer-twice': 'value',
  'answer-twice-later:5': 'value',
  'answer-and-next': 'value',
  'wrong-transaction-id': 'bad-answer',
  'wrong-protocol-id': 'bad-answer',
  'wrong-unit': 'bad-answer',
  'wrong-function': 'bad-answer',
  'unknown-function': 'bad-answer',
  'length-too-small': 'bad-answer',
  'length-too-large': 'bad-answer',
  'wrong-byte-count': 'bad-answer',
  'odd-byte-count': 'bad-answer',
  'short-answer': 'bad-answer',
  'empty-answer': 'bad-answer',
  'long-answer': 'bad-answer',
  truncated: 'timeout',
  garbage: 'bad-answer',
  'garbage-behind': 'value',
  flood: 'bad-answer',
  'dribble:1': 'value',
  'split:5': 'value',
  'several-frames': 'bad-answer',
  'exception:4': 'exception',
  'busy:1': 'exception',
  'limited-registers:9': 'exception',
  'hole:200': 'value',
  'one-connection': 'value',
  'idle-close:20': 'value',
  'silent-above:9': 'timeout',
  'deaf-after-connect:60000': 'timeout',
  'zero-transaction-id': 'bad-answer',
  'next-transaction-id': 'bad-answer',
  'refuse-reconnect:60000': ['unreachable', 'disconnected'],
  noise: 'value',
  'dropped-bytes': 'value',
  'stray-bytes': 'value',
};

/** Of a peer's answer: part of the right one, or not. */
type Piece =
  | { readonly kind: 'right'; readonly from: number; readonly until: number }
  | { readonly kind: 'noise'; readonly bytes: Uint8Array };

const words = (buffer: Buffer): number[] =>
  Array.from({ length: buffer.length / 2 }, (_, i) => buffer.readUInt16BE(i * 2));

describe('a link and a peer that', { timeout: 60_000 }, () => {
  let server: MeterServer;
  let pool: LinkPool;
  let link: Link;

  const request = (start: number, count: number): ReadRequest => ({ unitId: 1, function: 'holding', start, count });
  const readRight = async (start: number, count: number) =>
    assert.deepEqual(words(await link.read(request(start, count), OPTIONS)), WORDS.slice(start, start + count));

  before(async () => {
    const image = new RegisterImage();
    image.set('holding', 0, WORDS);
    server = await startMeterServer({ units: [{ unitId: 1, image }] });
    pool = openLinkPool();
    link = pool.link(server);
  });
  after(async () => {
    await pool.close();
    await server.close();
  });

  afterEach(() => server.setFault(null));

  test('has a fault that this table does not know does not exist', () => {
    const stem = (name: string) => name.split(':')[0];
    assert.deepEqual(FAULTS.map((fault) => stem(fault.name)).sort(), Object.keys(EXPECTED).map(stem).sort());
  });

  for (const [name, expected] of Object.entries(EXPECTED)) {
    test(`${name}: ${[expected].flat().join(' or ')}`, async () => {
      await readRight(3, 40);
      await server.setFault(name);
      let values = 0;
      for (let turn = 0; turn < 4; turn++) {
        try {
          await readRight(turn * 10, 10 + turn);
          values++;
        } catch (error) {
          assert.ok(error instanceof ModbusFailure, String(error));
          assert.ok([expected].flat().includes(error.kind), error.message);
          assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${server.port}`));
        }
      }
      if (expected === 'value') assert.equal(values, 4);
      else if (name !== 'busy:1') assert.equal(values, 0);
      await server.setFault(null);
      for (let turn = 0; turn < 3; turn++) await readRight(turn, 125);
    });
  }

  test('refuses with any exception code there is', async () => {
    for (let code = 0; code <= 255; code++) {
      await server.setFault(`exception:${code}`);
      await assert.rejects(link.read(request(0, 1), OPTIONS), (error: ModbusFailure) => {
        assert.equal(error.kind, 'exception');
        assert.equal(error.exceptionCode, code);
        assert.equal(error.reason, `exception ${code}`);
        return true;
      });
    }
    const before = server.connectionCount;
    await server.setFault(null);
    await readRight(0, 5);
    assert.equal(server.connectionCount, before, 'an exception is an answer: the connection stays');
  });

  test('sends anything at all brings the right value or a named failure, and is read again at once', async () => {
    const piece: fc.Arbitrary<Piece> = fc.oneof(
      fc.record({ kind: fc.constant('right' as const), from: fc.nat(20), until: fc.nat(20) }),
      fc.record({ kind: fc.constant('noise' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
    );
    const whole: Piece = { kind: 'right', from: 0, until: 20 };
    const peer = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(peer, 'listening');
    const right = '0102030405060708';
    let parts: readonly Piece[] | null = null;
    let sent: Buffer = Buffer.alloc(0);
    let honest = false;
    peer.on('connection', (socket) => {
      socket.on('error', () => {});
      socket.on('data', async (frame: Buffer) => {
        const head = Buffer.concat([frame.subarray(0, 4), Buffer.from([0, 11, 1, 3, 8])]);
        const answer = Buffer.concat([head, Buffer.from(right, 'hex')]);
        const bytes = (parts ?? [whole]).map((p) => (p.kind === 'noise' ? p.bytes : answer.subarray(p.from, p.until)));
        sent = Buffer.concat(bytes);
        // Whoever says so with the right head, and nothing else, is believed: Modbus TCP has no checksum.
        honest = sent.subarray(0, 9).equals(head);
        for (const part of bytes) {
          if (socket.writable) socket.write(part);
          await nextTurn();
        }
      });
    });
    const other = pool.link({ host: '127.0.0.1', port: (peer.address() as AddressInfo).port });
    const read = (timeoutMs: number) => other.read(request(0, 4), { timeoutMs, pauseMs: 0 });
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(piece, { maxLength: 5 }), async (drawn) => {
          parts = drawn;
          const outcome = await read(15).catch((error: unknown) => error);
          if (outcome instanceof Buffer) {
            assert.ok(honest);
            assert.deepEqual(outcome, sent.subarray(9, 17));
          } else assert.ok(outcome instanceof ModbusFailure, String(outcome));
          parts = null;
          assert.equal((await read(5000)).toString('hex'), right);
        }),
        { numRuns: 150 },
      );
    } finally {
      other.disconnect();
      peer.close();
    }
  });

  test('answers for another unit is told apart in the error', async () => {
    await server.setFault('wrong-unit');
    await assert.rejects(link.read(request(0, 1), OPTIONS), /unit 2 answered, unit 1 was asked/);
    await server.setFault(null);
  });
});
