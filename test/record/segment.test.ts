import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import type { MeterInfo } from '../../src/model/meter.js';
import type { Gap, MeterEvent, MissingReason, Poll, RunStart } from '../../src/model/poll.js';
import { addTotals, type Entry, noTotals } from '../../src/record/entry.js';
import { readSegment, SegmentEncoder, totalsAtEnd } from '../../src/record/segment.js';
import { meterInfo, pollOf } from '../support/polls.js';

const { values: _, ...configured } = { ...meterInfo('large', 60), values: 0, ctRatio: 40, mapHash: 'a1' };
const meters: readonly MeterInfo[] = [meterInfo('a/Ünit "\n', 3), meterInfo('b', 1), meterInfo('c', 0), configured];

const reason = fc.oneof(
  fc.constantFrom<MissingReason>('timeout', 'bad answer', 'not available', 'other meter', 'group', 'rejected', 'down'),
  fc.integer({ min: 0, max: 255 }).map((code): MissingReason => `exception ${code}`),
);
const time = fc.oneof(
  fc.integer({ min: -1e12, max: 4e12 }),
  fc.double({ min: -1e17, max: 1e17, noNaN: true }).map((ms) => ms + 0),
);
const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, 0.1, 1e21, 2 ** 53 + 2),
);
const text = fc.option(fc.string({ unit: 'grapheme' }));

const poll = fc.constantFrom(...meters).chain((meter) =>
  fc
    .record({
      cells: fc.array(fc.oneof(value, reason), {
        minLength: meter.metrics.length,
        maxLength: meter.metrics.length,
      }),
      slot: time,
      readAt: time,
      durationMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      requests: fc.nat(),
      error: text,
      byHand: fc.boolean(),
    })
    .map(({ cells, byHand, ...rest }): Entry => {
      const values = Float64Array.from(cells, (cell) => (typeof cell === 'number' ? cell : Number.NaN));
      const missing = new Map<number, MissingReason>();
      cells.forEach((cell, index) => {
        if (typeof cell !== 'number') missing.set(index, cell);
      });
      return { kind: 'poll', poll: { ...rest, meter, values, missing, ...(byHand ? { byHand } : {}) } };
    }),
);
const meter = fc.constantFrom(...meters);
const gap = fc
  .record<Gap>({
    meter,
    from: time,
    until: time,
    slots: fc.nat(),
    reason: fc.constantFrom<Gap['reason']>('missed', 'down', 'lost'),
  })
  .map((gap): Entry => ({ kind: 'gap', gap: { ...gap } }));
const event = fc
  .record<MeterEvent>({ meter, ts: time, what: fc.constantFrom('exchanged', 'map'), before: text, after: text })
  .map((event): Entry => ({ kind: 'event', event: { ...event } }));
const start = fc
  .record<RunStart>({ meter, slot: time, intervalMs: fc.integer({ min: 1, max: 86_400_000 }) })
  .map((start): Entry => ({ kind: 'start', start: { ...start } }));
const batch = fc.array(fc.oneof({ weight: 3, arbitrary: poll }, gap, event, start), { maxLength: 6 });
const batches = fc.array(batch, { minLength: 1, maxLength: 6 });

function write(all: readonly (readonly Entry[])[]): { segment: Buffer; ends: number[] } {
  const encoder = new SegmentEncoder();
  const written = all.map((one) => Buffer.from(encoder.encode(one)));
  let end = 0;
  const ends = written.map(({ length }) => {
    end += length;
    return end;
  });
  return { segment: Buffer.concat(written), ends };
}

const read = (segment: Buffer): Entry[] =>
  [...readSegment(segment)].flatMap((piece) => (piece.kind === 'batch' ? piece.entries : []));

/** Missing metrics come grouped by reason: their order says nothing. */
const print = (entry: Entry): string => {
  const sorted = (of: Poll): Poll => ({ ...of, missing: new Map([...of.missing].sort(([a], [b]) => a - b)) });
  const printed = entry.kind === 'poll' ? { ...entry, poll: sorted(entry.poll) } : entry;
  return inspect(printed, { sorted: true, depth: null, maxArrayLength: null, maxStringLength: null });
};
const same = (actual: readonly Entry[], expected: readonly Entry[]) =>
  assert.deepEqual(actual.map(print), expected.map(print));

