// The physics that one meter's values must agree with. Each rule says which metrics it ties together and how far they are
// off, as a multiple of what honest measuring explains (below 1: fine): values of one meter are not read at one instant,
// transformers and harmonics add their part, so the tolerances are wide.

import type { MetricInfo } from '../model/meter.js';
import { LINE_PHASES, type Measurand, measurandOf, PHASES, type Phase, type Quantity, unitFactor } from './quantity.js';

export interface Finding {
  readonly rule: string;
  /** Metric indexes that take part. */
  readonly metrics: readonly number[];
  /** Deviation ÷ tolerance; above 1 the rule is broken. At most 20. */
  readonly severity: number;
  /** What is wrong, with the numbers. */
  readonly text: string;
}

/** Values by metric index in the map's units; NaN: not read. Gives the value in the unit without prefix. */
type Look = (index: number) => number;

interface Rule {
  readonly rule: string;
  readonly metrics: readonly number[];
  judge(look: Look): { readonly severity: number; readonly text: string };
}

const WORST = 20;
const round = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(5))) : 'nothing');

/** The rules that this map's metrics allow, made once; judging is then cheap enough for a search over corrections. */
export function rulesFor(metrics: readonly MetricInfo[]): readonly Rule[] {
  const measurands = metrics.map(measurandOf);
  const at = (quantity: Quantity, phase: Phase): number =>
    measurands.findIndex((m) => m.quantity === quantity && m.phase === phase);
  return [
    ...metrics.flatMap((metric, index) => singleRules(index, metric, measurands[index] as Measurand)),
    ...phaseRules(at),
    ...totalRules(at),
    ...powerRules(at),
  ].filter((rule) => rule.metrics.every((index) => index >= 0));
}

export function judge(rules: readonly Rule[], metrics: readonly MetricInfo[], values: ArrayLike<number>): Finding[] {
  const look: Look = (index) => (values[index] as number) * unitFactor(metrics[index]?.unit ?? '');
  return rules.map((rule) => {
    if (rule.metrics.some((index) => Number.isNaN(values[index] as number))) {
      return { rule: rule.rule, metrics: rule.metrics, severity: 0, text: '' };
    }
    const { severity, text } = rule.judge(look);
    return { rule: rule.rule, metrics: rule.metrics, severity: Math.min(WORST, severity), text };
  });
}

/** 0 inside [least, most]; outside, how far off on a logarithmic scale: a factor of two is 2. */
const outside = (value: number, least: number, most: number): number => {
  if (value >= least && value <= most) return 0;
  const ratio = value > most ? value / most : value > 0 ? least / value : Number.POSITIVE_INFINITY;
  return 1 + Math.abs(Math.log2(ratio));
};

function singleRules(index: number, metric: MetricInfo, { quantity, phase }: Measurand): Rule[] {
  const range = (least: number, most: number, what: string): Rule => ({
    rule: `range-${quantity}`,
    metrics: [index],
    judge: (look) => {
      const value = look(index);
      return { severity: outside(value, least, most), text: `${metric.name} = ${round(value)}: ${what}` };
    },
  });
  const magnitude = (most: number, what: string): Rule => ({
    rule: `range-${quantity}`,
    metrics: [index],
    judge: (look) => {
      const value = Math.abs(look(index));
      // A float whose words are swapped or cut is tiny as often as huge; an idle phase reads 0, never 1e-20.
      const severity = value === 0 ? 0 : outside(value, 1e-5, most);
      return { severity, text: `${metric.name} = ${round(look(index))}: ${what}` };
    },
  });
  switch (quantity) {
    case 'frequency':
      return [range(45, 65, 'a mains frequency lies between 45 and 65 Hz')];
    case 'voltage':
      return phase === 'N' ? [magnitude(1e3, 'no voltage of a neutral')] : [range(40, 40_000, 'no phase voltage')];
    case 'line-voltage':
      return [range(70, 70_000, 'no voltage between phases')];
    case 'power-factor': {
      const most = metric.unit.toLowerCase() === 'pct' || metric.unit === '%' ? 100 : 1;
      return [magnitude(most * 1.001, `a power factor lies between -${most} and ${most}`)];
    }
    case 'voltage-angle':
    case 'current-angle':
      return [magnitude(360, 'an angle lies between -360 and 360 degrees')];
    case 'current':
      return [magnitude(2e4, 'no current of a site')];
    case 'active-power':
    case 'reactive-power':
    case 'apparent-power':
      return [magnitude(1e9, 'no power of a site')];
    case 'energy':
      return [magnitude(1e15, 'no energy of a site')];
    case 'other':
      return [];
  }
}

type At = (quantity: Quantity, phase: Phase) => number;

/** `actual` should be `expected`, within `tolerance` × the larger of both (or of `scale`). */
function equality(
  rule: string,
  metrics: readonly number[],
  tolerance: number,
  compare: (look: Look) => { actual: number; expected: number; scale?: number; text: string },
): Rule {
  return {
    rule,
    metrics,
    judge: (look) => {
      const { actual, expected, scale = 0, text } = compare(look);
      const size = Math.max(Math.abs(actual), Math.abs(expected), scale);
      if (size === 0) return { severity: 0, text };
      const severity = Math.abs(actual - expected) / size / tolerance;
      return { severity: Number.isFinite(severity) ? severity : WORST, text };
    },
  };
}

