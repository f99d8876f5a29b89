import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Gap } from '../../src/model/poll.js';
import type { Entry } from '../../src/record/entry.js';
import { downGap, Losses } from '../../src/record/losses.js';
import { meterInfo, pollOf } from '../support/polls.js';

const meter = meterInfo('plant/main');
const other = meterInfo('plant/other', 5);
const second = 1000;
const now = 1_700_000_000_000;
const at = (seconds: number) => now + seconds * second;
const polls = (...seconds: number[]): Entry[] =>
  seconds.map((slot) => ({ kind: 'poll', poll: pollOf(meter, at(slot)) }));
const gap = (from: number, until: number, reason: Gap['reason'] = 'missed'): Entry => ({
  kind: 'gap',
  gap: { meter, from: at(from), until: at(until), slots: until - from, reason },
});
const lost = (from: number, until: number) => gap(from, until, 'lost');
const start = (slot: number): Entry => ({ kind: 'start', start: { meter, slot: at(slot), intervalMs: second } });

const sumOf = (...parts: (readonly Entry[])[]): readonly Entry[] => {
  const losses = new Losses(new Map([[meter.name, second]]));
  for (const part of parts) losses.add(part);
  return losses.entries;
};

describe('losses', () => {
  test('polls of a meter are one gap on their grid, whatever came between and in which order', () => {
    assert.deepEqual(sumOf(polls(1, 2, 3)), [lost(1, 4)]);
    assert.deepEqual(sumOf(polls(3, 4), polls(1, 2)), [lost(1, 5)]);
    assert.deepEqual(sumOf(polls(1, 2), [gap(3, 6)], polls(6, 7)), [lost(1, 8)]);
  });

  test('added again and again as the disk fails again and again, they stay the same', () => {
    const holes = sumOf(polls(0, 5, 9));
    let entries = holes;
    for (let i = 0; i < 5; i++) entries = sumOf(entries);
    assert.deepEqual(entries, holes);
    assert.deepEqual(sumOf(entries, polls(10)), sumOf(polls(0, 5, 9, 10)));
  });

  test('each meter has its own; without an interval the gap ends after its newest slot', () => {
    const both = sumOf(polls(1, 2), [{ kind: 'poll', poll: pollOf(other, at(1)) }]);
    const gapOfOther = { meter: other, from: at(1), until: at(1) + 1, slots: 1, reason: 'lost' };
    assert.deepEqual(both, [lost(1, 3), { kind: 'gap', gap: gapOfOther }]);
  });

  test('a poll by hand lies beside the grid and leaves no gap', () => {
    const byHand: Entry = { kind: 'poll', poll: { ...pollOf(meter, at(2) + 345), byHand: true } };
    assert.deepEqual(sumOf(polls(1, 2), [byHand]), [lost(1, 3)]);
    assert.deepEqual(sumOf([byHand]), []);
  });

  test('runs of the collector are told apart by their starts, and a start without a poll gives way to the next', () => {
    const first = sumOf([start(5)], polls(5, 6));
    assert.deepEqual(first, [start(5), lost(5, 7)]);
    const both = sumOf(first, [start(8)], [start(9)], polls(9, 10));
    assert.deepEqual(both, [start(5), lost(5, 7), start(9), lost(9, 11)]);
    assert.deepEqual(sumOf(both, [start(20)]), [...both, start(20)]);
  });

  test('of runs without end the oldest are merged, and every slot stays in a gap', () => {
    const losses = new Losses(new Map([[meter.name, second]]));
    losses.add(polls(0));
    for (let slot = 3; slot < 3000; slot += 3) losses.add([start(slot), ...polls(slot)]);
    const { entries } = losses;
    assert.ok(entries.length < 100, `${entries.length} entries`);
    const [first, next] = entries;
    assert.ok(first?.kind === 'gap' && next?.kind === 'start');
    assert.deepEqual([first.gap.from, first.gap.slots], [now, (first.gap.until - now) / second]);
    assert.equal(next.start.slot - first.gap.until, 2 * second);
  });

  test('a clock that stood in 1970 makes no gap of fifty years', () => {
    const before: Entry[] = [60_000, 61_000].map((slot) => ({ kind: 'poll', poll: pollOf(meter, slot) }));
    for (const entries of [sumOf(before, polls(1, 2)), sumOf(polls(1, 2), before)])
      assert.deepEqual(
        entries.map((entry) => entry.kind === 'gap' && entry.gap.until - entry.gap.from),
        [2000, 2000],
      );
  });

  test('events are kept, in a bounded number', () => {
    const event = (ts: number): Entry => ({
      kind: 'event',
      event: { meter, ts, what: 'offline', before: null, after: null },
    });
    assert.deepEqual(sumOf([event(1)], polls(1)), [lost(1, 2), event(1)]);
    assert.equal(sumOf(Array.from({ length: 5000 }, (_, i) => event(i))).length, 1000);
  });
});

describe('gap before a start', () => {
  const spanOf = (slot: number, newest: number | undefined, intervalMs = second) => {
    const found = downGap({ meter, slot, intervalMs }, newest);
    return found && [found.from, found.until, found.slots];
  };

  test('from the slot after the newest one up to the start; none where nothing is missing or nothing was there', () => {
    assert.deepEqual(spanOf(at(10), at(0)), [at(1), at(10), 9]);
    assert.equal(spanOf(at(10), at(9)), null);
    assert.equal(spanOf(at(10), undefined), null);
    assert.equal(spanOf(at(10), at(30)), null, 'the clock was set back');
  });

  test('after a gap, and after a cycle by hand, the grid goes on', () => {
    assert.deepEqual(spanOf(at(10), at(5) - 1), [at(5), at(10), 5]);
    assert.deepEqual(spanOf(at(10), at(5) + 345), [at(6), at(10), 4]);
  });

  test('on a grid beside full multiples of the interval', () => {
    const hour = 3_600_000;
    const five = now - (now % hour) + 300_000;
    assert.deepEqual(spanOf(five + 3 * hour, five, hour), [five + hour, five + 3 * hour, 2]);
  });

  test('never longer than 92 days', () => assert.equal(spanOf(at(0), 0, 86_400_000)?.[2], 92));
});
