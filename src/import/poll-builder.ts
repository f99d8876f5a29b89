// Gathers single readings into polls, one per meter and time.

import type { MeterInfo } from '../model/meter.js';
import type { Poll } from '../model/poll.js';

export class PollBuilder {
  /** Values by index of the meter's metrics, by time, by the meter's name. */
  readonly #polls = new Map<string, Map<number, number[]>>();
  #readings = 0;

  /** Readings gathered since `take`. */
  get readings(): number {
    return this.#readings;
  }

  /** `time` in ms UTC, `index` of the meter's metrics. False: the metric has a value at this time already, which stays. */
  add(meter: string, time: number, index: number, value: number): boolean {
    const polls = this.#polls.get(meter) ?? new Map<number, number[]>();
    this.#polls.set(meter, polls);
    const values = polls.get(time) ?? [];
    polls.set(time, values);
    if (values[index] !== undefined) return false;
    values[index] = value;
    this.#readings++;
    return true;
  }

  /** The polls gathered, which the builder forgets. Metrics without a reading are not counted as missing. */
  take(meters: ReadonlyMap<string, MeterInfo>): Poll[] {
    const polls: Poll[] = [];
    for (const [name, bySlot] of this.#polls) {
      const meter = meters.get(name);
      if (!meter) continue;
      for (const [slot, given] of bySlot) {
        const values = Float64Array.from(meter.metrics, (_, index) => given[index] ?? Number.NaN);
        polls.push({ meter, slot, readAt: slot, durationMs: 0, requests: 0, values, missing: new Map(), error: null });
      }
    }
    this.#polls.clear();
    this.#readings = 0;
    return polls;
  }
}
