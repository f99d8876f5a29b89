// Exports readings: one row per reading (long), or one row per poll with a column per metric (wide).

import type { Cell, Column, Table } from './table.js';
import { byMetric, type ExportMeter, metricNames, type Selection, selectMeters } from './topics.js';

const PAGE_POLLS = 2_000;

/** Rejects with an EmdcError or what the database says. */
export async function readingsTable(selection: Selection, wide: boolean): Promise<Table> {
  const meters = await selectMeters(selection);
  const names = metricNames(meters);
  const columns: readonly Column[] = wide
    ? [...keys, ...names.map((name) => ({ name, type: 'number' }) as const)]
    : [...keys, { name: 'metric', type: 'text' }, { name: 'unit', type: 'text' }, { name: 'value', type: 'number' }];
  return { name: 'readings', columns, rows: readingRows(selection, meters, wide ? names : null) };
}

const keys: readonly Column[] = [
  { name: 'time', type: 'time' },
  { name: 'meter', type: 'text' },
];

async function* readingRows(
  selection: Selection,
  meters: readonly ExportMeter[],
  columns: readonly string[] | null,
): AsyncGenerator<readonly Cell[]> {
  let rows = 0;
  for (const [done, meter] of meters.entries()) {
    const metrics = byMetric(meter.topics);
    for await (const { slot, values } of pollsOf(selection, meter)) {
      if (columns === null) {
        for (const { position, metric, unit } of meter.topics) {
          const value = values[position] ?? null;
          if (value !== null) yield [slot, meter.name, metric, unit, value];
          if (value !== null) rows++;
        }
      } else {
        // Of a metric that changed its meaning, the topic of that time has the value.
        const cells = columns.map((name) => {
          const topic = metrics.get(name)?.findLast(({ position }) => (values[position] ?? null) !== null);
          return topic === undefined ? null : (values[topic.position] ?? null);
        });
        if (cells.some((cell) => cell !== null)) {
          rows++;
          yield [slot, meter.name, ...cells];
        }
      }
      if (rows % 1_000 === 0) selection.onProgress(done, meters.length, rows);
    }
    selection.onProgress(done + 1, meters.length, rows);
  }
}

async function* pollsOf(
  { reader, from, until }: Selection,
  { id }: ExportMeter,
): AsyncGenerator<{ readonly slot: number; readonly values: readonly (number | null)[] }> {
  for (let start = from; ; ) {
    const page = await reader.rows(
      `SELECT ${reader.ms('slot')}, ${reader.readings} FROM poll WHERE meter_id = ? AND slot >= ${reader.time} AND slot < ${reader.time} ORDER BY poll.slot LIMIT ${PAGE_POLLS}`,
      [id, start, until],
    );
    for (const [slot, readings] of page)
      if (readings !== null) yield { slot: Number(slot), values: JSON.parse(String(readings)) };
    const last = page.at(-1);
    if (!last || page.length < PAGE_POLLS) return;
    start = Number(last[0]) + 1;
  }
}
