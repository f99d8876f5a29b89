// Reads .xlsx and .csv files into cells, and writes .xlsx. The only importer of the spreadsheet library. A cell is its value, never its
// displayed text: a scale that shows as 1.52588E-05 is the number behind it. A formula is the value that the spreadsheet
// program last computed for it. What cannot be taken at its value (dates, errors, formulas never computed) says so.

import { extname } from 'node:path';
import { read, SSF, utils, type WorkSheet, write } from 'xlsx';
import { EmdcError, messageOf } from '../model/errors.js';
import { readInputFile } from '../model/input-file.js';
import { parseCsvText } from './csv.js';
import { type ChoiceList, dressSheet, styleHeader } from './sheet-xml.js';
import { changePart, readZip, writeZip } from './zip.js';

/** `uncomputed`: a formula without a stored value. `error`: `#REF!` and the like. */
export type CellKind = 'text' | 'number' | 'boolean' | 'date' | 'error' | 'uncomputed';

export interface Cell {
  /** `F7` */
  readonly ref: string;
  /** 1-based, as the spreadsheet shows it. */
  readonly row: number;
  /** 0-based. */
  readonly column: number;
  readonly kind: CellKind;
  /** Text is trimmed and never empty; for `date`, `error` and `uncomputed` the displayed text. */
  readonly value: string | number | boolean;
}

export interface CellRange {
  /** `C2:C5` */
  readonly ref: string;
  readonly firstRow: number;
  readonly lastRow: number;
  readonly firstColumn: number;
  readonly lastColumn: number;
}

export interface Sheet {
  /** Empty in a .csv file, which has one nameless sheet. */
  readonly name: string;
  /** 1-based row number → 0-based column → cell. Empty cells and rows are absent. */
  readonly rows: ReadonlyMap<number, ReadonlyMap<number, Cell>>;
  /** Number of the last row that has a cell; 0: an empty sheet. */
  readonly lastRow: number;
  readonly merges: readonly CellRange[];
  readonly hiddenRows: ReadonlySet<number>;
  readonly hiddenColumns: ReadonlySet<number>;
}

export interface Workbook {
  readonly format: 'xlsx' | 'csv';
  readonly sheets: readonly Sheet[];
}

const MAX_BYTES = 32 * 1024 * 1024;
/** More rows than a meter has registers: the rest of a runaway sheet is not looked at. */
const MAX_ROWS = 70_000;

export const cellRef = (row: number, column: number): string => utils.encode_cell({ r: row - 1, c: column });

export const columnLetter = (column: number): string => utils.encode_col(column);

/** Throws EmdcError `unreadable-file` where the file is absent, too large, or neither .xlsx nor .csv. */
export function readWorkbook(file: string): Workbook {
  const format = extname(file).toLowerCase();
  if (format !== '.xlsx' && format !== '.csv') throw unreadable(`${file} is neither an .xlsx nor a .csv file`);
  return parseWorkbook(readMapFile(file), { format: format === '.csv' ? 'csv' : 'xlsx', file });
}

/** The bytes of a map. Throws EmdcError `unreadable-file`. */
export function readMapFile(file: string): Buffer {
  try {
    return readInputFile(file);
  } catch (error) {
    throw unreadable(`${file} cannot be read: ${messageOf(error)}`, error);
  }
}

/** Throws EmdcError `unreadable-file`; `file` is for its message. */
export function parseWorkbook(
  bytes: Uint8Array,
  { format, file }: { readonly format: 'xlsx' | 'csv'; readonly file: string },
): Workbook {
  if (bytes.length > MAX_BYTES) throw unreadable(`${file} is larger than ${MAX_BYTES / 1024 / 1024} MB`);
  return format === 'csv' ? parseCsv(bytes, file) : parseXlsx(bytes, file);
}

function parseXlsx(bytes: Uint8Array, file: string): Workbook {
  // The library takes anything for text: without this check a PDF would load as a sheet of one strange cell.
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) throw unreadable(`${file} is not an .xlsx file`);
  try {
    // Packed anew: what has proven whole, in a container that the library can do no harm with.
    const sound = writeZip(readZip(Buffer.from(bytes)));
    const book = read(sound, { type: 'buffer', cellNF: true, cellStyles: true, sheetRows: MAX_ROWS });
    return { format: 'xlsx', sheets: book.SheetNames.map((name) => toSheet(name, book.Sheets[name])) };
  } catch (error) {
    throw unreadable(`${file} is not an .xlsx file that can be read: ${messageOf(error)}`, error);
  }
}

function parseCsv(bytes: Uint8Array, file: string): Workbook {
  const rows = new Map<number, Map<number, Cell>>();
  const lines = csvLines(bytes, file).slice(0, MAX_ROWS);
  lines.forEach((fields, line) => {
    const cells = fields.flatMap((field, column): [number, Cell][] => {
      const value = field.trim();
      const row = line + 1;
      return value === '' ? [] : [[column, { ref: cellRef(row, column), row, column, kind: 'text', value }]];
    });
    if (cells.length > 0) rows.set(line + 1, new Map(cells));
  });
  const nothing = { merges: [], hiddenRows: new Set<number>(), hiddenColumns: new Set<number>() };
  return { format: 'csv', sheets: [{ name: '', rows, lastRow: lines.length, ...nothing }] };
}

