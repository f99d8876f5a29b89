// What a counter can have shown: tells the readings that lie on the counter's course from glitches, and a step that the
// meter ran from a wrap, a reset, an exchange or a jump. Pure.
//
// A step is plausible if the counter can run that fast: by the largest power where it is known, else by the rates of the
// steps around it on the longest run of readings that never falls. The course is found by shortest path: every reading is either accepted or rejected, and the sum of costs is least.
// Rejecting a reading costs 1; accepting it costs nothing where the step from the accepted reading before it is plausible
// (forward and not faster than the meter can run, or past the counter's range), and BREAK_COST where it is not. So a few
// odd readings that the others go back from are glitches, and a new level that stays is a reset or a jump. A new level that
// came at the very end is a glitch until more readings confirm it: its step is counted then, in the quarter that has them.

export interface CounterReading {
  /** ms UTC */
  readonly ts: number;
  readonly value: number;
}

export interface CounterRules {
  /** Where the counter starts again from zero, in its unit; null: nowhere known. */
  readonly range: number | null;
  /** Most that the counter can run in an hour, in its unit; null: not known. */
  readonly maxPerHour: number | null;
  /** Moments at which the meter was exchanged, ms UTC, ascending. */
  readonly cuts: readonly number[];
}

/**
 * How sure a consumption is; the worst of its steps counts, in this order.
 * - `good` · `gap` nothing was read for a while: what ran meanwhile is counted where reading resumed
 * - `wrap` the counter passed its range · `reset` it began again near zero, and is counted from zero
 * - `exchanged` the meter was exchanged: the step between the two meters counts nothing
 * - `unchecked` a large step that nothing known says is possible or not: counted
 * - `jump` a step that the meter cannot have made counted nothing · `suspect` readings off the counter's course were left out
 */
export const qualities = ['good', 'gap', 'wrap', 'reset', 'exchanged', 'unchecked', 'jump', 'suspect'] as const;

export type Quality = (typeof qualities)[number];

export interface CounterResult {
  /** What the counter ran since `before`, in its unit; never negative. */
  readonly increase: number;
  readonly quality: Quality;
  /** The last accepted reading, from which the next quarter starts; null: none yet. */
  readonly accepted: CounterReading | null;
}

/** As many odd readings on end are still glitches; one more, and the new level counts. */
const BREAK_COST = 3.5;
/** The accepted reading of an earlier quarter stands for many. */
const BEFORE_COST = 2 * BREAK_COST;
/** A step is plausible up to so many times the usual rate around it. */
const RATE_MARGIN = 20;
/** The same where only earlier rates are known: a load may have begun. Up to there the step is counted as `unchecked`. */
const EARLIER_MARGIN = 1_000;
/** Fewer later steps than this tell nothing: two glitches on end may rise. */
const CONFIRMING = 3;
/** Steps on each side of a step that tell the rate around it. */
const NEIGHBOURS = 8;
/** Readings further apart than this are a gap. */
export const GAP_MS = 900_000;
const HOUR_MS = 3_600_000;
/** Backward by no more than this share of the value is noise of the last digit (float32 has 24 bits). */
const NOISE = 2 ** -22;

type Step =
  | {
      readonly kind: 'forward' | 'wrap' | 'reset' | 'exchanged' | 'unchecked' | 'jump' | 'fall';
      readonly increase: number;
    }
  | { readonly kind: 'noise'; readonly increase: 0 };

/**
 * What a counter ran over `readings`, in order of time, since the last one of `before`: accepted readings of earlier quarters,
 * oldest first, of which the others only tell how fast the counter usually runs. Readings that are not finite must have been
 * left out.
 */
