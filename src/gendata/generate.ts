// Puts the samples of a data generation file into a database. Where a topic has a value at the time of a sample, the sample
// takes its place.

import { metricOf, splitTopic } from '../import/ancestor-row.js';
import type { KnownMetrics } from '../import/known-metrics.js';
import { PollBuilder } from '../import/poll-builder.js';
import type { MeterInfo } from '../model/meter.js';
import type { Batch } from '../model/poll.js';
import { type Random, sampleCount, samplesOf } from './samples.js';
import type { Series } from './series.js';

export interface GenerateOptions {
  readonly write: (batch: Batch) => Promise<void>;
  readonly known: KnownMetrics;
  readonly random: Random;
  readonly onProgress: (written: number) => void;
}

export interface Generated {
  readonly topics: number;
  readonly written: number;
}

const BATCH_READINGS = 10_000;

/** An upper bound of what will be written: samples of one topic may fall on one another. */
export const totalSamples = (series: readonly Series[]): number =>
  series.reduce((sum, one) => sum + sampleCount(one), 0);

/** Rejects as `write` does. */
export async function generate(series: readonly Series[], options: GenerateOptions): Promise<Generated> {
  const { write, known, random, onProgress } = options;
  const topics = new Map<string, Series[]>();
  for (const one of series) topics.set(one.topic, [...(topics.get(one.topic) ?? []), one]);
  const builder = new PollBuilder();
  let written = 0;
  for (const [topic, parts] of topics) {
    const { meter, metric } = splitTopic(topic);
    const info: MeterInfo = known.meter(meter, [known.metric(meter, metric) ?? metricOf(metric, null)]);
    const meters = new Map([[meter, info]]);
    const flush = async () => {
      written += builder.readings;
      await write({ polls: builder.take(meters), gaps: [], merge: 'replace' });
      onProgress(written);
    };
    for (const { time, value } of samplesOf(parts, random)) {
      builder.add(meter, time, 0, value);
      if (builder.readings >= BATCH_READINGS) await flush();
    }
    await flush();
  }
  return { topics: topics.size, written };
}
