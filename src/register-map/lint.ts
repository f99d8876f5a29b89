// What only shows when rows are looked at side by side: duplicates, overlaps, exponents that point nowhere, and what the
// spreadsheet hides from the eye.

import type { Metric } from '../model/meter.js';
import { type ColumnKey, columns } from './columns.js';
import { isWhole } from './data-types.js';
import { lastMetricRow, type MetricRow, type RowContext } from './rows.js';
import { type Cell, cellRef, columnLetter } from './workbook.js';

export function lintSheet(context: RowContext): void {
  const { sheet, places, problems } = context;
  const last = lastMetricRow(context);
  const nameColumn = places.get('name') ?? 0;
  if (last < 2) {
    const expected = 'expected a metric in row 2, with its name in the first column';
    problems.add('no-metrics', { cell: cellRef(2, nameColumn), value: null, expected });
  }
  lintNames(context, last);
  const following = [...sheet.rows].filter(([row, cells]) => row > last && cells.has(nameColumn)).map(([row]) => row);
  const next = following.reduce<number | null>((least, row) => Math.min(row, least ?? row), null);
  if (sheet.rows.get(last + 1)?.has(places.get('address') ?? -1) === true) {
    problems.add('nameless-row', {
      cell: cellRef(last + 1, nameColumn),
      value: null,
      expected: `the map ends here, since the metric has no name${next === null ? '' : `; ${following.length} more follow`}: give it one, or delete the row`,
    });
  } else if (next !== null) {
    problems.add('empty-row', {
      cell: cellRef(last + 1, nameColumn),
      value: null,
      expected: `the map ends at this row without a name; ${following.length} more from row ${next} on are not read: delete the empty row${next - last > 2 ? 's' : ''}`,
      fix: { type: 'remove-rows', first: last + 1, last: next - 1 },
    });
  }
  for (const merge of sheet.merges) {
    const touches = [...places].some(
      ([key, column]) =>
        key !== 'description' && key !== 'source' && column >= merge.firstColumn && column <= merge.lastColumn,
    );
    if (!touches || merge.firstRow > last) continue;
    const expected = 'the cells are merged, so that only the first has a value: split them and fill each one';
    problems.add('merged-cells', { cell: merge.ref, value: merge.ref, expected });
  }
  for (const [key, column] of places) {
    if (!sheet.hiddenColumns.has(column)) continue;
    const expected = 'the column is hidden, and its values count: show it, or delete it';
    problems.add('hidden-column', { cell: columnLetter(column) + 1, value: columns[key].header, expected });
  }
  for (const row of sheet.hiddenRows) {
    if (row > last) continue;
    const expected = 'the row is hidden, and its metric is read: show it, or delete it';
    problems.add('hidden-row', {
      cell: cellRef(row, nameColumn),
      value: String(sheet.rows.get(row)?.get(nameColumn)?.value ?? ''),
      expected,
    });
  }
}

export function lintMetrics(rows: readonly MetricRow[], context: RowContext): void {
  const { places, problems, settings } = context;
  const ref = (row: MetricRow, key: ColumnKey): string => cellRef(row.row, places.get(key) ?? 0);
  for (const row of rows) {
    const { scale, size } = row.metric;
    if (scale === 0) {
      const expected = 'makes every reading 0; expected another number, 1 for none';
      problems.add('scale-zero', { cell: ref(row, 'scale'), value: scale, expected });
    }
    if (settings.maxRegisters !== null && size > settings.maxRegisters) {
      const expected = `expected at most ${settings.maxRegisters}, the registers of the largest request by the Meter sheet`;
      problems.add('exceeds-limits', { cell: ref(row, 'size'), value: size, expected });
    }
  }
  lintExponents(rows, context);
  lintGroups(rows, context);
  lintSharedRegisters(rows, context);
}

/** By the name cells, not the metrics: a row with other mistakes has a name, too. */
function lintNames({ sheet, places, problems }: RowContext, last: number): void {
  const byName = new Map<string, Cell>();
  const byLowerName = new Map<string, Cell>();
  for (let row = 2; row <= last; row++) {
    const cell = sheet.rows.get(row)?.get(places.get('name') ?? 0);
    if (cell === undefined) continue;
    const name = String(cell.value);
    const twin = byName.get(name);
    const nearTwin = byLowerName.get(name.toLowerCase());
    if (twin !== undefined) {
      const expected = `row ${twin.row} has the same name: every metric needs its own`;
      problems.add('duplicate-name', { cell: cell.ref, value: name, expected });
    } else if (nearTwin !== undefined) {
      const expected = `differs from ${nearTwin.value} in row ${nearTwin.row} only by upper and lower case`;
      problems.add('names-differ-by-case', { cell: cell.ref, value: name, expected });
    }
    byName.set(name, twin ?? cell);
    byLowerName.set(name.toLowerCase(), nearTwin ?? cell);
  }
}

