// The framing guard, without a socket: what counts as the answer, byte by byte, whatever comes.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type ExpectedResponse, MAX_FRAME_BYTES, mbap } from '../../src/modbus/framing.js';

const expected: ExpectedResponse = { transactionId: 0x1234, unitId: 7, functionCode: 3, byteCount: 6 };
const answer = Buffer.from('12340000000907030611aa22bb33cc', 'hex');
const exception = Buffer.from('123400000003078302', 'hex');

const kindOf = (bytes: Uint8Array, wanted = expected): string => {
  const verdict = mbap.judge(bytes, bytes.length, wanted);
  return typeof verdict === 'string' ? verdict : verdict.kind;
};

describe('the framing guard', { timeout: 60_000 }, () => {
  test('waits for the whole answer at every length, and for an exception', () => {
    for (let length = 0; length < answer.length; length++) {
      assert.equal(mbap.judge(answer, length, expected), 'incomplete', `${length}`);
    }
    assert.equal(kindOf(answer), 'response');
    for (let length = 0; length < exception.length; length++) {
      assert.equal(mbap.judge(exception, length, expected), 'incomplete', `${length}`);
    }
    assert.equal(kindOf(exception), 'exception');
    assert.equal(kindOf(Buffer.concat([answer, Buffer.of(0)])), 'excess');
  });

  test('takes no answer in which any bit of the header, function or byte count is flipped', () => {
    for (let byte = 0; byte < 9; byte++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(answer);
        flipped[byte] = (flipped[byte] as number) ^ (1 << bit);
        assert.ok(
          !['response', 'exception', 'excess', 'incomplete'].includes(kindOf(flipped)),
          `byte ${byte} bit ${bit}`,
        );
      }
    }
  });

  test('says at the first wrong byte what is wrong', () => {
    const cases: readonly (readonly [string, number, string, RegExp])[] = [
      ['9999', 2, 'foreign', /transaction id 39321, asked with 4660/],
      ['12340001', 4, 'malformed', /protocol id 1/],
      ['12340000000908', 7, 'unit', /unit 8 answered, unit 7 was asked/],
      ['1234000000090704', 8, 'malformed', /function code 4, asked with 3/],
      ['1234000000080703', 8, 'malformed', /length field 8, expected 9/],
      ['123400000009070305', 9, 'malformed', /5 data bytes, asked for 6/],
    ];
    for (const [hex, length, kind, message] of cases) {
      const bytes = Buffer.from(hex, 'hex');
      const verdict = mbap.judge(bytes, length, expected);
      assert.ok(typeof verdict === 'object', hex);
      assert.equal(verdict.kind, kind);
      assert.match(verdict.message, message);
    }
  });

  test('never throws, and takes nothing but the one right frame, whatever bytes come', () => {
    const near = fc
      .tuple(fc.constantFrom(answer, exception), fc.array(fc.tuple(fc.nat(20), fc.nat(255)), { maxLength: 3 }))
      .map(([frame, changes]) => {
        const bytes = Buffer.from(frame);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return bytes;
      });
    const noise = fc.uint8Array({ maxLength: MAX_FRAME_BYTES + 1 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(near, noise, fc.tuple(near, noise).map(Buffer.concat)), (bytes) => {
        const head = (frame: Buffer) => frame.subarray(0, 9).toString('hex');
        const kind = kindOf(bytes);
        if (kind === 'response') return head(bytes) === head(answer) && bytes.length === answer.length;
        if (kind === 'exception') return head(bytes).startsWith(head(exception).slice(0, 16)) && bytes.length === 9;
        if (kind === 'excess') return bytes.length > 9;
        return true;
      }),
      { numRuns: 5000 },
    );
  });

  test('has made up its mind by the longest frame there is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: MAX_FRAME_BYTES + 1, maxLength: MAX_FRAME_BYTES + 1 }), (bytes) => {
        bytes.set(answer.subarray(0, 4));
        return kindOf(bytes, { ...expected, byteCount: 250 }) !== 'incomplete';
      }),
      { numRuns: 500 },
    );
  });
});
