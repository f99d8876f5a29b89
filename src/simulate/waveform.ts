// What a three-phase installation does at a given moment: a pure function of seed and time, so that a test can say
// afterwards what a meter held. Powers are sums of sines, which makes the energies their exact integrals.

/** One of three phases, or their total: A, B, C, total. */
export const PHASES = ['A', 'B', 'C'] as const;
export type Phase = (typeof PHASES)[number];

export interface PhaseState {
  /** Line to neutral, V. */
  readonly voltage: number;
  readonly current: number;
  readonly activePower: number;
  readonly reactivePower: number;
  /** √(W² + VAR²) */
  readonly apparentPower: number;
  /** Degrees; the current's lags by the load's angle. */
  readonly voltageAngle: number;
  readonly currentAngle: number;
  /** Percent. */
  readonly voltageDistortion: number;
  readonly currentDistortion: number;
  /** Since 2025-01-01, in Wh, VARh. */
  readonly activeEnergy: number;
  readonly reactiveEnergy: number;
}

export interface Installation {
  /** V, line to neutral. */
  readonly voltage: number;
  /** A, on average. */
  readonly current: number;
  /** Hz */
  readonly frequency: number;
  readonly seed: number;
}

export interface State {
  readonly phases: Readonly<Record<Phase, PhaseState>>;
  readonly frequency: number;
  /** W; above all that the load ever takes. */
  readonly peakPower: number;
}

const EPOCH = Date.UTC(2025, 0, 1);
const DAY_S = 86_400;
const HOUR_S = 3600;
const ANGLES: Readonly<Record<Phase, number>> = { A: 0, B: -120, C: 120 };

/** Part of the mean, period in seconds: a day, a shift, an air conditioner, a lift. Together below 1: power stays positive. */
const LOAD_WAVES: readonly (readonly [number, number])[] = [
  [0.35, DAY_S],
  [0.12, 8 * HOUR_S],
  [0.08, 1260],
  [0.05, 47],
];
const REACTIVE_WAVES: readonly (readonly [number, number])[] = [
  [0.25, DAY_S],
  [0.1, 1980],
  [0.06, 31],
];

/** Mean × (1 + Σ aᵢ sin(2πt/Tᵢ + pᵢ)), and its integral since the epoch, in hours. */
function wave(
  mean: number,
  parts: readonly (readonly [number, number])[],
  phase: (index: number) => number,
  seconds: number,
) {
  let value = 1;
  let integral = seconds / HOUR_S;
  parts.forEach(([amplitude, period], index) => {
    const omega = (2 * Math.PI) / period;
    const start = phase(index);
    value += amplitude * Math.sin(omega * seconds + start);
    integral += (amplitude / omega / HOUR_S) * (Math.cos(start) - Math.cos(omega * seconds + start));
  });
  return { value: mean * value, integral: mean * integral };
}

/** A number from 0 to 1 that seed, quantity and index alone decide. */
function draw(seed: number, quantity: number, index: number): number {
  let x = (seed * 0x9e3779b1 + quantity * 0x85ebca6b + index * 0xc2b2ae35) | 0;
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
}

/** `time`: ms UTC, after 2024. */
export function stateAt(installation: Installation, time: number): State {
  const seconds = (time - EPOCH) / 1000;
  const { seed } = installation;
  const ripple = (quantity: number, period: number) =>
    Math.sin((2 * Math.PI * seconds) / period + 2 * Math.PI * draw(seed, quantity, 0));
  const phaseOf = (name: Phase, number: number): PhaseState => {
    const key = (number + 1) * 16;
    const voltage =
      installation.voltage * (1 + 0.008 * ripple(key, 3600) + 0.002 * ripple(key + 1, 13) + 0.001 * (number - 1));
    const mean = installation.voltage * installation.current * (0.9 + 0.2 * draw(seed, key + 2, 0));
    const shift = (quantity: number) => (index: number) => 2 * Math.PI * draw(seed, quantity, index + 1);
    const active = wave(mean * 0.95, LOAD_WAVES, shift(key + 3), seconds);
    const reactive = wave(mean * 0.3, REACTIVE_WAVES, shift(key + 4), seconds);
    const apparentPower = Math.hypot(active.value, reactive.value);
    const loadAngle = (Math.atan2(reactive.value, active.value) * 180) / Math.PI;
    return {
      voltage,
      current: apparentPower / voltage,
      activePower: active.value,
      reactivePower: reactive.value,
      apparentPower,
      voltageAngle: ANGLES[name],
      currentAngle: turned(ANGLES[name] - loadAngle),
      voltageDistortion: 1.8 + 0.4 * ripple(key + 5, 900),
      currentDistortion: 6 + 1.5 * ripple(key + 6, 700),
      activeEnergy: active.integral,
      reactiveEnergy: reactive.integral,
    };
  };
  return {
    phases: { A: phaseOf('A', 0), B: phaseOf('B', 1), C: phaseOf('C', 2) },
    peakPower: 3 * installation.voltage * installation.current * 1.75,
    frequency: installation.frequency + 0.015 * ripple(1, 95) + 0.005 * ripple(2, 7),
  };
}

/** Into −180 … 180. */
export const turned = (degrees: number): number => degrees - 360 * Math.round(degrees / 360);

/** Sum over the phases. */
export const total = (state: State, of: (phase: PhaseState) => number): number =>
  PHASES.reduce((sum, name) => sum + of(state.phases[name]), 0);