function lintExponents(rows: readonly MetricRow[], { sheet, places, problems }: RowContext): void {
  const byName = new Map(rows.map((row) => [row.metric.name, row]));
  const nameColumn = places.get('name') ?? 0;
  const allNames = new Set([...sheet.rows.values()].map((cells) => String(cells.get(nameColumn)?.value)));
  for (const { row, metric } of rows) {
    if (metric.exponent === null) continue;
    const cell = cellRef(row, places.get('exponent') ?? 0);
    const target = byName.get(metric.exponent);
    // A row whose own mistakes kept it from being a metric: those are told already.
    if (target === undefined && allNames.has(metric.exponent)) continue;
    if (target === undefined || target.row === row) {
      const expected = 'expected the name of another metric of this map, which holds the power of ten';
      problems.add('unknown-exponent', { cell, value: metric.exponent, expected });
      continue;
    }
    const { dataType, scale, offset, exponent } = target.metric;
    const suits = isWhole(dataType) && scale === 1 && offset === 0 && exponent === null;
    if (suits) continue;
    const expected = `expected a metric that is a whole number with scale 1 and no exponent of its own; row ${target.row} is not`;
    problems.add('unsuitable-exponent', { cell, value: metric.exponent, expected });
  }
}

function lintGroups(rows: readonly MetricRow[], { places, problems, settings }: RowContext): void {
  const groups = new Map<string, MetricRow[]>();
  for (const row of rows) {
    const { group } = row.metric;
    if (group !== undefined) groups.set(group, [...(groups.get(group) ?? []), row]);
  }
  for (const [group, members] of groups) {
    const first = members[0] as MetricRow;
    const cell = cellRef(first.row, places.get('group') ?? 0);
    const start = Math.min(...members.map(({ metric }) => metric.address));
    const count = Math.max(...members.map(({ metric }) => metric.address + metric.size)) - start;
    const tables = new Set(members.map(({ metric }) => metric.function));
    const most = settings.maxRegisters ?? 125;
    if (members.length === 1) {
      const expected = 'expected at least two metrics with this word, which are read in one request';
      problems.add('lonely-group', { cell, value: group, expected });
    } else if (tables.size > 1 || count > most) {
      const why = tables.size > 1 ? `lie in ${[...tables].join(' and ')}` : `span ${count} registers`;
      problems.add('group-too-wide', {
        cell,
        value: group,
        expected: `its metrics ${why}; one request reads ${most} of one table`,
      });
    }
  }
}

const isBit = (metric: Metric): boolean => metric.dataType.startsWith('BIT');

/** Bits share their register by nature, and a status word may be kept whole beside its bits. */
const mayShare = (a: Metric, b: Metric): boolean => (isBit(a) || isBit(b)) && a.dataType !== b.dataType;

function lintSharedRegisters(rows: readonly MetricRow[], { places, problems }: RowContext): void {
  const sorted = [...rows].sort(
    (a, b) =>
      a.metric.function.localeCompare(b.metric.function) || a.metric.address - b.metric.address || a.row - b.row,
  );
  const addressColumn = places.get('address') ?? 0;
  const longest = rows.reduce((most, { metric }) => Math.max(most, metric.size), 0);
  const found: { readonly row: number; readonly add: () => void }[] = [];
  sorted.forEach((later, index) => {
    for (let back = index - 1; back >= 0; back--) {
      const earlier = sorted[back];
      if (earlier === undefined || earlier.metric.function !== later.metric.function) break;
      if (earlier.metric.address + longest <= later.metric.address) break;
      if (earlier.metric.address + earlier.metric.size <= later.metric.address) continue;
      if (mayShare(earlier.metric, later.metric)) continue;
      const [first, second] = earlier.row < later.row ? [earlier, later] : [later, earlier];
      const same = first.metric.address === second.metric.address && first.metric.size === second.metric.size;
      const where = `${first.metric.name} (${cellRef(first.row, addressColumn)})`;
      const expected = same
        ? `reads the same registers as ${where}: copied and not changed?`
        : `shares registers with ${where}, which reads ${first.metric.address} to ${first.metric.address + first.metric.size - 1}`;
      const place = { cell: cellRef(second.row, addressColumn), value: second.metric.address, expected };
      found.push({ row: second.row, add: () => problems.add(same ? 'same-address' : 'overlap', place) });
      break;
    }
  });
  for (const { add } of found.sort((a, b) => a.row - b.row)) add();
}
