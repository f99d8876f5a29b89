// Finds the mistake in a register map that explains what a live meter's values show: everything one or two registers off,
// words exchanged, a scale ten times too large, phases crossed, or one row wrong. It tries corrections from the simplest
// on and keeps the one after which the meter's values agree with each other; a map that already agrees is left alone.

import type { Metric } from '../model/meter.js';
import { measurandOf, PHASES, type Quantity, unitFactor } from './quantity.js';
import { type Ratios, type RegisterImage, SHIFTS, type Shift, valueAt } from './register-snapshot.js';
import { type Finding, judge, rulesFor } from './rules.js';

export type Correction =
  | { readonly kind: 'shift'; readonly metrics: readonly number[]; readonly by: Shift }
  | { readonly kind: 'swap-words'; readonly metrics: readonly number[] }
  | { readonly kind: 'scale'; readonly metrics: readonly number[]; readonly factor: number }
  | { readonly kind: 'exchange'; readonly metrics: readonly [number, number] };

export interface Diagnosis {
  /** Broken rules of the map as it stands, worst first. */
  readonly findings: readonly Finding[];
  /** What to change so that they hold; empty: nothing wrong, or no explanation found. */
  readonly corrections: readonly Correction[];
  /** Broken rules that remain after the corrections. */
  readonly unexplained: readonly Finding[];
  /** Values of the newest round by metric index after the corrections; NaN: not read. */
  readonly corrected: Float64Array;
}

/** One metric's way of being read: its own row with these changes. */
interface Reading {
  readonly row: number;
  readonly shift: Shift;
  readonly swapWords: boolean;
  readonly factor: number;
}

type Readings = readonly Reading[];

const ROUNDS_OF_CORRECTION = 4;
/** Deviation, as a share of a rule's tolerance, that rounding and a load that moves between two requests explain. */
const NOISE = 0.02;
const FACTORS = [0.1, 10, 0.01, 100, 0.001, 1000] as const;

export function diagnose(options: {
  readonly metrics: readonly Metric[];
  readonly images: readonly RegisterImage[];
  readonly ratios: Ratios;
}): Diagnosis {
  const { metrics, images } = options;
  const trial = new Trial(options);
  const asWritten: Readings = metrics.map((_, row) => ({ row, shift: 0, swapWords: false, factor: 1 }));
  const corrections: Correction[] = [];
  let readings = asWritten;
  for (let round = 0; round < ROUNDS_OF_CORRECTION; round++) {
    const better = bestCorrection(trial, metrics, readings);
    if (better === null) break;
    corrections.push(better);
    readings = apply(better, readings);
  }
  return {
    findings: broken(trial.findings(asWritten)),
    corrections,
    unexplained: broken(trial.findings(readings)),
    corrected: trial.values(readings, images.length - 1),
  };
}

const broken = (findings: readonly Finding[]): Finding[] =>
  findings.filter((finding) => finding.severity > 1).sort((a, b) => b.severity - a.severity);

/** Judges ways of reading the same registers; decoded values are kept, since the search asks for them over and over. */
class Trial {
  readonly #metrics: readonly Metric[];
  readonly #images: readonly RegisterImage[];
  readonly #ratios: Ratios;
  readonly #rules;
  readonly #cache = new Map<string, number>();
  readonly readable: readonly boolean[];

  constructor({
    metrics,
    images,
    ratios,
  }: { metrics: readonly Metric[]; images: readonly RegisterImage[]; ratios: Ratios }) {
    this.#metrics = metrics;
    this.#images = images;
    this.#ratios = ratios;
    this.#rules = rulesFor(metrics);
    this.readable = metrics.map(
      (_, row) => !Number.isNaN(this.#value(0, { row, shift: 0, swapWords: false, factor: 1 })),
    );
  }

  values(readings: Readings, image: number): Float64Array {
    return Float64Array.from(readings, (reading) => this.#value(image, reading));
  }

  /** Each rule's worst but one round: a single unlucky moment between two requests is no finding. */
  findings(readings: Readings): Finding[] {
    const rounds = this.#images.map((_, image) => judge(this.#rules, this.#metrics, this.values(readings, image)));
    return this.#rules.map((_, rule) => {
      const sorted = rounds.map((round) => round[rule] as Finding).sort((a, b) => b.severity - a.severity);
      return sorted[Math.min(1, sorted.length - 1)] as Finding;
    });
  }

