// Exports figures of quarters, and of hours, days and months made of them: hours are UTC's, days and months the local ones
// of the time zone.

import { localDays } from '../store/calendar.js';
import type { Cell, Column, Table } from './table.js';
import { byMetric, type ExportMeter, type ExportTopic, metricNames, type Selection, selectMeters } from './topics.js';

export type Period = 'quarters' | 'hours' | 'days' | 'months';

export interface Figure {
  /** Start of the period, ms UTC. */
  readonly time: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly first: number;
  readonly last: number;
  /** Counters: what they ran forward. Null for gauges. */
  readonly consumption: number | null;
  /** The worst of the quarters'. */
  readonly quality: string | null;
}

const PAGE_QUARTERS = 5_000;
const HOUR_MS = 3_600_000;

const number = (name: string): Column => ({ name, type: 'number' });
const keys: readonly Column[] = [
  { name: 'time', type: 'time' },
  { name: 'meter', type: 'text' },
];
const figureColumns: readonly Column[] = [
  { name: 'metric', type: 'text' },
  { name: 'unit', type: 'text' },
  ...['count', 'min', 'max', 'mean', 'first', 'last', 'consumption'].map(number),
  { name: 'quality', type: 'text' },
];

/** Wide: a column per metric, with the consumption of counters and the mean of the others. */
export async function figuresTable(
  selection: Selection,
  options: { readonly period: Period; readonly wide: boolean; readonly timezone: string },
): Promise<Table> {
  const meters = await selectMeters(selection);
  const names = metricNames(meters);
  const { period, wide } = options;
  const columns = wide ? [...keys, ...names.map(number)] : [...keys, ...figureColumns];
  return { name: period, columns, rows: figureRows(selection, meters, { ...options, names: wide ? names : null }) };
}

async function* figureRows(
  selection: Selection,
  meters: readonly ExportMeter[],
  { period, timezone, names }: { period: Period; timezone: string; names: readonly string[] | null },
): AsyncGenerator<readonly Cell[]> {
  const startOf = periodStart(period, timezone);
  let rows = 0;
  for (const [done, meter] of meters.entries()) {
    const wide = new Map<number, Cell[]>();
    for (const [metric, topics] of byMetric(meter.topics)) {
      for (const topic of topics) {
        for await (const figure of grouped(quartersOf(selection, meter, topic), startOf)) {
          const { time, count, min, max, mean, first, last, consumption, quality } = figure;
          if (names === null) {
            rows++;
            yield [time, meter.name, metric, topic.unit, count, min, max, mean, first, last, consumption, quality];
          } else {
            const cells = wide.get(time) ?? new Array<Cell>(names.length).fill(null);
            wide.set(time, cells);
            cells[names.indexOf(metric)] = topic.counter ? consumption : mean;
          }
        }
      }
    }
    for (const [time, cells] of [...wide].sort(([a], [b]) => a - b)) {
      rows++;
      yield [time, meter.name, ...cells];
    }
    selection.onProgress(done + 1, meters.length, rows);
  }
}

async function* quartersOf(
  { reader, from, until }: Selection,
  meter: ExportMeter,
  topic: ExportTopic,
): AsyncGenerator<Figure> {
  for (let start = from; ; ) {
    const page = await reader.rows(
      `SELECT ${reader.ms('bucket')}, count, min, max, mean, first, last, increase, quality FROM rollup
WHERE meter_id = ? AND topic_id = ? AND bucket >= ${reader.time} AND bucket < ${reader.time} ORDER BY rollup.bucket LIMIT ${PAGE_QUARTERS}`,
      [meter.id, topic.id, start, until],
    );
    for (const [time, count, min, max, mean, first, last, consumption, quality] of page) {
      yield {
        time: Number(time),
        count: Number(count),
        min: Number(min),
        max: Number(max),
        mean: Number(mean),
        first: Number(first),
        last: Number(last),
        consumption: consumption === null ? null : Number(consumption),
        quality: quality === null ? null : String(quality),
      };
    }
    const end = page.at(-1);
    if (!end || page.length < PAGE_QUARTERS) return;
    start = Number(end[0]) + 1;
  }
}

/** Puts together what has the same period; figures come in order of time. */
export async function* grouped(
  figures: AsyncIterable<Figure>,
  startOf: (time: number) => number,
): AsyncGenerator<Figure> {
  let group: Figure | null = null;
  for await (const figure of figures) {
    const time = startOf(figure.time);
    if (group !== null && group.time !== time) yield group;
    group = group === null || group.time !== time ? { ...figure, time } : joined(group, figure);
  }
  if (group !== null) yield group;
}

function joined(a: Figure, b: Figure): Figure {
  const count = a.count + b.count;
  return {
    time: a.time,
    count,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    mean: a.mean + (b.mean - a.mean) * (b.count / count),
    first: a.first,
    last: b.last,
    consumption: a.consumption === null && b.consumption === null ? null : (a.consumption ?? 0) + (b.consumption ?? 0),
    quality: severity(a.quality) >= severity(b.quality) ? a.quality : b.quality,
  };
}

/** From harmless to worst, as in the view `energy`. */
const qualities: readonly (string | null)[] = [
  null,
  'good',
  'gap',
  'wrap',
  'reset',
  'exchanged',
  'unchecked',
  'jump',
  'suspect',
];
const severity = (quality: string | null): number => qualities.indexOf(quality);

/** Where the period begins that a time lies in. */
export function periodStart(period: Period, timezone: string): (time: number) => number {
  if (period === 'quarters') return (time) => time;
  if (period === 'hours') return (time) => time - (time % HOUR_MS);
  let day = { starts: 0, ends: 0, day: '', month: '' };
  let [month, monthStarts] = ['', 0];
  return (time) => {
    if (time < day.starts || time >= day.ends) day = localDays(timezone, time, time + 1)[0] ?? day;
    if (period === 'days') return day.starts;
    if (day.month !== month) {
      month = day.month;
      monthStarts = day.starts;
      while (monthStarts > day.starts - 40 * 24 * HOUR_MS) {
        const before = localDays(timezone, monthStarts - 1, monthStarts)[0];
        if (!before || before.month !== month) break;
        monthStarts = before.starts;
      }
    }
    return monthStarts;
  };
}
