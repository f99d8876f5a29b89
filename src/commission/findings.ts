// What only several rounds can show: counters that run backward or too fast, values that never move or are another
// metric's, bit for bit.

import type { Metric } from '../model/meter.js';
import { measurandOf, unitFactor } from './quantity.js';
import type { Finding } from './rules.js';

/** `rounds`: values by metric index, oldest first; `times`: ms UTC of each. */
export function judgeOverTime(
  metrics: readonly Metric[],
  rounds: readonly Float64Array[],
  times: readonly number[],
): Finding[] {
  return [...counterFindings(metrics, rounds, times), ...twinFindings(metrics, rounds)];
}

function counterFindings(
  metrics: readonly Metric[],
  rounds: readonly Float64Array[],
  times: readonly number[],
): Finding[] {
  const findings: Finding[] = [];
  const power = metrics.findIndex((metric) => {
    const { quantity, phase } = measurandOf(metric);
    return quantity === 'apparent-power' && phase === 'ABC';
  });
  metrics.forEach((metric, index) => {
    if (metric.kind.type !== 'counter') return;
    for (let round = 1; round < rounds.length; round++) {
      const [before, now] = [rounds[round - 1]?.[index] ?? Number.NaN, rounds[round]?.[index] ?? Number.NaN];
      if (now < before && metric.kind.range === null) {
        findings.push({
          rule: 'counter-runs-backward',
          metrics: [index],
          severity: 10,
          text: `${metric.name} ran backward: ${before} ${metric.unit}, then ${now} ${metric.unit}`,
        });
        return;
      }
      const hours = ((times[round] ?? 0) - (times[round - 1] ?? 0)) / 3_600_000;
      const apparent = (rounds[round]?.[power] ?? Number.NaN) * unitFactor(metrics[power]?.unit ?? '');
      const step = (now - before) * unitFactor(metric.unit);
      // Twice what the whole meter takes now, and one of the counter's smallest steps, is more than it can have counted.
      const most = 2 * apparent * hours + 2 * Math.abs(metric.scale) * unitFactor(metric.unit) + before * 1e-6;
      if (step > most) {
        findings.push({
          rule: 'counter-runs-too-fast',
          metrics: [index],
          severity: Math.min(20, step / most),
          text: `${metric.name} grew by ${step} in ${Math.round(hours * 3600)} s, more than ${Math.round(apparent)} VA explain`,
        });
        return;
      }
    }
  });
  return findings;
}

/** Two phases that are the same to the last digit in every round, while they move: one row reads the other's registers. */
function twinFindings(metrics: readonly Metric[], rounds: readonly Float64Array[]): Finding[] {
  const findings: Finding[] = [];
  const measurands = metrics.map(measurandOf);
  for (let a = 0; a < metrics.length; a++) {
    for (let b = a + 1; b < metrics.length; b++) {
      const [first, second] = [measurands[a], measurands[b]];
      if (first?.quantity === 'other' || first?.quantity !== second?.quantity || first?.phase === second?.phase)
        continue;
      const alike = rounds.every((values) => values[a] === values[b] && values[a] !== 0 && !Number.isNaN(values[a]));
      const distinct = new Set(rounds.map((values) => values[a])).size;
      const overlap = overlapping(metrics[a] as Metric, metrics[b] as Metric);
      if (!overlap && (!alike || distinct < 3)) continue;
      findings.push({
        rule: 'same-value-as-another-phase',
        metrics: [a, b],
        severity: 3,
        text: `${metrics[a]?.name} and ${metrics[b]?.name} ${overlap ? 'share registers' : 'are the same to the last digit in every round'}`,
      });
    }
  }
  return findings;
}

const overlapping = (a: Metric, b: Metric): boolean =>
  a.function === b.function && a.address < b.address + b.size && b.address < a.address + a.size;
