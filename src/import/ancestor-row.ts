// What a row of the ancestor's tables (VOLTTRON's historian schema) means here.

import type { MetricInfo } from '../model/meter.js';

/** A number, or a truth value as 1 and 0; null: nothing that a reading can hold. */
export function parseValue(text: string): number | null {
  const word = text.trim().replace(/^"(.*)"$/, '$1');
  if (/^true$/i.test(word)) return 1;
  if (/^false$/i.test(word)) return 0;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) return null;
  const value = Number(word);
  return Number.isFinite(value) ? value : null;
}

/** `Building/Meter/Metric` belongs to meter `Building/Meter`; a name without a slash to the meter `imported`. */
export function splitTopic(topic: string): { readonly meter: string; readonly metric: string } {
  const slash = topic.lastIndexOf('/');
  if (slash <= 0 || slash === topic.length - 1) return { meter: 'imported', metric: topic.replaceAll('/', '_') };
  return { meter: topic.slice(0, slash), metric: topic.slice(slash + 1) };
}

/** `metadata` is JSON such as `{"units":"W ","tz":"PT","type":"float"}`; null or anything else says nothing. */
export function metricOf(name: string, metadata: string | null): MetricInfo {
  const { units } = parseMetadata(metadata);
  const unit = typeof units === 'string' ? units.trim() : '';
  return { name, description: '', unit, dataType: 'FLOAT64', kind: { type: 'gauge' } };
}

function parseMetadata(text: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
