// The newest value of every metric, and the last few for a sparkline: what GET /metric answers from. Memory is bounded by
// the number of metrics.

import { type MeterInfo, type MetricInfo, topicOf } from '../model/meter.js';
import type { Poll } from '../model/poll.js';

export interface LatestReading {
  readonly topic: string;
  readonly meter: MeterInfo;
  readonly metric: MetricInfo;
  /** null: nothing read yet. */
  readonly value: number | null;
  /** Slot of the value, ms UTC; null: nothing read yet. */
  readonly time: number | null;
}

export type Lookup =
  | { readonly kind: 'found'; readonly reading: LatestReading }
  | { readonly kind: 'ambiguous'; readonly topics: readonly string[] }
  | { readonly kind: 'unknown' };

/** Values kept per metric for sparklines. */
const RECENT = 60;

/** A meter's newest values and their slots by metric index; NaN and -Infinity: nothing read yet. To look at, not to keep. */
export interface MeterColumns {
  readonly meter: MeterInfo;
  readonly values: Readonly<Float64Array>;
  readonly times: Readonly<Float64Array>;
}

interface MeterValues {
  readonly meter: MeterInfo;
  readonly values: Float64Array;
  readonly times: Float64Array;
  /** Ring of the newest RECENT polls, a value per metric each, NaN where nothing was read. */
  readonly recent: Float32Array;
  polls: number;
}

export class Latest {
  readonly #meters = new Map<string, MeterValues>();
  readonly #topics = new Map<string, { values: MeterValues; index: number }>();
  readonly #names = new Map<string, string[]>();

  constructor(meters: readonly MeterInfo[]) {
    this.setMeters(meters);
  }

  /** Takes over a changed configuration; meters whose metrics are the same keep their values. */
  setMeters(meters: readonly MeterInfo[]): void {
    const before = new Map(this.#meters);
    this.#meters.clear();
    this.#topics.clear();
    this.#names.clear();
    for (const meter of meters) {
      const old = before.get(meter.name);
      const values = old?.meter === meter ? old : empty(meter);
      this.#meters.set(meter.name, values);
      meter.metrics.forEach((metric, index) => {
        const topic = topicOf(meter, metric);
        this.#topics.set(topic, { values, index });
        const named = this.#names.get(metric.name);
        if (named) named.push(topic);
        else this.#names.set(metric.name, [topic]);
      });
    }
  }

  /**
   * Metrics that the poll did not read keep their older value and its time. The poll that ended last counts, whatever its
   * slot: after the clock was set back, slots are older than what is known.
   */
  update(poll: Poll): void {
    const known = this.#meters.get(poll.meter.name);
    if (known?.meter !== poll.meter) return;
    const { length } = poll.values;
    known.recent.set(poll.values, (known.polls++ % RECENT) * length);
    for (let index = 0; index < length; index++) {
      const value = poll.values[index] as number;
      if (Number.isNaN(value)) continue;
      known.values[index] = value;
      known.times[index] = poll.slot;
    }
  }

  /** By topic, or by a metric name that only one meter has. */
  lookup(name: string): Lookup {
    const entry = this.#topics.get(name);
    if (entry) return { kind: 'found', reading: readingOf(entry.values, entry.index) };
    const topics = this.#names.get(name);
    if (!topics) return { kind: 'unknown' };
    return topics.length === 1 && topics[0] !== undefined ? this.lookup(topics[0]) : { kind: 'ambiguous', topics };
  }

  get meterCount(): number {
    return this.#meters.size;
  }

  has(meter: string): boolean {
    return this.#meters.has(meter);
  }

  /** `meters`: only these, null: all. */
  *columns(meters: ReadonlySet<string> | null = null): Generator<MeterColumns> {
    for (const [name, values] of this.#meters) if (meters?.has(name) !== false) yield values;
  }

  /** Meter by meter; `meters`: only these, null: all. */
  *all(meters: ReadonlySet<string> | null = null): Generator<LatestReading> {
    for (const [name, values] of this.#meters) {
      if (meters?.has(name) === false) continue;
      for (let index = 0; index < values.values.length; index++) yield readingOf(values, index);
    }
  }

  /** The newest values of a topic, oldest first; null where nothing was read. */
  recent(topic: string): (number | null)[] {
    const entry = this.#topics.get(topic);
    if (!entry) return [];
    const { recent, polls, values } = entry.values;
    const count = Math.min(polls, RECENT);
    return Array.from({ length: count }, (_, i) => {
      const value = recent[((polls - count + i) % RECENT) * values.length + entry.index] as number;
      return Number.isNaN(value) ? null : value;
    });
  }
}

const empty = (meter: MeterInfo): MeterValues => ({
  meter,
  values: new Float64Array(meter.metrics.length).fill(Number.NaN),
  times: new Float64Array(meter.metrics.length).fill(Number.NEGATIVE_INFINITY),
  recent: new Float32Array(meter.metrics.length * RECENT).fill(Number.NaN),
  polls: 0,
});

function readingOf({ meter, values, times }: MeterValues, index: number): LatestReading {
  const metric = meter.metrics[index] as MetricInfo;
  const value = values[index] as number;
  const read = !Number.isNaN(value);
  return {
    topic: topicOf(meter, metric),
    meter,
    metric,
    value: read ? value : null,
    time: read ? (times[index] as number) : null,
  };
}
