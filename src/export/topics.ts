// The meters and topics that an export covers.

import type { Reader } from '../store/reader.js';

export interface ExportTopic {
  readonly id: number;
  readonly position: number;
  readonly metric: string;
  readonly unit: string;
  readonly counter: boolean;
}

export interface ExportMeter {
  readonly id: number;
  readonly name: string;
  /** By name; the earlier meanings of a metric before the present one. */
  readonly topics: readonly ExportTopic[];
}

export interface Selection {
  readonly reader: Reader;
  /** Patterns with `*` and `?`; none: all. */
  readonly meters: readonly string[];
  readonly metrics: readonly string[];
  /** ms UTC; `until` is exclusive. */
  readonly from: number;
  readonly until: number;
  /** Called with how many of the meters are done and how many rows there were. */
  readonly onProgress: (done: number, total: number, rows: number) => void;
}

/** Sorted by name, so that the same data give the same file, whatever the order in which they were stored. */
export async function selectMeters({ reader, meters, metrics }: Selection): Promise<readonly ExportMeter[]> {
  const [wantedMeter, wantedMetric] = [matcher(meters), matcher(metrics)];
  const topics = await reader.rows('SELECT id, meter_id, position, metric, unit, kind, version FROM topic');
  return (await reader.rows('SELECT id, name FROM meter'))
    .map(([id, name]) => ({
      id: Number(id),
      name: String(name),
      topics: topics
        .filter(([, meterId, , metric]) => Number(meterId) === Number(id) && wantedMetric(String(metric)))
        .sort((a, b) => compare(String(a[3]), String(b[3])) || Number(a[6]) - Number(b[6]))
        .map(([topicId, , position, metric, unit, kind]) => ({
          id: Number(topicId),
          position: Number(position),
          metric: String(metric),
          unit: String(unit),
          counter: kind === 'counter',
        })),
    }))
    .filter(({ name, topics: own }) => wantedMeter(name) && own.length > 0)
    .sort((a, b) => compare(a.name, b.name));
}

/** The names of all metrics of these meters, sorted. */
export const metricNames = (meters: readonly ExportMeter[]): readonly string[] =>
  [...new Set(meters.flatMap(({ topics }) => topics.map(({ metric }) => metric)))].sort(compare);

/** Of one meter's topics, those of each metric, by name. */
export function byMetric(topics: readonly ExportTopic[]): ReadonlyMap<string, readonly ExportTopic[]> {
  const found = new Map<string, ExportTopic[]>();
  for (const topic of topics) found.set(topic.metric, [...(found.get(topic.metric) ?? []), topic]);
  return found;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** `*` stands for any text, `?` for one character. */
export function matcher(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length === 0) return () => true;
  const expressions = patterns.map((pattern) => {
    const escaped = pattern
      .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    return new RegExp(`^${escaped}$`, 's');
  });
  return (name) => expressions.some((expression) => expression.test(name));
}
