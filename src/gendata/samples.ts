// The samples of the series on one topic, in time order, added up where their times meet. Pure, and lazy: a year at one
// sample a second is never in memory.

import type { Series } from './series.js';

export interface Sample {
  /** ms UTC. */
  readonly time: number;
  readonly value: number;
}

/** As the ancestor counts: whole steps between start and end, the first one at start. */
export const sampleCount = ({ start, end, samplesPerSecond }: Series): number =>
  Math.floor(((end - start) / 1000) * samplesPerSecond);

/** Uniform in [0, 1). */
export type Random = () => number;

export function* samplesOf(series: readonly Series[], random: Random): Generator<Sample> {
  const cursors = series.map((one) => ({ one, index: 0, count: sampleCount(one) }));
  for (;;) {
    const live = cursors.filter(({ index, count }) => index < count);
    if (live.length === 0) return;
    const time = Math.min(...live.map(({ one, index }) => timeAt(one, index)));
    let value = 0;
    for (const cursor of live) {
      if (timeAt(cursor.one, cursor.index) !== time) continue;
      value += valueAt(cursor.one, cursor.index, random);
      cursor.index++;
    }
    yield { time, value };
  }
}

/** Databases keep milliseconds. */
const timeAt = ({ start, samplesPerSecond }: Series, index: number): number =>
  Math.round(start + (index * 1000) / samplesPerSecond);

function valueAt(series: Series, index: number, random: Random): number {
  const angle = (2 * Math.PI * index) / series.samplesPerSecond / series.periodSeconds;
  const moved = (random() * 2 - 1) * series.spread;
  return series.offset + series.cosine * Math.cos(angle) + series.sine * Math.sin(angle) + moved;
}
