// Exports the views `peak` and `coverage` as they are.

import type { Cell, Column, Table } from './table.js';
import { matcher, type Selection, selectMeters } from './topics.js';

const text = (name: string): Column => ({ name, type: 'text' });
const number = (name: string): Column => ({ name, type: 'number' });

/** The highest quarter of each counter in each local month. */
export async function peaksTable(selection: Selection): Promise<Table> {
  const columns = ['month', 'meter', 'metric', 'unit'].map(text);
  const figures = ['consumption', 'power'].map(number);
  const ends = [text('quality'), number('share')];
  return {
    name: 'peaks',
    columns: [...columns, { name: 'time', type: 'time' }, ...figures, ...ends],
    rows: peakRows(selection),
  };
}

async function* peakRows(selection: Selection): AsyncGenerator<readonly Cell[]> {
  const { reader, from, until } = selection;
  const wanted = matcher(selection.metrics);
  let count = 0;
  const meters = await selectMeters(selection);
  for (const [done, { name }] of meters.entries()) {
    const rows = await reader.rows(
      `SELECT month, meter, metric, unit, ${reader.ms('time')}, consumption, power, quality, share FROM peak WHERE meter = ? ORDER BY 2, 3, 1, 5`,
      [name],
    );
    for (const [month, meter, metric, unit, time, consumption, power, quality, share] of rows) {
      if (!wanted(String(metric)) || Number(time) < from || Number(time) >= until) continue;
      count++;
      const names = [month, meter, metric, unit].map(String);
      yield [...names, Number(time), nullable(consumption), nullable(power), String(quality), nullable(share)];
    }
    selection.onProgress(done + 1, meters.length, count);
  }
}

const counts = [
  ...['expected', 'stored', 'missing', 'timeout', 'unreachable', 'disconnected', 'bad_answer', 'exception'],
  ...['not_available', 'invalid_value', 'offline', 'refused_before', 'other_meter', 'group_incomplete', 'deadline'],
  ...['shutdown', 'missed', 'down', 'lost', 'rejected'],
];

/** Readings expected, stored and missing by hour, with a column for each reason. */
export async function coverageTable(selection: Selection): Promise<Table> {
  return {
    name: 'coverage',
    columns: [{ name: 'time', type: 'time' }, text('meter'), ...counts.map(number)],
    rows: coverageRows(selection),
  };
}

async function* coverageRows(selection: Selection): AsyncGenerator<readonly Cell[]> {
  const { reader, from, until } = selection;
  let count = 0;
  const meters = await selectMeters(selection);
  for (const [done, { name }] of meters.entries()) {
    const rows = await reader.rows(
      `SELECT ${reader.ms('time')}, ${counts.join(', ')} FROM coverage WHERE meter = ? ORDER BY 1`,
      [name],
    );
    for (const [time, ...figures] of rows) {
      if (Number(time) < from || Number(time) >= until) continue;
      count++;
      yield [Number(time), name, ...figures.map(Number)];
    }
    selection.onProgress(done + 1, meters.length, count);
  }
}

const nullable = (value: unknown): number | null => (value === null ? null : Number(value));
