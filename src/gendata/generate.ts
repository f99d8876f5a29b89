// Puts the samples of a data generation file into a database, in place of what its topics had in those ranges.

import { importedMeter, metricOf, splitTopic } from '../import/ancestor-row.js';
import type { Bulk, Row } from '../store/bulk.js';
import { type Random, sampleCount, samplesOf } from './samples.js';
import type { Series } from './series.js';

export interface Generated {
  readonly topics: number;
  readonly removed: number;
  readonly written: number;
}

const BATCH_ROWS = 10_000;

/** An upper bound of what will be written: samples of one topic may fall on one another. */
export const totalSamples = (series: readonly Series[]): number =>
  series.reduce((sum, one) => sum + sampleCount(one), 0);

export async function generate(
  series: readonly Series[],
  options: { readonly bulk: Bulk; readonly random: Random; readonly onProgress: (written: number) => void },
): Promise<Generated> {
  const { bulk, random, onProgress } = options;
  const topics = new Map<string, Series[]>();
  for (const one of series) topics.set(one.topic, [...(topics.get(one.topic) ?? []), one]);
  let removed = 0;
  let written = 0;
  for (const [topic, parts] of topics) {
    const { meter, metric } = splitTopic(topic);
    const ids = (await bulk.enter([importedMeter(meter, [metricOf(metric, null)])])).get(topic);
    if (!ids) throw new Error(`topic ${topic} was not entered`);
    for (const { start, end } of parts) removed += await bulk.remove(ids, start, end);
    let rows: Row[] = [];
    const flush = async () => {
      await bulk.write(rows);
      written += rows.length;
      rows = [];
      onProgress(written);
    };
    for (const sample of samplesOf(parts, random)) {
      rows.push({ ...ids, ...sample });
      if (rows.length >= BATCH_ROWS) await flush();
    }
    await flush();
  }
  return { topics: topics.size, removed, written };
}
