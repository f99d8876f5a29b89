import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planTick, type SlotSource, type TickState } from '../../src/schedule/plan-tick.js';

const T = Date.UTC(2026, 10, 20, 12);
const every = (intervalMs: number, upcoming: number[] = []): SlotSource => ({ intervalMs, upcoming: () => upcoming });
const state = (given: Partial<TickState> = {}): TickState => ({ last: null, upcoming: [T], at: T - 5000, ...given });

interface Case {
  readonly name: string;
  readonly state: TickState;
  readonly now: number;
  readonly source?: SlotSource;
  readonly run: number | null;
  readonly missed: readonly [from: number, until: number, slots: number] | null;
  readonly next: number;
}

const cases: readonly Case[] = [
  { name: 'before the slot', state: state(), now: T - 1, run: null, missed: null, next: T },
  { name: 'at the slot', state: state(), now: T, run: T, missed: null, next: T + 1000 },
  { name: 'late, within the interval', state: state(), now: T + 900, run: T, missed: null, next: T + 1000 },
  { name: 'three slots late', state: state(), now: T + 3100, run: T + 3000, missed: [T, T + 3000, 3], next: T + 4000 },
  {
    name: 'asleep for an hour, woken between slots of a minute',
    state: state(),
    now: T + 3_645_000,
    source: every(60_000),
    run: null,
    missed: [T, T + 3_660_000, 61],
    next: T + 3_660_000,
  },
  {
    name: 'the clock set back by a minute',
    state: state({ last: T, upcoming: [T + 1000], at: T }),
    now: T - 60_000,
    source: every(1000, [T - 59_000]),
    run: null,
    missed: null,
    next: T - 59_000,
  },
  {
    name: 'the clock set back by less than the interval: the slot that ran does not run again',
    state: state({ last: T, upcoming: [T + 10_000], at: T + 100 }),
    now: T - 100,
    source: every(10_000, [T, T + 10_000]),
    run: null,
    missed: null,
    next: T + 10_000,
  },
  {
    name: 'uneven slots, two of them late',
    state: state({ upcoming: [T, T + 7000, T + 60_000] }),
    now: T + 8000,
    source: { intervalMs: null, upcoming: () => [T + 60_000] },
    run: T + 7000,
    missed: [T, T + 7000, 1],
    next: T + 60_000,
  },
];

for (const { name, state: before, now, source = every(1000), run, missed, next } of cases) {
  test(`a tick ${name}`, () => {
    const plan = planTick(before, now, source);
    assert.equal(plan.run, run);
    assert.deepEqual(plan.missed, missed && { from: missed[0], until: missed[1], slots: missed[2] });
    assert.equal(plan.state.upcoming[0], next);
  });
}
