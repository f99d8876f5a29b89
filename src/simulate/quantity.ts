// Which electrical quantity a metric of a register map is, by its unit and its name: what the maps of this project, the
// ancestor's and SunSpec's call them. What is not recognised gets a plain changing number.

import type { Metric } from '../model/meter.js';
import { type Phase, type PhaseState, type State, total, turned } from './waveform.js';

/** A metric's value in its own unit. */
export type Quantity = (state: State, seconds: number) => number;

type Place = Phase | 'AB' | 'BC' | 'CA' | 'N' | 'G' | 'all';

const PREFIXES: Readonly<Record<string, number>> = { k: 1e-3, M: 1e-6 };
const NEXT: Readonly<Record<Phase, Phase>> = { A: 'B', B: 'C', C: 'A' };

export function quantityOf(metric: Metric): Quantity {
  const [, prefix = '', base = ''] = /^([kM]?)(VARh|varh|VArh|VAh|Wh|VAR|var|VAr|VA|W|V|A|Hz)$/.exec(metric.unit) ?? [];
  const scale = PREFIXES[prefix] ?? 1;
  const name = metric.name;
  const place = placeOf(name);
  const quantity = named(name, base.toUpperCase(), metric.unit, place);
  if (!quantity) return fallback(metric);
  const percent = /^(pct|%)$/i.test(metric.unit) && isPowerFactor(name, metric.unit) ? 100 : 1;
  return (state, seconds) => quantity(state, seconds) * scale * percent;
}

const isPowerFactor = (name: string, unit: string): boolean =>
  /^pf|power.?factor|cos.?phi/i.test(name) || /^pf$/i.test(unit);

function named(name: string, unit: string, rawUnit: string, place: Place): Quantity | null {
  if (/thd/i.test(name)) {
    const ofVoltage = /_?[vu](_|$|ph|l)/i.test(name.replace(/thd/i, ''));
    return mean(place, (p) => (ofVoltage ? p.voltageDistortion : p.currentDistortion));
  }
  if (isPowerFactor(name, rawUnit)) return powerFactor(place);
  if (/angle/i.test(name) || /^(deg|°)$/i.test(rawUnit)) return angle(place, /angle_?i|current/i.test(name));
  if (/WH$|VARH$|VAH$/.test(unit) || /(var|va|w)h/i.test(name)) return energy(name, unit, place);
  if (unit === 'HZ' || /^(freq|hz)/i.test(name)) return (state) => state.frequency;
  if (unit === 'V' || /^volt/i.test(name)) return voltage(name, place);
  if (unit === 'A' || /^curr/i.test(name)) return current(name, place);
  if (unit === 'VAR' || /^var(_|$)/i.test(name)) return sum(place, (p) => p.reactivePower);
  if (unit === 'VA' || /^va(_|$)/i.test(name)) return apparent(place);
  if (/^W_.*(peak|max)/i.test(name)) return (state) => state.peakPower;
  if (unit === 'W' || /^w(_|$)/i.test(name)) return sum(place, (p) => p.activePower);
  return null;
}

function placeOf(name: string): Place {
  const pair = /(?:_|ph|l)(AB|BC|CA|12|23|31)$/i.exec(name)?.[1];
  if (pair) return ({ '12': 'AB', '23': 'BC', '31': 'CA' }[pair] ?? pair.toUpperCase()) as Place;
  const phase = /(?:_|ph|l)([ABC123])N?$/i.exec(name)?.[1];
  if (phase) return ({ '1': 'A', '2': 'B', '3': 'C' }[phase] ?? phase.toUpperCase()) as Place;
  if (/_(NG|G|AuxN)$/.test(name)) return 'G';
  return /_N2?$/.test(name) ? 'N' : 'all';
}

const isPhase = (place: Place): place is Phase => place === 'A' || place === 'B' || place === 'C';

const sum = (place: Place, of: (phase: PhaseState) => number): Quantity =>
  isPhase(place) ? (state) => of(state.phases[place]) : (state) => total(state, of);

const mean = (place: Place, of: (phase: PhaseState) => number): Quantity =>
  isPhase(place) ? (state) => of(state.phases[place]) : (state) => total(state, of) / 3;

const apparentTotal = (state: State): number =>
  Math.hypot(
    total(state, (p) => p.activePower),
    total(state, (p) => p.reactivePower),
  );

const apparent = (place: Place): Quantity =>
  isPhase(place) ? (state) => state.phases[place].apparentPower : apparentTotal;

const powerFactor = (place: Place): Quantity =>
  isPhase(place)
    ? (state) => state.phases[place].activePower / state.phases[place].apparentPower
    : (state) => total(state, (p) => p.activePower) / apparentTotal(state);

function angle(place: Place, ofCurrent: boolean): Quantity {
  const of = (state: State, phase: Phase) => state.phases[phase][ofCurrent ? 'currentAngle' : 'voltageAngle'];
  if (isPhase(place)) return (state) => of(state, place);
  const first = place === 'BC' ? 'B' : place === 'CA' ? 'C' : 'A';
  return place === 'all' || place === 'N' || place === 'G' ? () => 0 : (state) => turned(of(state, first) + 30);
}

const between = (state: State, first: Phase): number => {
  const a = state.phases[first].voltage;
  const b = state.phases[NEXT[first]].voltage;
  return Math.sqrt(a * a + b * b + a * b);
};

function voltage(name: string, place: Place): Quantity {
  if (isPhase(place)) return (state) => state.phases[place].voltage;
  if (place === 'N' || place === 'G') return () => 0.4;
  if (place !== 'all') return (state) => between(state, place[0] as Phase);
  if (/LL|ppv/i.test(name)) return (state) => (between(state, 'A') + between(state, 'B') + between(state, 'C')) / 3;
  return (state) => total(state, (p) => p.voltage) / 3;
}

function current(name: string, place: Place): Quantity {
  if (isPhase(place)) return (state) => state.phases[place].current;
  if (place === 'N') return neutral;
  if (place === 'G') return () => 0.02;
  return name === 'A' || /sum/i.test(name)
    ? (state) => total(state, (p) => p.current)
    : (state) => total(state, (p) => p.current) / 3;
}

/** Length of the phasors' sum. */
function neutral(state: State): number {
  const radians = (p: PhaseState) => (p.currentAngle * Math.PI) / 180;
  return Math.hypot(
    total(state, (p) => p.current * Math.cos(radians(p))),
    total(state, (p) => p.current * Math.sin(radians(p))),
  );
}

/** The installation only takes: what it gives stays 0. Apparent energy is √(Wh² + VARh²). */
function energy(name: string, unit: string, place: Place): Quantity {
  if (/exp|rev|q23|q34|rcv|received/i.test(name)) return () => 0;
  const active = sum(place, (p) => p.activeEnergy);
  const reactive = sum(place, (p) => p.reactiveEnergy);
  if (unit === 'VARH' || /varh/i.test(name)) return reactive;
  if (unit === 'VAH' || /vah/i.test(name)) return (state, s) => Math.hypot(active(state, s), reactive(state, s));
  return active;
}

function fallback(metric: Metric): Quantity {
  if (metric.dataType === 'BOOL' || metric.dataType.startsWith('BIT')) return (_state, s) => Math.floor(s / 60) % 2;
  if (metric.kind.type === 'counter') return (_state, s) => Math.floor(s / 60);
  return (_state, s) => Math.round(50 + 40 * Math.sin(s / 300 + metric.address));
}
