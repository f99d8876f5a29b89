// What counters ran in situations from the field: the true consumption beside the reported one, computed as a whole and
// quarter by quarter.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type CounterReading,
  type CounterRules,
  countSteps,
  type Quality,
  qualities,
} from '../../src/store/counters.js';
import { QUARTER_MS } from '../../src/store/quarters.js';

const START = Date.UTC(2026, 10, 20);
const MINUTE = 60_000;

/** A counter that runs 0.01 kWh a minute. */
const line = (n = 60, base = 13423.7): number[] => Array.from({ length: n }, (_, i) => base + i * 0.01);
const but = (changes: Record<number, number>, values = line()): number[] => values.map((v, i) => changes[i] ?? v);
const holes = (from: number, to: number, values = line()): number[] =>
  values.map((v, i) => (i >= from && i < to ? Number.NaN : v));
const two = (base: number): number[] => [...line(30), ...line(30, base)];

const at = (values: readonly number[], intervalMs = MINUTE): CounterReading[] =>
  values.map((value, i) => ({ ts: START + i * intervalMs, value })).filter(({ value }) => !Number.isNaN(value));

interface Result {
  readonly kWh: number;
  readonly quality: Quality;
}

/** Quarter by quarter, each from the accepted reading of the one before it. */
function byQuarters(readings: readonly CounterReading[], rules: CounterRules): Result {
  let accepted: CounterReading[] = [];
  let kWh = 0;
  let worst = 0;
  const buckets = new Set(readings.map(({ ts }) => ts - (ts % QUARTER_MS)));
  for (const bucket of buckets) {
    const own = readings.filter(({ ts }) => ts >= bucket && ts < bucket + QUARTER_MS);
    const result = countSteps(accepted, own, rules);
    if (result.accepted) accepted = [...accepted, result.accepted].slice(-8);
    kWh += result.increase;
    worst = Math.max(worst, qualities.indexOf(result.quality));
  }
  return { kWh, quality: qualities[worst] as Quality };
}

interface Situation {
  readonly name: string;
  readonly values: readonly number[];
  /** What it truly ran, as far as the readings can tell. */
  readonly kWh: number;
  readonly quality: readonly Quality[];
  readonly range?: number;
  readonly maxPerHour?: number;
  readonly cut?: number;
  readonly within?: number;
  readonly intervalMs?: number;
}

const situations: readonly Situation[] = [
  { name: 'clean', values: line(), kWh: 0.59, quality: ['good'] },
  { name: 'zero once', values: but({ 20: 0 }), kWh: 0.59, quality: ['suspect'] },
  { name: 'zero once, largest power known', values: but({ 20: 0 }), kWh: 0.59, quality: ['suspect'], maxPerHour: 5 },
  { name: 'high once', values: but({ 20: 25000 }), kWh: 0.59, quality: ['suspect'] },
  { name: 'zero twice, apart', values: but({ 20: 0, 40: 0 }), kWh: 0.59, quality: ['suspect'] },
  { name: 'zero three times on end', values: but({ 20: 0, 21: 0, 22: 0 }), kWh: 0.59, quality: ['suspect'] },
  { name: 'high three times on end', values: but({ 20: 9e4, 21: 9e4, 22: 9e4 }), kWh: 0.59, quality: ['suspect'] },
  { name: 'low, then high', values: but({ 20: 0, 21: 9e4 }), kWh: 0.59, quality: ['suspect'] },
  { name: "zero at a quarter's first reading", values: but({ 15: 0 }), kWh: 0.59, quality: ['suspect'] },
  { name: "zero at a quarter's last reading", values: but({ 14: 0 }), kWh: 0.59, quality: ['suspect'] },
  { name: "zero across a quarter's edge", values: but({ 14: 0, 15: 0 }), kWh: 0.59, quality: ['suspect'] },
  { name: "high at a quarter's last reading", values: but({ 14: 9e4 }), kWh: 0.59, quality: ['suspect'] },
  { name: 'high at the first reading of all', values: but({ 0: 9e4 }), kWh: 0.58, quality: ['suspect'] },
  { name: 'zero at the first reading of all', values: but({ 0: 0 }), kWh: 0.58, quality: ['suspect', 'jump'] },
  { name: 'zero at the last reading of all', values: but({ 59: 0 }), kWh: 0.58, quality: ['suspect'] },
  { name: 'nothing read for 20 minutes', values: holes(20, 40), kWh: 0.59, quality: ['gap'] },
  {
    name: 'a glitch within a gap',
    values: but({ 30: 0 }, holes(20, 30, holes(31, 40))),
    kWh: 0.59,
    quality: ['suspect'],
  },
  { name: 'a glitch right after a gap', values: but({ 40: 0 }, holes(20, 40)), kWh: 0.59, quality: ['suspect'] },
  {
    name: 'every other reading 0.1 low',
    values: line().map((v, i) => v - (i % 2) * 0.1),
    kWh: 0.58,
    quality: ['suspect', 'good'],
    within: 0.1,
  },
  {
    name: 'last digit trembles',
    values: line().map((v, i) => v + (i % 3 === 0 ? 0.001 : 0)),
    kWh: 0.59,
    quality: ['good'],
    within: 0.011,
  },
  { name: 'exchanged for a higher one, with event', values: two(20000), kWh: 0.58, quality: ['exchanged'], cut: 30 },
  { name: 'exchanged for a lower one, with event', values: two(500), kWh: 0.58, quality: ['exchanged'], cut: 30 },
  {
    name: 'exchanged for a higher one, without event',
    values: two(20000),
    kWh: 0.58,
    quality: ['jump', 'suspect'],
    within: 0.011,
  },
  {
    name: 'exchanged for a higher one, power known',
    values: two(20000),
    kWh: 0.58,
    quality: ['jump', 'suspect'],
    maxPerHour: 5,
    within: 0.011,
  },
  {
    name: 'exchanged for a lower one, without event',
    values: two(500),
    kWh: 0.58,
    quality: ['suspect'],
    within: 0.011,
  },
  { name: 'exchanged for a new one', values: two(0), kWh: 0.58, quality: ['reset', 'suspect'] },
  { name: 'a monthly register begins anew', values: two(0.01), kWh: 0.59, quality: ['reset', 'suspect'] },
  {
    name: 'wrap at the range',
    values: [...line(30, 9999.7), ...line(30, 0)],
    kWh: 0.59,
    quality: ['wrap'],
    range: 10000,
    within: 0.011,
  },
  {
    name: 'wrap, and a glitch before it',
    values: but({ 25: 5 }, [...line(30, 9999.7), ...line(30, 0)]),
    kWh: 0.59,
    quality: ['suspect'],
    range: 10000,
    within: 0.011,
  },
  {
    name: 'float32 steps of a large counter',
    values: line().map((_, i) => 131072 + Math.floor(i / 10) * 0.015625),
    kWh: 0.078125,
    quality: ['good', 'unchecked'],
  },
  { name: 'idle', values: line().map(() => 5), kWh: 0, quality: ['good'] },
  { name: 'slow drift back', values: line().map((_, i) => 500 - i * 0.01), kWh: 0, quality: ['suspect', 'good'] },
  {
    name: 'load rises a hundredfold',
    values: [...line(30, 100), ...Array.from({ length: 30 }, (_, i) => 100.29 + (i + 1))],
    kWh: 30.29,
    quality: ['good', 'unchecked'],
  },
  {
    name: 'one reading a quarter',
    values: line(8, 100),
    kWh: 0.07,
    quality: ['good', 'unchecked'],
    intervalMs: 900_000,
  },
];