function phaseRules(at: At): Rule[] {
  const rules: Rule[] = [];
  for (const [first, second, pair] of [
    ['A', 'B', 'AB'],
    ['B', 'C', 'BC'],
    ['C', 'A', 'CA'],
  ] as const) {
    const [a, b] = [at('voltage', first), at('voltage', second)];
    rules.push(
      equality('phase-voltages-alike', [a, b], 0.15, (look) => ({
        actual: look(a),
        expected: look(b),
        text: `phase voltages ${first} ${round(look(a))} V and ${second} ${round(look(b))} V differ`,
      })),
    );
    const line = at('line-voltage', pair);
    rules.push(
      equality('line-voltage-is-root-three', [a, b, line], 0.12, (look) => ({
        actual: look(line),
        expected: (Math.sqrt(3) * (look(a) + look(b))) / 2,
        text: `${first}-${second} voltage ${round(look(line))} V is not √3 × the phase voltages (${round(look(a))}, ${round(look(b))} V)`,
      })),
    );
    const [angleA, angleB] = [at('voltage-angle', first), at('voltage-angle', second)];
    rules.push({
      rule: 'angles-120-apart',
      metrics: [angleA, angleB],
      judge: (look) => {
        const turn = (((look(angleA) - look(angleB)) % 360) + 360) % 360;
        const off = Math.min(Math.abs(turn - 120), Math.abs(turn - 240));
        return {
          severity: off / 25,
          text: `voltage angles ${first} and ${second} are ${round(turn)}° apart, not 120°`,
        };
      },
    });
  }
  return rules;
}

function totalRules(at: At): Rule[] {
  const rules: Rule[] = [];
  for (const quantity of ['active-power', 'reactive-power', 'apparent-power', 'energy'] as const) {
    if (quantity === 'energy') continue;
    const parts = PHASES.map((phase) => at(quantity, phase));
    const total = at(quantity, 'ABC');
    rules.push(
      // The apparent power of a total may be the vector's, not the sum: up to a tenth less.
      equality('phases-sum-to-total', [...parts, total], quantity === 'apparent-power' ? 0.12 : 0.05, (look) => ({
        actual: look(total),
        expected: parts.reduce((sum, index) => sum + look(index), 0),
        scale: parts.reduce((sum, index) => sum + Math.abs(look(index)), 0),
        text: `${quantity}: total ${round(look(total))} is not the sum of the phases (${parts.map((i) => round(look(i))).join(' + ')})`,
      })),
    );
  }
  for (const [quantity, phases] of [
    ['voltage', PHASES],
    ['line-voltage', LINE_PHASES],
  ] as const) {
    const parts = phases.map((phase) => at(quantity, phase));
    const average = at(quantity, 'ABC');
    rules.push(
      equality('average-of-phases', [...parts, average], 0.03, (look) => ({
        actual: look(average),
        expected: parts.reduce((sum, index) => sum + look(index), 0) / 3,
        text: `average ${quantity} ${round(look(average))} V is not the mean of the phases (${parts.map((i) => round(look(i))).join(', ')})`,
      })),
    );
  }
  return rules;
}

function powerRules(at: At): Rule[] {
  const rules: Rule[] = [];
  for (const phase of [...PHASES, 'ABC'] as const) {
    const label = phase === 'ABC' ? 'total' : `phase ${phase}`;
    const [w, q, s] = [at('active-power', phase), at('reactive-power', phase), at('apparent-power', phase)];
    rules.push(
      equality('power-triangle', [w, q, s], 0.08, (look) => ({
        actual: Math.hypot(look(w), look(q)),
        expected: look(s),
        text: `${label}: √(W² + VAR²) = ${round(Math.hypot(look(w), look(q)))} but VA = ${round(look(s))}`,
      })),
    );
    const pf = at('power-factor', phase);
    rules.push(
      equality('power-factor-is-w-over-va', [w, s, pf], 0.08, (look) => ({
        // Percent or fraction; the sign means direction on one meter and lead or lag on the next.
        actual: Math.abs(look(pf)) > 1.5 ? Math.abs(look(pf)) / 100 : Math.abs(look(pf)),
        expected: look(s) === 0 ? Math.abs(look(pf)) : Math.abs(look(w) / look(s)),
        scale: 1,
        text: `${label}: power factor ${round(look(pf))} but W / VA = ${round(look(w) / look(s))}`,
      })),
    );
    if (phase === 'ABC') continue;
    const [v, i] = [at('voltage', phase), at('current', phase)];
    rules.push(
      equality('apparent-power-is-v-times-i', [v, i, s], 0.08, (look) => ({
        actual: look(v) * look(i),
        expected: look(s),
        text: `${label}: V × I = ${round(look(v) * look(i))} but VA = ${round(look(s))}`,
      })),
      equality('reactive-below-v-times-i', [v, i, w, q], 0.08, (look) => ({
        actual: look(v) * look(i),
        expected: Math.hypot(look(w), look(q)),
        text: `${label}: V × I = ${round(look(v) * look(i))} but √(W² + VAR²) = ${round(Math.hypot(look(w), look(q)))}`,
      })),
      // Without VAR and VA only the upper bound holds.
      {
        rule: 'active-power-within-v-times-i',
        metrics: [v, i, w],
        judge: (look) => {
          const share = look(w) === 0 ? 0 : Math.abs(look(w) / (look(v) * look(i))) / 1.08;
          // Below the bound says nothing about how right it is.
          const severity = share <= 1 ? 0 : share;
          return { severity, text: `${label}: W = ${round(look(w))} is more than V × I = ${round(look(v) * look(i))}` };
        },
      },
    );
  }
  return rules;
}
