// What a metric measures and on which phase, told from its unit and the names that register maps use (the ancestor's
// `Voltage_AN`, SunSpec's `PhVphA`). Plausibility rules are written in these words.

import type { MetricInfo } from '../model/meter.js';

export type Quantity =
  | 'voltage'
  | 'line-voltage'
  | 'current'
  | 'active-power'
  | 'reactive-power'
  | 'apparent-power'
  | 'power-factor'
  | 'frequency'
  | 'voltage-angle'
  | 'current-angle'
  | 'energy'
  | 'other';

/** `ABC`: the total or the average of the phases. `N`: neutral or ground. */
export type Phase = 'A' | 'B' | 'C' | 'N' | 'AB' | 'BC' | 'CA' | 'ABC';

export interface Measurand {
  readonly quantity: Quantity;
  readonly phase: Phase;
}

export const PHASES = ['A', 'B', 'C'] as const;
export const LINE_PHASES = ['AB', 'BC', 'CA'] as const;

const BY_UNIT: Readonly<Record<string, Quantity>> = {
  v: 'voltage',
  kv: 'voltage',
  a: 'current',
  w: 'active-power',
  kw: 'active-power',
  mw: 'active-power',
  var: 'reactive-power',
  kvar: 'reactive-power',
  va: 'apparent-power',
  kva: 'apparent-power',
  hz: 'frequency',
  wh: 'energy',
  kwh: 'energy',
  mwh: 'energy',
  varh: 'energy',
  kvarh: 'energy',
  vah: 'energy',
  kvah: 'energy',
};

export function measurandOf(metric: MetricInfo): Measurand {
  const quantity = BY_UNIT[metric.unit.toLowerCase()] ?? quantityByName(metric.name);
  if (quantity === 'other') return { quantity, phase: 'ABC' };
  // `_SF`: SunSpec's powers of ten, with the unit of what they scale.
  if (/demand|max|min|peak|thd|harm|unbal|_SF$/i.test(metric.name)) return { quantity: 'other', phase: 'ABC' };
  if (metric.kind.type === 'counter') return { quantity: 'energy', phase: phaseOf(metric.name) };
  const phase = phaseOf(metric.name);
  const line = phase === 'AB' || phase === 'BC' || phase === 'CA' || /(_LL|^PPV)/i.test(metric.name);
  return { quantity: quantity === 'voltage' && line ? 'line-voltage' : quantity, phase };
}

function quantityByName(name: string): Quantity {
  if (/^(pf|cosphi|power_?factor)(_?(A|B|C)|ph(A|B|C)|_total)?$/i.test(name)) return 'power-factor';
  if (/^freq(uency)?$/i.test(name)) return 'frequency';
  if (/^Angle_V_/i.test(name)) return 'voltage-angle';
  if (/^Angle_I_/i.test(name)) return 'current-angle';
  if (/^Voltage(_|$)/i.test(name)) return 'voltage';
  if (/^Current(_|$)/i.test(name)) return 'current';
  if (/^W(_[ABC])?$/.test(name)) return 'active-power';
  if (/^VAR(_[ABC])?$/.test(name)) return 'reactive-power';
  if (/^VA(_[ABC])?$/.test(name)) return 'apparent-power';
  return 'other';
}

function phaseOf(name: string): Phase {
  const end = /(?:_|ph)(AB|BC|CA|AN|BN|CN|A|B|C|N2?|NG|AuxN|G)$/i.exec(name)?.[1]?.toUpperCase();
  if (end === undefined) return 'ABC';
  if (/^(N2?|NG|AUXN|G)$/.test(end)) return 'N';
  return (end.length === 2 && end.endsWith('N') ? end[0] : end) as Phase;
}

/** Factor from the metric's unit to the unit without prefix: 1000 for kW. */
export function unitFactor(unit: string): number {
  if (/^k(v|w|va|var|wh|varh|vah)$/i.test(unit)) return 1e3;
  if (/^M(v|w|va|var|wh|varh|vah)$/.test(unit)) return 1e6;
  return 1;
}
