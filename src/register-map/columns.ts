// The columns of a register map, and how a header cell is recognized: in any order, whatever its case, spaces and
// punctuation. The column dictionary in register-maps/README.md follows this table.

import type { Problems } from './problem.js';
import { cellRef, columnLetter, type Sheet } from './workbook.js';

export interface Column {
  readonly header: string;
  /** Other headers that are taken for this one. */
  readonly aliases: readonly string[];
  readonly required: boolean;
  /** What a cell of the column means, for the note on the header and the column dictionary. */
  readonly says: string;
  /** In characters. */
  readonly width: number;
}

const column = (header: string, aliases: readonly string[], width: number, says: string): Column => ({
  header,
  aliases,
  required: false,
  width,
  says,
});

const required = (given: Column): Column => ({ ...given, required: true });

export const columns = {
  name: required(
    column(
      'Metric Name',
      ['Name', 'Metric'],
      18,
      'The last part of the topic, e.g. Voltage_AN. Every name once. Reading stops at the first row without one.',
    ),
  ),
  description: required(
    column('Metric Description', ['Description'], 44, 'For people; kept in the database. May be empty.'),
  ),
  address: required(
    column(
      'Metric Address',
      ['Address', 'Register Address'],
      15,
      'The zero-based address on the wire, 0 to 65535, or hexadecimal such as 0x1206. Printed register numbers often count from 1 or from 40001: say so once, as Base Address in the sheet Meter.',
    ),
  ),
  size: required(
    column(
      'Metric Size',
      ['Size', 'Registers', 'Length'],
      12,
      'Registers: 1 for 8 and 16 bits, 2 for 24 and 32, 3 for 48, 4 for 64; MOD10K and BCD take 1 to 4, STRING 1 to 125. For coils and discrete inputs 1.',
    ),
  ),
  scale: required(
    column(
      'Scaling Factor',
      ['Scale', 'Scale Factor', 'Scaling', 'Multiplier'],
      15,
      'value = raw x Scaling Factor + Offset. 1 leaves the raw number as it is. A formula such as =POWER(2,-16) counts with its exact value.',
    ),
  ),
  dataType: required(
    column(
      'Data Type',
      ['Type', 'Metric Type', 'Format'],
      14,
      'How the registers hold the number. UINT8 and INT8 are the high byte of the register. MOD10K: each register 0 to 9999. SM16: bit 15 is the sign. PF_QUADRANT: power factor code 0 to 3999. PF_IEEE_4Q: power factor from -2 to +2. BIT0 … BIT15: one bit of a register. BOOL: a coil or discrete input. UINT24 and INT24: the lower three bytes of two registers. STRING: two characters a register, for metrics that are read once.',
    ),
  ),
  unit: column('Unit', ['Units', 'Metric Unit'], 8, 'The unit of the value, e.g. W. Kept in the database.'),
  function: column(
    'Function',
    ['Function Code', 'Register Type', 'FC'],
    10,
    'Where the register lives: holding (function 3, the default), input (4), coil (1) or discrete (2).',
  ),
  wordOrder: column(
    'Word Order',
    ['Register Order'],
    12,
    'big, the default: the register with the highest digits comes first. little: the one with the lowest.',
  ),
  byteOrder: column(
    'Byte Order',
    [],
    12,
    'Of the two bytes in each register; big is the default and nearly always right.',
  ),
  offset: column('Offset', [], 10, 'Added after scaling; 0 is the default.'),
  notAvailable: column(
    'Not Available',
    ['NA', 'N/A', 'Sentinel', 'Sentinels'],
    22,
    'Raw codes by which the meter says that it has no value, e.g. 0x8000; several separated by spaces. They give no reading. NaN never does.',
  ),
  kind: column(
    'Kind',
    ['Metric Kind'],
    16,
    'gauge, the default, or counter for what only runs forward, such as energy. With the value at which it starts again from 0, where known: counter 100000000.',
  ),
  side: column(
    'Side',
    [],
    18,
    'secondary-voltage, secondary-current or secondary-power for values that the meter gives as measured behind its transformers: multiplied by ptRatio, ctRatio or both of the meter in the configuration. primary is the default.',
  ),
  exponent: column(
    'Exponent',
    ['Scale Register'],
    12,
    'The name of the metric of this map that holds the power of ten to multiply by (SunSpec, PM800).',
  ),
  read: column(
    'Read',
    [],
    10,
    'always, the default: in every cycle. once: at start, after each reconnect and daily, for what tells which device answers (serial number, model, firmware). Such a metric is no time series.',
  ),
  labels: column(
    'Labels',
    ['Label', 'Enumeration'],
    22,
    'Texts for raw numbers of a metric that is read once: 0=three-phase;1=single-phase.',
  ),
  group: column(
    'Group',
    [],
    10,
    'Metrics with the same word here are read in one request and stored together or not at all: a value and its exponent, a number in two parts.',
  ),
  maximum: column(
    'Maximum',
    ['Max', 'Max Value'],
    12,
    'The largest plausible value, in the unit; for a counter the most that it can run in an hour. Energy counts no step beyond it.',
  ),
  source: column(
    'Source',
    ['Sources', 'Comment', 'Comments', 'Note', 'Notes'],
    16,
    'For people: where the row comes from. Not loaded.',
  ),
} satisfies Record<string, Column>;

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
