import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import type { MeterInfo } from '../../src/model/meter.js';
import type { Gap, MissingReason, Poll } from '../../src/model/poll.js';
import type { Batch } from '../../src/record/recorder.js';
import { type Entry, readSegment, SegmentEncoder } from '../../src/record/segment.js';
import { meterInfo } from '../support/polls.js';

const meters: readonly MeterInfo[] = [
  meterInfo('a/Ünit', 3),
  meterInfo('b', 1),
  meterInfo('c', 0),
  meterInfo('large', 60),
];

const reason = fc.oneof(
  fc.constantFrom<MissingReason>(
    'timeout',
    'unreachable',
    'disconnected',
    'bad answer',
    'not available',
    'invalid value',
  ),
  fc.constantFrom<MissingReason>(
    'offline',
    'refused before',
    'deadline',
    'shutdown',
    'missed',
    'down',
    'rejected',
    'lost',
  ),
  fc.integer({ min: 0, max: 255 }).map((code): MissingReason => `exception ${code}`),
);
const time = fc.integer({ min: -1e12, max: 4e12 });

const poll = fc.constantFrom(...meters).chain((meter) =>
  fc
    .record({
      cells: fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), reason), {
        minLength: meter.metrics.length,
        maxLength: meter.metrics.length,
      }),
      slot: time,
      readAt: time,
      durationMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      requests: fc.nat(),
      error: fc.option(fc.string({ unit: 'grapheme' })),
    })
    .map(({ cells, ...rest }): Poll => {
      const values = Float64Array.from(cells, (cell) => (typeof cell === 'number' ? cell : Number.NaN));
      const missing = new Map<number, MissingReason>();
      cells.forEach((cell, index) => {
        if (typeof cell !== 'number') missing.set(index, cell);
      });
      return { ...rest, meter, values, missing };
    }),
);
const gap = fc
  .record({ meter: fc.constantFrom(...meters), from: time, until: time, slots: fc.nat(), reason })
  .map((made): Gap => ({ ...made }));
const batch = fc.record({ polls: fc.array(poll, { maxLength: 4 }), gaps: fc.array(gap, { maxLength: 2 }) });
const batches = fc.array(batch, { minLength: 1, maxLength: 6 });

const entriesOf = ({ polls, gaps }: Batch): Entry[] => [
  ...polls.map((poll: Poll): Entry => ({ kind: 'poll', poll })),
  ...gaps.map((gap: Gap): Entry => ({ kind: 'gap', gap })),
];

function write(all: readonly Batch[]): { segment: Buffer; ends: number[] } {
  const encoder = new SegmentEncoder();
  const frames = all.map((one) => Buffer.from(encoder.encode(one)));
  let end = 0;
  return {
    segment: Buffer.concat(frames),
    ends: frames.map((frame) => {
      end += frame.length;
      return end;
    }),
  };
}

const read = (segment: Buffer): Entry[] =>
  [...readSegment(segment)].flatMap((piece) => (piece.kind === 'frame' ? piece.entries : []));

describe('spool segment', () => {
  test('what was written is read back, bit for bit', () => {
    fc.assert(
      fc.property(batches, (all) => {
        const { segment } = write(all);
        assert.deepEqual(read(segment), all.flatMap(entriesOf));
      }),
    );
  });

  test('cut off at any byte: every whole frame is read, nothing is invented', () => {
    fc.assert(
      fc.property(batches, fc.double({ min: 0, max: 1, noNaN: true }), (all, where) => {
        const { segment, ends } = write(all);
        const cut = Math.floor(segment.length * where);
        const whole = all.slice(0, ends.filter((end) => end <= cut).length);
        assert.deepEqual(read(segment.subarray(0, cut)), whole.flatMap(entriesOf));
      }),
      { numRuns: 300 },
    );
  });

  test('a frame torn in the middle, with others written behind it: only that frame is missing', () => {
    const described: Batch = {
      polls: meters.map((meter) => fc.sample(poll, 1)[0] ?? assert.fail(meter.name)),
      gaps: [],
    };
    const encoder = new SegmentEncoder();
    const frames = [0, 1, 2].map(() => Buffer.from(encoder.encode(described)));
    const [first, torn, last] = frames as [Buffer, Buffer, Buffer];
    const segment = Buffer.concat([first, torn.subarray(0, torn.length - 5), last]);
    const pieces = [...readSegment(segment)];
    assert.deepEqual(
      pieces.map(({ kind }) => kind),
      ['frame', 'damage', 'frame'],
    );
    assert.deepEqual(read(segment), [...entriesOf(described), ...entriesOf(described)]);
  });

  test('bytes changed at random: reading never throws, covers the segment, and invents no entry', () => {
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(batches, fc.array(change, { minLength: 1, maxLength: 8 }), (all, changes) => {
        const { segment } = write(all);
        const damaged = Buffer.from(segment);
        for (const { at, to } of changes) damaged[at % damaged.length] = to;
        const known = new Set(all.flatMap(entriesOf).map(print));
        for (const entry of read(damaged)) assert.ok(known.has(print(entry)));
        const pieces = [...readSegment(damaged)];
        assert.equal(pieces.at(-1)?.end, damaged.length);
      }),
      { numRuns: 300 },
    );
  });

  test('arbitrary bytes are damage from end to end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 4000 }), (bytes) => {
        assert.deepEqual(
          [...readSegment(Buffer.from(bytes))],
          [{ kind: 'damage', from: 0, end: bytes.length, foreign: false }],
        );
      }),
    );
  });
});

const print = (entry: Entry): string => inspect(entry, { sorted: true, depth: null, maxArrayLength: null });
