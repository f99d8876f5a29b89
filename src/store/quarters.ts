// A meter's quarter of an hour: from its polls and gaps to the rows of `rollup` and `coverage_quarter`. Pure, and the same
// for all databases.

import { type CounterReading, countSteps, type Quality } from './counters.js';

export const QUARTER_MS = 900_000;

export const quarterOf = (time: number): number => time - (time % QUARTER_MS);

export interface StoredPoll {
  /** ms UTC */
  readonly slot: number;
  readonly expected: number;
  readonly stored: number;
  /** By position; null: no value. */
  readonly readings: readonly (number | null)[];
  /** Reason → positions. */
  readonly missing: Readonly<Record<string, readonly number[]>>;
}

export interface StoredGap {
  /** ms UTC; `until` exclusive. */
  readonly ts: number;
  readonly until: number;
  readonly reason: string;
  readonly slots: number;
}

export interface QuarterTopic {
  readonly id: number;
  readonly position: number;
  readonly kind: string;
  readonly counterRange: number | null;
  /** Most that the counter can run in an hour, in its unit; null: not known. */
  readonly maxPerHour: number | null;
}

export interface Quarter {
  /** Start, ms UTC. */
  readonly bucket: number;
  readonly topics: readonly QuarterTopic[];
  /** Of this quarter, in order of time. */
  readonly polls: readonly StoredPoll[];
  /** Those that overlap this quarter. */
  readonly gaps: readonly StoredGap[];
  /** The newest accepted readings before this quarter, oldest first, by topic id. */
  readonly accepted: ReadonlyMap<number, readonly CounterReading[]>;
  /** Moments at which the meter was exchanged, ms UTC. */
  readonly cuts: readonly number[];
  /** Metrics that the meter has now: what a gap lacks per slot where the quarter has no poll to tell. */
  readonly metrics: number;
}

export interface Rollup {
  readonly topicId: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly first: number;
  readonly last: number;
  readonly firstTs: number;
  readonly lastTs: number;
  /** Counters only; else null. */
  readonly increase: number | null;
  readonly quality: Quality | null;
  readonly accepted: CounterReading | null;
}

export interface Coverage {
  /** '' for the polls. */
  readonly reason: string;
  readonly slots: number;
  readonly readings: number;
}

/** Rollups of topics that have a value in this quarter, and the coverage. */
export function rollUp(quarter: Quarter): {
  readonly rollups: readonly Rollup[];
  readonly coverage: readonly Coverage[];
} {
  const rollups = quarter.topics.flatMap((topic) => rollUpTopic(topic, quarter) ?? []);
  return { rollups, coverage: coverageOf(quarter) };
}

function rollUpTopic(topic: QuarterTopic, { polls, accepted, cuts }: Quarter): Rollup | null {
  const readings: CounterReading[] = [];
  for (const { slot, readings: values } of polls) {
    const value = values[topic.position];
    if (value !== undefined && value !== null) readings.push({ ts: slot, value });
  }
  const [first, last] = [readings[0], readings.at(-1)];
  if (!first || !last) return null;
  let [min, max, mean] = [first.value, first.value, 0];
  for (const [i, { value }] of readings.entries()) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    // The sum of large values may overflow; the mean does not.
    mean += value / (i + 1) - mean / (i + 1);
  }
  const counter =
    topic.kind === 'counter'
      ? countSteps(accepted.get(topic.id) ?? [], readings, {
          range: topic.counterRange,
          maxPerHour: topic.maxPerHour,
          cuts,
        })
      : null;
  return {
    topicId: topic.id,
    count: readings.length,
    min,
    max,
    mean,
    first: first.value,
    last: last.value,
    firstTs: first.ts,
    lastTs: last.ts,
    increase: counter?.increase ?? null,
    quality: counter?.quality ?? null,
    accepted: counter?.accepted ?? null,
  };
}

function coverageOf({ bucket, polls, gaps, metrics }: Quarter): Coverage[] {
  const counts = new Map<string, { slots: number; readings: number }>();
  const add = (reason: string, slots: number, readings: number) => {
    const count = counts.get(reason) ?? { slots: 0, readings: 0 };
    count.slots += slots;
    count.readings += readings;
    counts.set(reason, count);
  };
  for (const { stored, missing } of polls) {
    add('', 1, stored);
    for (const [reason, positions] of Object.entries(missing)) add(reason, 1, positions.length);
  }
  const expected = polls.at(-1)?.expected ?? metrics;
  for (const gap of gaps) {
    const slots = slotsWithin(gap, bucket, bucket + QUARTER_MS);
    if (slots > 0) add(gap.reason, slots, slots * expected);
  }
  return [...counts].map(([reason, count]) => ({ reason, ...count }));
}

/** How many of a gap's slots lie in a span; over all quarters they add up to the gap's slots. */
export function slotsWithin({ ts, until, slots }: StoredGap, from: number, to: number): number {
  const spacing = (until - ts) / slots;
  const before = (time: number) => Math.min(slots, Math.max(0, Math.ceil((time - ts) / spacing)));
  return before(to) - before(from);
}