  /** How implausible: 0 for values that agree. A value that a correction loses counts as wrong. */
  cost(readings: Readings): number {
    const lost = readings.filter((reading, row) => this.readable[row] && Number.isNaN(this.#value(0, reading))).length;
    return this.findings(readings).reduce((sum, { severity }) => sum + (severity > 1 ? severity : 0), 0) + 5 * lost;
  }

  /**
   * How far all rules are off, in decades: also what lies within tolerance counts, and a relation that holds to the last
   * digit counts most. `floor` is the deviation that noise explains.
   */
  decades(readings: Readings, floor: number): number {
    return this.findings(readings).reduce((sum, { severity }) => sum + Math.log10(severity + floor), 0);
  }

  /** Voltages that no low-voltage network has: right behind a transformer, and otherwise a sign of a wrong scale. */
  unusual(readings: Readings): number {
    return this.values(readings, 0).filter((value, row) => {
      const metric = this.#metrics[row] as Metric;
      const { quantity } = measurandOf(metric);
      const volts = value * unitFactor(metric.unit);
      return (
        (quantity === 'voltage' && (volts < 90 || volts > 500)) ||
        (quantity === 'line-voltage' && (volts < 160 || volts > 800))
      );
    }).length;
  }

  #value(image: number, reading: Reading): number {
    const key = `${image} ${reading.row} ${reading.shift} ${reading.swapWords}`;
    let value = this.#cache.get(key);
    if (value === undefined) {
      const metric = this.#metrics[reading.row] as Metric;
      const holder = metric.exponent === null ? -1 : this.#metrics.findIndex(({ name }) => name === metric.exponent);
      const exponent = holder < 0 ? null : this.#value(image, { ...reading, row: holder, swapWords: false, factor: 1 });
      const from = this.#images[image] as RegisterImage;
      value = valueAt(from, metric, { ...reading, ratios: this.#ratios, exponent });
      this.#cache.set(key, value);
    }
    return value * reading.factor;
  }
}

/** The correction that mends most, the simplest among equals; null: none mends enough to be believed. */
function bestCorrection(trial: Trial, metrics: readonly Metric[], readings: Readings): Correction | null {
  const before = trial.cost(readings);
  const candidates = candidateCorrections(metrics);
  if (before === 0) return closerFit(trial, readings, candidates);
  let best: { correction: Correction; cost: number; decades: number } | null = null;
  for (const correction of candidates) {
    const changed = apply(correction, readings);
    const after = trial.cost(changed);
    if (after > before * 0.7 || before - after < 0.5) continue;
    const cost = after + 0.3 * trial.unusual(changed);
    const decades = trial.decades(changed, 1e-6);
    // Candidates come simplest first, so a later one must be clearly better: explain more, or what it explains exactly
    // (a float read one register off with its words exchanged is right in the first three digits).
    const explainsMore = best === null || cost < best.cost * 0.8 - 0.1;
    const fitsCloser = best !== null && cost <= best.cost && decades < best.decades - 2;
    if (explainsMore || fitsCloser) best = { correction, cost, decades };
  }
  return best?.correction ?? null;
}

/**
 * Nothing is outside its tolerance, yet one correction makes the values agree far better: rows of two phases exchanged, or
 * one row that reads its neighbour.
 */
function closerFit(trial: Trial, readings: Readings, candidates: readonly Correction[]): Correction | null {
  const before = trial.decades(readings, NOISE);
  let best: { correction: Correction; gain: number } | null = null;
  for (const correction of candidates) {
    if (correction.kind === 'scale') continue;
    const changed = apply(correction, readings);
    const gain = before - trial.decades(changed, NOISE);
    if (gain < 1.2 || trial.cost(changed) > 0) continue;
    if (best === null || gain > best.gain * 1.25) best = { correction, gain };
  }
  return best?.correction ?? null;
}

/** Simplest first: one change for the whole map, for one quantity, for a pair of phases, for a single row. */
function candidateCorrections(metrics: readonly Metric[]): Correction[] {
  const measurands = metrics.map(measurandOf);
  const every = metrics.map((_, index) => index);
  const groups = new Map<Quantity, number[]>();
  measurands.forEach(({ quantity }, index) => {
    if (quantity !== 'other') groups.set(quantity, [...(groups.get(quantity) ?? []), index]);
  });
  const voltages = [...(groups.get('voltage') ?? []), ...(groups.get('line-voltage') ?? [])];
  const powers = (['active-power', 'reactive-power', 'apparent-power'] as const).flatMap((q) => groups.get(q) ?? []);
  const rows = every.filter((index) => measurands[index]?.quantity !== 'other');
  const shifts = SHIFTS.filter((by) => by !== 0);
  const wide = (indexes: readonly number[]) => indexes.filter((index) => (metrics[index]?.size ?? 1) > 1);
  const pairs = [...groups.values()].flatMap((group) => {
    const byPhase = PHASES.map((phase) => group.find((index) => measurands[index]?.phase === phase));
    return [
      [byPhase[0], byPhase[1]],
      [byPhase[1], byPhase[2]],
      [byPhase[0], byPhase[2]],
    ].filter((pair): pair is [number, number] => pair[0] !== undefined && pair[1] !== undefined);
  });
  const all: readonly Correction[] = [
    ...shifts.map((by): Correction => ({ kind: 'shift', metrics: every, by })),
    { kind: 'swap-words', metrics: wide(every) },
    ...[voltages, ...groups.values(), powers].flatMap((group): Correction[] => [
      ...FACTORS.map((factor): Correction => ({ kind: 'scale', metrics: group, factor })),
      { kind: 'swap-words', metrics: wide(group) },
      ...shifts.map((by): Correction => ({ kind: 'shift', metrics: group, by })),
    ]),
    ...pairs.map((pair): Correction => ({ kind: 'exchange', metrics: pair })),
    ...rows.flatMap((row): Correction[] => [
      ...FACTORS.map((factor): Correction => ({ kind: 'scale', metrics: [row], factor })),
      ...shifts.map((by): Correction => ({ kind: 'shift', metrics: [row], by })),
      ...(wide([row]).length > 0 ? [{ kind: 'swap-words' as const, metrics: [row] }] : []),
    ]),
  ];
  return all.filter(({ metrics: affected }) => affected.length > 0);
}

function apply(correction: Correction, readings: Readings): Readings {
  const changed = [...readings];
  switch (correction.kind) {
    case 'exchange': {
      const [a, b] = correction.metrics;
      changed[a] = readings[b] as Reading;
      changed[b] = readings[a] as Reading;
      return changed;
    }
    case 'scale':
      for (const i of correction.metrics) changed[i] = scaled(readings[i] as Reading, correction.factor);
      return changed;
    case 'swap-words':
      for (const i of correction.metrics)
        changed[i] = { ...(readings[i] as Reading), swapWords: !readings[i]?.swapWords };
      return changed;
    case 'shift':
      for (const i of correction.metrics) {
        const shift = (readings[i]?.shift ?? 0) + correction.by;
        if (Math.abs(shift) <= 2) changed[i] = { ...(readings[i] as Reading), shift: shift as Shift };
      }
      return changed;
  }
}

const scaled = (reading: Reading, factor: number): Reading => ({ ...reading, factor: reading.factor * factor });

/** The rows as they should be written, after all corrections. */
export const correctedMetrics = (metrics: readonly Metric[], corrections: readonly Correction[]): readonly Metric[] =>
  corrections.reduce<readonly Metric[]>(
    (rows, correction) => rows.map((_, index) => correctRow(rows, index, correction)),
    metrics,
  );

function correctRow(rows: readonly Metric[], index: number, correction: Correction): Metric {
  const metric = rows[index] as Metric;
  if (!correction.metrics.includes(index)) return metric;
  switch (correction.kind) {
    case 'shift':
      return { ...metric, address: metric.address + correction.by };
    case 'swap-words':
      return { ...metric, wordOrder: metric.wordOrder === 'big' ? 'little' : 'big' };
    case 'scale':
      return { ...metric, scale: tidy(metric.scale * correction.factor) };
    case 'exchange': {
      const [a, b] = correction.metrics;
      const { name, description, unit, kind } = metric;
      return { ...(rows[a === index ? b : a] as Metric), name, description, unit, kind };
    }
  }
}

/** 0.1 × 0.1 is written 0.01. */
const tidy = (scale: number): number => {
  const short = Number(scale.toPrecision(12));
  return Math.abs(short - scale) <= Math.abs(scale) * 1e-12 ? short : scale;
};
