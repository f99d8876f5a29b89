import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Gap } from '../../src/model/poll.js';
import { Losses } from '../../src/record/losses.js';
import { meterInfo, pollOf } from '../support/polls.js';

const meter = meterInfo('plant/main');
const other = meterInfo('plant/other', 5);
const second = 1000;
const now = 1_700_000_000_000;
const at = (seconds: number) => now + seconds * second;
const polls = (...seconds: number[]) => ({ polls: seconds.map((slot) => pollOf(meter, at(slot))), gaps: [] });
const gap = (from: number, until: number, reason: Gap['reason'] = 'missed'): Gap => ({
  ...{ meter, from: at(from), until: at(until), slots: until - from, reason },
});
/** As a process leaves it that starts before the database has answered. */
const open = (slot: number): Gap => ({ ...gap(slot - 1, slot, 'down'), slots: 0 });
const lost = (from: number, until: number, slots = until - from): Gap => ({ ...gap(from, until, 'lost'), slots });

const sumOf = (...batches: Parameters<Losses['add']>[0][]): readonly Gap[] => {
  const losses = new Losses();
  for (const batch of batches) losses.add(batch);
  return losses.gaps;
};

describe('losses', () => {
  test('polls of a meter are one span on their grid, whatever came between and in which order', () => {
    assert.deepEqual(sumOf(polls(1, 2, 3)), [lost(1, 4)]);
    assert.deepEqual(sumOf(polls(3, 4), polls(1, 2)), [lost(1, 5)]);
    assert.deepEqual(sumOf(polls(1, 2), { polls: [], gaps: [gap(3, 6)] }, polls(6, 7)), [lost(1, 8)]);
    assert.deepEqual(sumOf({ polls: [], gaps: [lost(1, 4)] }, polls(4, 5)), [lost(1, 6)], 'of an earlier account');
  });

  test('each meter has its own', () => {
    assert.deepEqual(sumOf(polls(1, 2), { polls: [pollOf(other, at(1))], gaps: [] }), [
      lost(1, 3),
      { ...lost(1, 2), meter: other, until: at(1) + 1 },
    ]);
  });

  test('a read by hand counts, and does not make the span reach the next slot', () => {
    const [span] = sumOf(polls(1, 2), { polls: [pollOf(meter, at(2) + 345)], gaps: [] });
    assert.deepEqual(span, { ...lost(1, 3, 3), until: at(2) + 690 });
  });

  test('what a process before and one after its start lost is told apart: nobody has read in between', () => {
    const first = sumOf({ polls: polls(5, 6).polls, gaps: [open(5)] });
    assert.deepEqual(first, [open(5), lost(5, 7)]);
    const second = sumOf({ polls: [], gaps: first }, { polls: polls(9, 10).polls, gaps: [open(9)] });
    assert.deepEqual(second, [open(5), lost(5, 7), open(9), lost(9, 11)]);
  });

  test('of processes that come and go for ever, not all are told apart; every slot stays on record', () => {
    const losses = new Losses();
    losses.add(polls(0));
    for (let start = 3; start < 3000; start += 3) {
      losses.add({ polls: start % 2 === 0 ? polls(start).polls : [], gaps: [open(start)] });
    }
    const { gaps } = losses;
    assert.ok(gaps.length < 100, `${gaps.length} gaps`);
    const firstOpen = gaps.find(({ slots }) => slots === 0)?.until ?? 0;
    const [span] = gaps;
    assert.deepEqual([span?.from, span?.slots], [now, ((span?.until ?? 0) - now) / second]);
    assert.ok(firstOpen - (span?.until ?? 0) <= 3 * second, 'up to the first that is told apart');
  });

  test('of a clock that stood in 1970 only what came after the step is a span', () => {
    const before = { polls: [pollOf(meter, 60_000), pollOf(meter, 61_000)], gaps: [] };
    assert.deepEqual(sumOf(before, polls(1, 2)), [lost(1, 3)]);
    assert.deepEqual(sumOf(polls(1, 2), before), [lost(1, 3)]);
  });
});
