// From the raw number to the metric's unit. Plain double arithmetic, from left to right: raw × scale × 10^exponent ×
// ratio + offset, where a factor that a metric does not have is left out. So a stored value is, bit for bit, what anyone
// gets who multiplies the register by the map's Scaling Factor.

import type { Metric } from '../model/meter.js';

export interface Ratios {
  readonly ctRatio: number;
  readonly ptRatio: number;
}

/** Beyond any sensible scale: SunSpec allows −10 to 10. */
const MAX_EXPONENT = 20;

/** The doubles nearest to 1e-20 … 1e20; `10 ** n` is not exact everywhere. */
const POWERS = Array.from({ length: 2 * MAX_EXPONENT + 1 }, (_, i) => Number(`1e${i - MAX_EXPONENT}`));

/** The power of ten, or NaN where the exponent is none (not whole, or absurd). */
export const powerOfTen = (exponent: number): number => POWERS[exponent + MAX_EXPONENT] ?? Number.NaN;

/** What the meter's transformers multiply this metric by. */
export function ratioOf(metric: Pick<Metric, 'side'>, ratios: Ratios): number {
  switch (metric.side) {
    case 'primary':
      return 1;
    case 'secondary-current':
      return ratios.ctRatio;
    case 'secondary-voltage':
      return ratios.ptRatio;
    case 'secondary-power':
      return ratios.ctRatio * ratios.ptRatio;
  }
}

/**
 * The metric's Scaling Factor. The quadrant code is already a power factor when its type has unfolded it: 0.001 beside it,
 * as in maps that had the code as UINT16, states the code's resolution once more and is not applied twice.
 */
export const scaleOf = (metric: Pick<Metric, 'scale' | 'dataType'>): number =>
  metric.dataType === 'PF_QUADRANT' && metric.scale === 0.001 ? 1 : metric.scale;
