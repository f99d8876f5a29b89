// The columns of a register map, and how a header cell is recognized: in any order, whatever its case, spaces and
// punctuation. The column dictionary in register-maps/README.md follows this table.

import type { Problems } from './problem.js';
import { cellRef, columnLetter, type Sheet } from './workbook.js';

export interface Column {
  readonly header: string;
  /** Other headers that are taken for this one. */
  readonly aliases: readonly string[];
  readonly required: boolean;
}

export const columns = {
  name: { header: 'Metric Name', aliases: ['Name', 'Metric'], required: true },
  description: { header: 'Metric Description', aliases: ['Description'], required: true },
  address: { header: 'Metric Address', aliases: ['Address', 'Register Address'], required: true },
  size: { header: 'Metric Size', aliases: ['Size', 'Registers', 'Length'], required: true },
  scale: { header: 'Scaling Factor', aliases: ['Scale', 'Scale Factor', 'Scaling', 'Multiplier'], required: true },
  dataType: { header: 'Data Type', aliases: ['Type', 'Metric Type', 'Format'], required: true },
  unit: { header: 'Unit', aliases: ['Units', 'Metric Unit'], required: false },
  function: { header: 'Function', aliases: ['Function Code', 'Register Type', 'FC'], required: false },
  wordOrder: { header: 'Word Order', aliases: ['Register Order'], required: false },
  byteOrder: { header: 'Byte Order', aliases: [], required: false },
  offset: { header: 'Offset', aliases: [], required: false },
  notAvailable: { header: 'Not Available', aliases: ['NA', 'N/A', 'Sentinel', 'Sentinels'], required: false },
  kind: { header: 'Kind', aliases: ['Metric Kind'], required: false },
  side: { header: 'Side', aliases: [], required: false },
  exponent: { header: 'Exponent', aliases: ['Scale Register'], required: false },
  /** For people: where the row comes from. Not loaded. */
  source: { header: 'Source', aliases: ['Sources', 'Comment', 'Comments', 'Note', 'Notes'], required: false },
} as const satisfies Record<string, Column>;

export type ColumnKey = keyof typeof columns;
export type ColumnPlaces = ReadonlyMap<ColumnKey, number>;

export const columnKeys = Object.keys(columns) as readonly ColumnKey[];

/** Case, spaces and punctuation do not count. */
export const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

const keyByHeader = new Map<string, ColumnKey>(
  columnKeys.flatMap((key) => [columns[key].header, ...columns[key].aliases].map((header) => [plain(header), key])),
);

/** Where each column stands, by the header row; null where a required one is absent and no row can be read. */
export function findColumns(sheet: Sheet, problems: Problems): ColumnPlaces | null {
  const headerRow = likelyHeaderRow(sheet);
  if (headerRow > 1) {
    problems.add('header-not-first', {
      cell: `A${headerRow}`,
      value: String(sheet.rows.get(headerRow)?.values().next().value?.value ?? ''),
      expected: 'expected the column headers in row 1: delete the rows above them',
    });
    return null;
  }
  const places = new Map<ColumnKey, number>();
  for (const cell of sheet.rows.get(1)?.values() ?? []) {
    const key = keyByHeader.get(plain(String(cell.value)));
    const first = key && places.get(key);
    if (key === undefined) {
      problems.add('unknown-column', {
        cell: cell.ref,
        value: String(cell.value),
        expected: `not a column of a register map, ignored; known are ${columnKeys.map((k) => columns[k].header).join(', ')}`,
      });
    } else if (first !== undefined) {
      problems.add('duplicate-column', {
        cell: cell.ref,
        value: String(cell.value),
        expected: `column ${columnLetter(first)} already holds ${columns[key].header}: delete one of them`,
      });
    } else {
      places.set(key, cell.column);
    }
  }
  const absent = columnKeys.filter((key) => columns[key].required && !places.has(key));
  for (const key of absent) {
    problems.add('missing-column', {
      cell: cellRef(1, Math.max(-1, ...places.values()) + 1),
      value: null,
      expected: `expected a column with the header "${columns[key].header}"`,
    });
  }
  return absent.length === 0 ? places : null;
}

/** A title above the header row is the usual reason why no column is found. */
function likelyHeaderRow(sheet: Sheet): number {
  const score = (row: number): number =>
    [...(sheet.rows.get(row)?.values() ?? [])].filter((cell) => keyByHeader.has(plain(String(cell.value)))).length;
  if (score(1) >= 2) return 1;
  for (let row = 2; row <= Math.min(20, sheet.lastRow); row++) if (score(row) >= 4) return row;
  return 1;
}