for (const {
  name,
  values,
  kWh,
  quality,
  range = null,
  maxPerHour = null,
  cut,
  within = 1e-6,
  intervalMs,
} of situations) {
  test(`counter: ${name}`, () => {
    const cuts = cut === undefined ? [] : [START + cut * MINUTE];
    const rules = { range, maxPerHour, cuts };
    const whole = countSteps([], at(values, intervalMs), rules);
    assert.ok(Math.abs(whole.increase - kWh) <= within, `${whole.increase} instead of ${kWh} as a whole`);
    assert.ok(quality.includes(whole.quality), `${whole.quality} as a whole`);
    const quarters = byQuarters(at(values, intervalMs), rules);
    assert.ok(
      Math.abs(quarters.kWh - kWh) <= Math.max(within, 0.0101),
      `${quarters.kWh} instead of ${kWh} by quarters`,
    );
    assert.ok(quality.includes(quarters.quality) || quarters.quality === 'suspect', `${quarters.quality} by quarters`);
  });
}

const seed = Number(process.env['EMDC_TEST_SEED'] ?? Date.now() % 1e9);

test('property: glitches in under half of any window invent no more than one step', (t) => {
  t.diagnostic(`seed ${seed}`);
  // Three glitches at most in any ten readings, at most three on end.
  const window = fc.record({
    places: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 3 }),
    value: fc.integer({ min: 0, max: 100_000 }),
  });
  const steps = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 100, maxLength: 100 });
  fc.assert(
    fc.property(steps, fc.array(window, { maxLength: 10 }), (rises, windows) => {
      let level = 10_000;
      const values = rises.map((rise) => {
        level += rise;
        return level;
      });
      const truth = level - (values[0] as number);
      for (const [i, { places, value }] of windows.entries())
        for (const place of places) values[i * 10 + 1 + place] = value;
      const { kWh } = byQuarters(at(values), { range: null, maxPerHour: 1000, cuts: [] });
      assert.ok(kWh <= truth + 10, `${kWh} reported, ${truth} true`);
    }),
    { seed, numRuns: 500 },
  );
});

test('property: without a known power, single glitches invent no more than a load could have run', (t) => {
  t.diagnostic(`seed ${seed}`);
  const glitch = fc.record({ place: fc.integer({ min: 1, max: 9 }), value: fc.integer({ min: 0, max: 100_000 }) });
  fc.assert(
    fc.property(fc.array(glitch, { maxLength: 10 }), (glitches) => {
      const values = line(100, 10_000).map((_, i) => 10_000 + i * 5);
      for (const [i, { place, value }] of glitches.entries()) values[i * 10 + place] = value;
      const { kWh } = byQuarters(at(values), { range: null, maxPerHour: null, cuts: [] });
      // Twenty times the usual step is taken for a load that began, at a quarter's last reading.
      assert.ok(kWh <= 495 + 100 * glitches.length, `${kWh} reported, 495 true`);
    }),
    { seed, numRuns: 500 },
  );
});

test('property: a counter that only runs forward loses nothing, wherever quarters are cut', (t) => {
  t.diagnostic(`seed ${seed}`);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 2, maxLength: 120 }), (rises) => {
      let level = 5_000;
      const values = rises.map((rise) => {
        level += rise;
        return level;
      });
      const { kWh } = byQuarters(at(values), { range: null, maxPerHour: 600, cuts: [] });
      assert.equal(kWh, level - (values[0] as number));
    }),
    { seed, numRuns: 300 },
  );
});
