// Writes a table as an Excel workbook. Times are date cells, in the zone that was asked for, since Excel knows none.

import { writeFileSync } from 'node:fs';
import xlsx from 'xlsx';
import { EmdcError } from '../model/errors.js';
import type { Table } from './table.js';

/** Excel takes 1,048,576 rows a sheet. */
const ROWS_PER_SHEET = 1_000_000;
/** The library makes the workbook in memory, with about 500 bytes a cell. */
const MOST_CELLS = 10_000_000;
const DAY_MS = 86_400_000;
/** Day 0 of Excel's calendar. */
const EPOCH_MS = Date.UTC(1899, 11, 30);

/** `offsetAt`: local time minus UTC, ms. Resolves to the number of rows; rejects with `too-many-rows`. */
export async function writeXlsx(table: Table, file: string, offsetAt: (time: number) => number): Promise<number> {
  const book = xlsx.utils.book_new();
  const header = table.columns.map(({ name }) => name);
  let rows: unknown[][] = [header];
  let total = 0;
  const addSheet = () => {
    const sheet = xlsx.utils.aoa_to_sheet(rows, { dense: true });
    sheet['!cols'] = table.columns.map(({ type }) => ({ wch: type === 'time' ? 20 : 14 }));
    const number = book.SheetNames.length + 1;
    xlsx.utils.book_append_sheet(book, sheet, number === 1 ? table.name : `${table.name} ${number}`);
    rows = [header];
  };
  for await (const row of table.rows) {
    if (rows.length > ROWS_PER_SHEET) addSheet();
    rows.push(
      row.map((cell, index) => {
        if (table.columns[index]?.type !== 'time' || typeof cell !== 'number') return cell;
        return { t: 'n', v: (cell + offsetAt(cell) - EPOCH_MS) / DAY_MS, z: 'yyyy-mm-dd hh:mm:ss' };
      }),
    );
    total++;
    if (total * header.length > MOST_CELLS) {
      throw new EmdcError({
        code: 'too-many-rows',
        message: `more than ${MOST_CELLS} cells are too many for an Excel workbook`,
        hint: 'Choose a shorter span (--from, --to), fewer meters, longer periods, or CSV or Parquet.',
      });
    }
  }
  addSheet();
  writeFileSync(file, xlsx.write(book, { type: 'buffer', bookType: 'xlsx', compression: true }));
  return total;
}
