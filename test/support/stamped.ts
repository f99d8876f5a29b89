// Meters whose every value says which meter and which metric it belongs to and when it was read: a stored value that is
// late, foreign, torn or misplaced gives itself away.

import type { Metric } from '../../src/model/meter.js';
import type { SimulatedUnit } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { metric } from './metric.js';

/** Above the milliseconds, which take 41 bits until 2039. */
const TIME_RANGE = 2 ** 42;
const METRICS_PER_METER = 16;
const REGISTERS = 4;

export interface Stamp {
  /** Below 128. */
  readonly meter: number;
  readonly metric: number;
  /** ms UTC */
  readonly time: number;
}

export const stampedMetrics = (addresses: readonly number[]): Metric[] =>
  addresses.map((address, i) => metric({ name: `m${i}`, address, size: REGISTERS, dataType: 'UINT64' }));

/** A unit that writes the present moment into all of its values just before it answers. */
export function stampedUnit(options: {
  readonly meter: number;
  readonly unitId: number;
  readonly addresses: readonly number[];
  readonly now?: () => number;
}): SimulatedUnit {
  const { meter, unitId, addresses, now = Date.now } = options;
  const image = new RegisterImage({ undefinedRegisters: 0 });
  return {
    unitId,
    image,
    refresh: () => {
      const time = Math.floor(now());
      addresses.forEach((address, index) => {
        const value = (meter * METRICS_PER_METER + index) * TIME_RANGE + time;
        const high = Math.floor(value / 2 ** 32);
        image.set('holding', address, [high >>> 16, high & 0xffff, (value / 2 ** 16) & 0xffff, value & 0xffff]);
      });
    },
  };
}

export function stampOf(value: number): Stamp {
  const key = Math.floor(value / TIME_RANGE);
  return {
    meter: Math.floor(key / METRICS_PER_METER),
    metric: key % METRICS_PER_METER,
    time: value - key * TIME_RANGE,
  };
}

/** What is wrong with a value that this metric of this meter is said to have had between these times; null: nothing. */
export function stampProblem(
  value: number,
  expected: { readonly meter: number; readonly metric: number; readonly from: number; readonly until: number },
): string | null {
  const stamp = stampOf(value);
  if (stamp.meter !== expected.meter) return `a value of meter ${stamp.meter}`;
  if (stamp.metric !== expected.metric) return `a value of metric ${stamp.metric}`;
  if (stamp.time < expected.from) return `a value ${expected.from - stamp.time} ms too old`;
  if (stamp.time > expected.until) return `a value ${stamp.time - expected.until} ms too new`;
  return null;
}
