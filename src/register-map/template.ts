// The sheets of a map that EMDC writes itself: the shipped maps and what `emdc map new` starts. Every header has a note
// that says what its column means; columns that know only some words have a list to choose from.

import { functionWords, orderWords, readWords, sideWords } from './choices.js';
import { type ColumnKey, columnKeys, columns } from './columns.js';
import { dataTypes } from './data-types.js';
import { type MeterSheet, meterSettings, meterSheetName } from './meter-sheet.js';
import type { ChoiceList } from './sheet-xml.js';
import { cellRef, columnLetter, composeWorkbook, type NewSheet } from './workbook.js';

type CellValue = string | number | null;

/** Rows that the lists to choose from cover: room to grow. */
const LIST_ROWS = 1000;

const lists: Partial<Record<ColumnKey, readonly string[]>> = {
  dataType: dataTypes,
  function: [...new Set(functionWords.values())],
  wordOrder: [...new Set(orderWords.values())],
  byteOrder: [...new Set(orderWords.values())],
  side: [...new Set(sideWords.values())],
  read: [...new Set(readWords.values())],
};

export function metricsSheet(
  keys: readonly ColumnKey[],
  rows: readonly Readonly<Partial<Record<ColumnKey, CellValue>>>[],
): NewSheet {
  const choices = keys.flatMap((key, index): ChoiceList[] => {
    const words = lists[key];
    const letter = columnLetter(index);
    return words === undefined
      ? []
      : [{ range: `${letter}2:${letter}${LIST_ROWS}`, words, error: `${columns[key].header}: choose one of the list` }];
  });
  return {
    name: 'Metrics',
    rows: [keys.map((key) => columns[key].header), ...rows.map((row) => keys.map((key) => row[key] ?? null))],
    widths: keys.map((key) => columns[key].width),
    notes: new Map(keys.map((key, index) => [cellRef(1, index), columns[key].says])),
    choices,
  };
}

/** All settings, so that people see what there is; those that are null stay empty. */
export function meterSheetOf(settings: Partial<MeterSheet>): NewSheet {
  const keys = Object.keys(meterSettings) as (keyof MeterSheet)[];
  return {
    name: meterSheetName,
    rows: [
      ['Setting', 'Value', 'Meaning'],
      ...keys.map((key) => [meterSettings[key].header, settings[key] ?? null, meterSettings[key].says]),
    ],
    widths: [16, 10, 100],
  };
}

export function notesSheet(rows: readonly (readonly [string, string])[]): NewSheet {
  return { name: 'Notes', rows: [['About', 'Note'], ...rows], widths: [12, 120] };
}

/** The workbook that `emdc map new` writes: every column, no metric yet. */
export const newMap = (): Buffer =>
  composeWorkbook([
    metricsSheet(columnKeys, []),
    meterSheetOf({}),
    notesSheet([
      ['Meter', ''],
      ['How sure', ''],
      ['Source', ''],
      [
        'How to',
        'Fill in the sheet Metrics, a row for each metric. The notes on its headers say what the columns mean.',
      ],
      [
        'How to',
        'Columns that you leave empty have sensible defaults, but for the first six. Columns that you do not need can go.',
      ],
      ['How to', 'Registers counted from 1 or from 40001 in your list? Say so in the sheet Meter, as Base Address.'],
      ['How to', 'Then: emdc check FILE; emdc read --host … --map FILE; emdc commission --host … --map FILE'],
    ]),
  ]);
