// A meter that only exists here: the registers of a register map, filled from the waveform once a second, when asked.

import { encodeMetric } from '../codec/encode.js';
import type { Metric, RegisterMap } from '../model/meter.js';
import type { SimulatedUnit } from './meter-server.js';
import { type Quantity, quantityOf } from './quantity.js';
import { type ImageOptions, RegisterImage } from './register-image.js';
import { type Installation, stateAt } from './waveform.js';

export interface SimulatedMeterOptions extends ImageOptions {
  readonly map: RegisterMap;
  readonly unitId: number;
  /** Meters with different seeds hold different values; default the unit id. */
  readonly seed?: number;
  /** ms UTC; default the system's clock. */
  readonly now?: () => number;
  /** As in the configuration; default 1. */
  readonly ctRatio?: number;
  readonly ptRatio?: number;
}

export interface SimulatedMeter extends SimulatedUnit {
  /** What the meter measures at that time, by index of the map's metrics, before its registers round it. */
  readonly valuesAt: (time: number) => Float64Array;
}

const UPDATE_MS = 1000;
const INT16_MOST = 32_767;
/** A 277/480 V supply; behind current transformers with 5 A secondaries, otherwise a sub-distribution. */
const VOLTAGE = 277;
const SECONDARY_CURRENT = 2.5;
const PRIMARY_CURRENT = 120;

export function simulateMeter(options: SimulatedMeterOptions): SimulatedMeter {
  const { map, unitId, seed = unitId, now = Date.now, ctRatio = 1, ptRatio = 1 } = options;
  const image = new RegisterImage({ undefinedRegisters: 0, ...options });
  const isSecondary = map.metrics.some((metric) => metric.side !== 'primary');
  const installation: Installation = {
    voltage: VOLTAGE * ptRatio,
    current: isSecondary ? SECONDARY_CURRENT * ctRatio : PRIMARY_CURRENT,
    frequency: 60,
    seed,
  };
  const measured: readonly Quantity[] = map.metrics.map((metric) => quantityOf(metric));
  const exponents = exponentsFor(map.metrics, (index) => {
    const moment = now();
    return (measured[index] as Quantity)(stateAt(installation, moment), moment / 1000);
  });
  const quantities = map.metrics.map(({ name }, index): Quantity => {
    const exponent = exponents.get(name);
    return exponent === undefined ? (measured[index] as Quantity) : () => exponent;
  });

  const valuesAt = (time: number): Float64Array => {
    const moment = Math.floor(time / UPDATE_MS) * UPDATE_MS;
    const state = stateAt(installation, moment);
    return Float64Array.from(map.metrics, ({ kind }, index) => {
      const value = (quantities[index] as Quantity)(state, moment / 1000);
      return kind.type === 'counter' && kind.range !== null ? value % kind.range : value;
    });
  };
  let filledFor = Number.NaN;
  const refresh = (): void => {
    const moment = Math.floor(now() / UPDATE_MS);
    if (moment === filledFor) return;
    filledFor = moment;
    const values = valuesAt(moment * UPDATE_MS);
    const partial = new Map<string, number>();
    map.metrics.forEach((metric, index) => {
      const exponent = exponents.get(metric.exponent ?? '') ?? 0;
      const words = encodeMetric(metric, values[index] as number, { ctRatio, ptRatio, exponent });
      const sharesRegister = /^(BIT|U?INT8$)/.test(metric.dataType);
      const key = `${metric.function} ${metric.address}`;
      if (sharesRegister) {
        partial.set(key, (partial.get(key) ?? 0) | (words[0] as number));
        words[0] = partial.get(key) as number;
      }
      image.set(metric.function, metric.address, words);
    });
  };
  return { unitId, image, refresh, valuesAt };
}

/** For each metric that holds a power of ten: the least one with which all 16-bit metrics that use it have room. */
function exponentsFor(metrics: readonly Metric[], valueAt: (index: number) => number): ReadonlyMap<string, number> {
  const most = new Map<string, number>();
  metrics.forEach(({ exponent, size, scale }, index) => {
    if (exponent === null) return;
    const raw = size === 1 ? Math.abs(valueAt(index) / scale) : 0;
    most.set(exponent, Math.max(most.get(exponent) ?? 0, raw));
  });
  return new Map(
    [...most].map(([name, raw]) => [name, raw === 0 ? 0 : Math.ceil(Math.log10((2 * raw) / INT16_MOST))] as const),
  );
}