function csvLines(bytes: Uint8Array, file: string): string[][] {
  try {
    return parseCsvText(decodeText(bytes));
  } catch (error) {
    throw unreadable(`${file} is not a .csv file that can be read: ${messageOf(error)}`, error);
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

function toSheet(name: string, source: WorkSheet | undefined): Sheet {
  const rows = new Map<number, Map<number, Cell>>();
  let lastRow = 0;
  for (const [ref, raw] of Object.entries(source ?? {})) {
    if (ref.startsWith('!')) continue;
    const { r, c } = utils.decode_cell(ref);
    const cell = toCell(ref, r + 1, c, raw);
    if (cell === undefined) continue;
    let row = rows.get(r + 1);
    if (row === undefined) {
      row = new Map();
      rows.set(r + 1, row);
    }
    row.set(c, cell);
    lastRow = Math.max(lastRow, r + 1);
  }
  return {
    name,
    rows,
    lastRow,
    merges: (source?.['!merges'] ?? []).map((range) => ({
      ref: utils.encode_range(range),
      firstRow: range.s.r + 1,
      lastRow: range.e.r + 1,
      firstColumn: range.s.c,
      lastColumn: range.e.c,
    })),
    hiddenRows: new Set(indexesOf(source?.['!rows'], (row) => row.hidden === true).map((index) => index + 1)),
    hiddenColumns: new Set(indexesOf(source?.['!cols'], (column) => column.hidden === true)),
  };
}

function indexesOf<T>(list: readonly T[] | undefined, wanted: (item: T) => boolean): number[] {
  const found: number[] = [];
  list?.forEach((item, index) => {
    if (item && wanted(item)) found.push(index);
  });
  return found;
}

interface RawCell {
  readonly t?: string;
  readonly v?: unknown;
  readonly w?: string;
  readonly f?: string;
  readonly z?: string | number;
}

function toCell(ref: string, row: number, column: number, raw: RawCell): Cell | undefined {
  const place = { ref, row, column };
  const { v: value } = raw;
  if (value === undefined || value === null || raw.t === 'z') {
    return raw.f === undefined ? undefined : { ...place, kind: 'uncomputed', value: `=${raw.f}` };
  }
  const shown = raw.w ?? String(value);
  if (raw.t === 'e') return { ...place, kind: 'error', value: shown };
  if (typeof value === 'number') {
    const isDate = raw.t === 'd' || (raw.z !== undefined && SSF.is_date(String(raw.z)));
    return isDate ? { ...place, kind: 'date', value: shown } : { ...place, kind: 'number', value };
  }
  if (typeof value === 'boolean') return { ...place, kind: 'boolean', value };
  if (value instanceof Date) return { ...place, kind: 'date', value: shown };
  const text = String(value).trim();
  return text === '' ? undefined : { ...place, kind: 'text', value: text };
}

export interface NewSheet {
  readonly name: string;
  /** The first row is the header. Null: an empty cell. */
  readonly rows: readonly (readonly (string | number | null)[])[];
  /** In characters, by column. */
  readonly widths: readonly number[];
  /** Cell → text of the note that shows when the pointer is over it. */
  readonly notes?: ReadonlyMap<string, string>;
  readonly choices?: readonly ChoiceList[];
}

/** An .xlsx file. The same sheets give the same bytes (on one version of zlib). */
export function composeWorkbook(sheets: readonly NewSheet[]): Buffer {
  const book = utils.book_new();
  for (const { name, rows, widths, notes } of sheets) {
    const sheet = utils.aoa_to_sheet(rows.map((row) => [...row]));
    sheet['!cols'] = widths.map((wch) => ({ wch }));
    for (const [ref, text] of notes ?? []) {
      const cell = sheet[ref];
      if (cell !== undefined) cell.c = Object.assign([{ a: 'EMDC', t: text }], { hidden: true });
    }
    utils.book_append_sheet(book, sheet, name);
  }
  const parts = new Map(readZip(write(book, { type: 'buffer', bookType: 'xlsx' })));
  changePart(parts, 'xl/styles.xml', styleHeader);
  sheets.forEach(({ rows, choices }, index) => {
    const looks = { choices: choices ?? [], columnCount: rows[0]?.length ?? 0 };
    changePart(parts, `xl/worksheets/sheet${index + 1}.xml`, (xml) => dressSheet(xml, looks));
  });
  return writeZip(parts);
}

function unreadable(message: string, cause?: unknown): EmdcError {
  return new EmdcError({
    code: 'unreadable-file',
    message,
    hint: 'A register map is an .xlsx or .csv file. Save it as one of these in the spreadsheet program.',
    cause,
  });
}