export function countSteps(
  before: readonly CounterReading[],
  readings: readonly CounterReading[],
  rules: CounterRules,
): CounterResult {
  const start = before.at(-1) ?? null;
  if (readings.length === 0) return { increase: 0, quality: 'good', accepted: start };
  const points = start === null ? readings : [start, ...readings];
  const stepOf = stepBetween(points, before, rules);
  const course = courseOf(points, start !== null, stepOf);
  const isWhole = course.length === points.length;
  // A large step at the very end may be a glitch: it is counted when the next quarter confirms it.
  while (course.length > 3 && stepOf(course.at(-2) as number, course.at(-1) as number).kind === 'unchecked')
    course.pop();
  let increase = 0;
  let quality: Quality = 'good';
  const worsen = (other: Quality) => {
    if (qualities.indexOf(other) > qualities.indexOf(quality)) quality = other;
  };
  if (!isWhole && !isJitter(points, course)) worsen('suspect');
  for (let i = 1; i < course.length; i++) {
    const [from, to] = [course[i - 1] as number, course[i] as number];
    const step = stepOf(from, to);
    increase += step.increase;
    worsen(qualityOf(step));
    if ((points[to] as CounterReading).ts - (points[from] as CounterReading).ts > GAP_MS) worsen('gap');
  }
  const last = course.at(-1);
  return { increase, quality, accepted: last === undefined ? start : (points[last] as CounterReading) };
}

function qualityOf({ kind }: Step): Quality {
  switch (kind) {
    case 'forward':
    case 'noise':
      return 'good';
    case 'fall':
      return 'suspect';
    default:
      return kind;
  }
}

/** What a step between two of the points means. */
function stepBetween(
  points: readonly CounterReading[],
  before: readonly CounterReading[],
  rules: CounterRules,
): (from: number, to: number) => Step {
  const rising = risesOf(points);
  const earlier = medianRate(risesOf(before).slice(-NEIGHBOURS));
  const resolution = rising.reduce((least, { by }) => Math.min(least, by), Number.POSITIVE_INFINITY);
  const plausible = (from: number, to: number, increase: number): 'yes' | 'no' | 'unknown' => {
    const [a, b] = [points[from] as CounterReading, points[to] as CounterReading];
    const hours = Math.max(1, b.ts - a.ts) / HOUR_MS;
    const slack = 4 * NOISE * Math.max(Math.abs(a.value), Math.abs(b.value));
    if (rules.maxPerHour !== null) {
      const digit = Number.isFinite(resolution) ? resolution : 0;
      return increase <= rules.maxPerHour * hours + digit + slack ? 'yes' : 'no';
    }
    const rateBefore = medianRate(rising.filter((rise) => rise.to <= from).slice(-NEIGHBOURS)) ?? earlier;
    const after = rising.filter((rise) => rise.from >= to).slice(0, NEIGHBOURS);
    const rateAfter = after.length < CONFIRMING ? null : medianRate(after);
    const usual = Math.max(rateBefore ?? 0, rateAfter ?? 0);
    if (usual === 0) return 'unknown';
    if (increase <= RATE_MARGIN * usual * hours + slack) return 'yes';
    return rateAfter === null && increase <= EARLIER_MARGIN * usual * hours ? 'unknown' : 'no';
  };
  return (from, to) => {
    const [a, b] = [points[from] as CounterReading, points[to] as CounterReading];
    if (rules.cuts.some((cut) => a.ts < cut && cut <= b.ts)) return { kind: 'exchanged', increase: 0 };
    const increase = b.value - a.value;
    if (!Number.isFinite(increase)) return { kind: 'jump', increase: 0 };
    if (increase >= 0) {
      if (increase === 0) return { kind: 'forward', increase };
      const verdict = plausible(from, to, increase);
      if (verdict === 'yes') return { kind: 'forward', increase };
      return verdict === 'no' ? { kind: 'jump', increase: 0 } : { kind: 'unchecked', increase };
    }
    if (-increase <= NOISE * Math.abs(a.value)) return { kind: 'noise', increase: 0 };
    if (rules.range !== null && -increase > rules.range / 2) {
      const wrapped = increase + rules.range;
      if (wrapped >= 0 && plausible(from, to, wrapped) !== 'no') return { kind: 'wrap', increase: wrapped };
    }
    // Counted from zero only where the new level began near zero.
    if (b.value >= 0 && b.value < a.value / 2 && plausible(from, to, b.value) !== 'no')
      return { kind: 'reset', increase: b.value };
    return { kind: 'fall', increase: 0 };
  };
}