describe('spool segment', () => {
  test('what was written is read back, bit for bit, −0 and the ends of the double range included', () => {
    fc.assert(fc.property(batches, (all) => same(read(write(all).segment), all.flat())));
  });

  test('a person can read it: one line per meter, poll and batch', () => {
    const meter = meterInfo('plant/main', 2);
    const slot = Date.UTC(2026, 0, 1);
    const encoder = new SegmentEncoder();
    const encode = (at: number) => encoder.encode([{ kind: 'poll', poll: pollOf(meter, at, [230.1, Number.NaN]) }]);
    const lines = `${encode(slot)}${encode(slot + 1000)}`.split('\n').map((line) => line.slice(9));
    assert.equal(lines.length, 6);
    assert.match(lines[0] ?? '', /^\{"meter":0,"name":"plant\/main","host":"192.0.2.1"/);
    assert.equal(
      lines[1],
      '{"poll":0,"slot":"2026-01-01T00:00:00.000Z","readAt":"2026-01-01T00:00:00.003Z","durationMs":12.5,"requests":2,' +
        '"missing":{"timeout":[1]},"error":"timeout: holding 0+2","values":[230.1,null]}',
    );
    assert.equal(lines[4], `{"end":1,"readings":2,"starts":0,"oldest":${slot},"newest":${slot + 1000}}`);
  });

  test('what a configured meter has beyond MeterInfo is not written', () => {
    const meter = { ...meterInfo('m', 1), timeoutMs: 1000, onceMetrics: [{ notAvailable: [1n] }] };
    const [entry] = read(write([[{ kind: 'start', start: { meter, slot: 0, intervalMs: 1 } }]]).segment);
    assert.deepEqual(entry?.kind === 'start' && entry.start.meter, meterInfo('m', 1));
  });

  test('cut off at any byte: every whole batch is read, the torn one left out', () => {
    fc.assert(
      fc.property(batches, fc.double({ min: 0, max: 1, noNaN: true }), (all, where) => {
        const { segment, ends } = write(all);
        const cut = Math.floor(segment.length * where);
        const whole = all.slice(0, ends.filter((end) => end <= cut).length);
        same(read(segment.subarray(0, cut)), whole.flat());
        const torn = [...readSegment(segment.subarray(0, cut))].at(-1);
        assert.equal(torn?.kind === 'torn', cut > 0 && !ends.includes(cut));
      }),
      { numRuns: 300 },
    );
  });

  test('one damaged line: only that line is missing, and set aside as it is', () => {
    const slots = [1, 2, 3].map((slot): Entry => ({ kind: 'poll', poll: pollOf(meterInfo('b', 1), slot) }));
    const { meter } = pollOf(meterInfo('b', 1), 0);
    const all = slots.map(
      (entry): Entry => (entry.kind === 'poll' ? { ...entry, poll: { ...entry.poll, meter } } : entry),
    );
    const { segment } = write([all.slice(0, 2), all.slice(2)]);
    const lines = segment.toString().split('\n');
    lines[1] = lines[1]?.replace('"requests":2', '"requests":3') ?? '';
    const pieces = [...readSegment(Buffer.from(lines.join('\n')))];
    assert.deepEqual(
      pieces.map(({ kind }) => kind),
      ['damaged', 'batch', 'batch'],
    );
    assert.deepEqual(pieces[0], { kind: 'damaged', line: lines[1] });
    same(read(Buffer.from(lines.join('\n'))), all.slice(1));
  });

  test('bytes changed at random: reading never throws and invents no entry', () => {
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(batches, fc.array(change, { minLength: 1, maxLength: 8 }), (all, changes) => {
        const damaged = Buffer.from(write(all).segment);
        for (const { at, to } of changes) damaged[at % damaged.length] = to;
        const known = new Set(all.flat().map(print));
        for (const entry of read(damaged)) assert.ok(known.has(print(entry)));
      }),
      { numRuns: 300 },
    );
  });

  test('arbitrary bytes, and lines with a right checksum and a foreign content, are no entries', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4000 }), (bytes) => same(read(Buffer.from(bytes)), [])));
    const keys = fc.constantFrom('poll', 'gap', 'meter', 'event', 'start', 'slot', 'values', 'missing', 'metrics');
    const fields = fc.oneof(fc.dictionary(keys, fc.jsonValue()), fc.jsonValue());
    fc.assert(
      fc.property(fc.array(fields), (lines) => {
        const text = lines.map((line) => {
          const json = JSON.stringify(line);
          return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
        });
        assert.ok([...readSegment(Buffer.from(text.join('')))].every(({ kind }) => kind !== 'batch'));
      }),
    );
  });

  test('the last line has the totals; where it is not sound, all has to be read', () => {
    fc.assert(
      fc.property(batches, (all) => {
        const { segment } = write(all);
        assert.deepEqual(totalsAtEnd(segment.subarray(-1024)), addTotals(noTotals, all.flat()));
        assert.equal(totalsAtEnd(segment.subarray(0, -1)), null);
      }),
    );
    assert.equal(totalsAtEnd(Buffer.alloc(0)), null);
  });
});