const costOf = ({ kind }: Step): number => {
  switch (kind) {
    case 'forward':
    case 'exchanged':
    case 'noise':
    case 'wrap':
      return 0;
    case 'unchecked':
      return 0.25;
    default:
      return BREAK_COST;
  }
};

/** Indexes of the accepted points. Where all steps are plausible, as nearly always, that is all of them. */
function courseOf(
  points: readonly CounterReading[],
  hasBefore: boolean,
  stepOf: (from: number, to: number) => Step,
): number[] {
  const all = points.map((_, i) => i);
  if (all.every((i) => i === 0 || costOf(stepOf(i - 1, i)) === 0)) return all;
  const rejectCost = (index: number) => (hasBefore && index === 0 ? BEFORE_COST : 1);
  const rejectedUpTo = [0];
  for (const i of all) rejectedUpTo.push((rejectedUpTo[i] as number) + rejectCost(i));
  const best: { cost: number; previous: number }[] = [];
  for (const to of all) {
    let cost = rejectedUpTo[to] as number;
    let previous = -1;
    for (let from = to - 1; from >= 0; from--) {
      const between = (rejectedUpTo[to] as number) - (rejectedUpTo[from + 1] as number);
      const before = (best[from] as { cost: number }).cost + between;
      if (before >= cost) continue;
      const total = before + costOf(stepOf(from, to));
      if (total < cost) [cost, previous] = [total, from];
    }
    best.push({ cost, previous });
  }
  const end = rejectedUpTo.at(-1) as number;
  let last = -1;
  let least = end;
  for (const i of all) {
    const total = (best[i] as { cost: number }).cost + end - (rejectedUpTo[i + 1] as number);
    // Of two courses that cost the same the one that ends later.
    if (total <= least) [least, last] = [total, i];
  }
  const course: number[] = [];
  for (let i = last; i >= 0; i = (best[i] as { previous: number }).previous) course.unshift(i);
  return course;
}

/** Whether the rejected points are all off by no more than a few steps of the course: the last digits tremble. */
function isJitter(points: readonly CounterReading[], course: readonly number[]): boolean {
  const accepted = course.map((index) => points[index] as CounterReading);
  const typical = median(risesOf(accepted).map(({ by }) => by)) ?? 0;
  const isAccepted = new Set(course);
  let reference = accepted[0]?.value ?? Number.NaN;
  return points.every(({ value }, i) => {
    if (isAccepted.has(i)) reference = value;
    return Math.abs(value - reference) <= 3 * typical;
  });
}

interface Rise {
  /** Indexes of the two readings. */
  readonly from: number;
  readonly to: number;
  readonly by: number;
  readonly perHour: number;
}

/** The rises along the longest run of points that never falls: glitches are not on it. */
function risesOf(points: readonly CounterReading[]): Rise[] {
  const run = longestRun(points);
  return run.slice(1).flatMap((to, i) => {
    const from = run[i] as number;
    const [a, b] = [points[from] as CounterReading, points[to] as CounterReading];
    const by = b.value - a.value;
    return by > 0 ? [{ from, to, by, perHour: by / (Math.max(1, b.ts - a.ts) / HOUR_MS) }] : [];
  });
}

/** Indexes of the longest run of values that never falls, by patience sorting. */
function longestRun(points: readonly CounterReading[]): number[] {
  /** By length of run less 1: index of the run's last point with the lowest value. */
  const ends: number[] = [];
  const previous: number[] = [];
  for (const [i, { value }] of points.entries()) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((points[ends[middle] as number] as CounterReading).value <= value) low = middle + 1;
      else high = middle;
    }
    previous.push(low === 0 ? -1 : (ends[low - 1] as number));
    ends[low] = i;
  }
  const run: number[] = [];
  for (let i = ends.at(-1) ?? -1; i >= 0; i = previous[i] as number) run.unshift(i);
  return run;
}

const medianRate = (rises: readonly Rise[]): number | null => median(rises.map(({ perHour }) => perHour));

/** The lower one of the two in the middle. */
const median = (values: readonly number[]): number | null =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? null;
