// From a spreadsheet to a register map: all of it, or every problem at once.

import { basename, extname } from 'node:path';
import { EmdcError } from '../model/errors.js';
import type { RegisterMap } from '../model/meter.js';
import { findColumns, plain } from './columns.js';
import { checkExamples } from './examples.js';
import { lintMetrics, lintSheet } from './lint.js';
import { readMeterSheet } from './meter-sheet.js';
import { type MapProblem, Problems, refuseErrors } from './problem.js';
import { type RowContext, readRows } from './rows.js';
import { readWorkbook, type Sheet, type Workbook } from './workbook.js';

export interface LoadOptions {
  /** Default `Metrics`; does not count for a .csv file. */
  readonly worksheet?: string;
}

export interface LoadedMap {
  readonly map: RegisterMap;
  /** Warnings. */
  readonly problems: readonly MapProblem[];
}

export interface CheckedMap {
  /** Null where a problem is an error. */
  readonly map: RegisterMap | null;
  readonly problems: readonly MapProblem[];
}

/** Throws InvalidInput with every problem of the file where one of them is an error. */
export function loadRegisterMap(file: string, options: LoadOptions = {}): LoadedMap {
  const { map, problems } = checkRegisterMap(file, options);
  refuseErrors(file, problems);
  if (map === null) throw new EmdcError({ code: 'internal', message: `${file} has neither a map nor an error` });
  return { map, problems };
}

/** The same for those who want the problems and not an exception. */
export function checkRegisterMap(file: string, options: LoadOptions = {}): CheckedMap {
  let book: Workbook;
  try {
    book = readWorkbook(file);
  } catch (error) {
    if (!(error instanceof EmdcError)) throw error;
    const problems = new Problems(file, 'file');
    problems.add('unreadable-file', { cell: null, value: null, expected: `${error.message}. ${error.hint}` });
    return { map: null, problems: problems.list };
  }
  return checkWorkbook(book, file, options);
}

/** `file` names the map and is part of every problem. */
export function checkWorkbook(book: Workbook, file: string, options: LoadOptions = {}): CheckedMap {
  const worksheet = options.worksheet ?? 'Metrics';
  const sheet = worksheetOf(book, worksheet);
  const problems = new Problems(file, sheet?.name ?? worksheet);
  if (sheet === undefined) {
    problems.add('no-such-worksheet', {
      cell: null,
      value: worksheet,
      expected: `expected one of the sheets there are: ${book.sheets.map((s) => s.name).join(', ')}`,
    });
    return { map: null, problems: problems.list };
  }
  const { settings, identity, identityCells, problems: meterProblems } = readMeterSheet(book, file);
  const places = findColumns(sheet, problems);
  if (places === null) return { map: null, problems: [...problems.byPlace(), ...meterProblems.byPlace()] };
  const context: RowContext = { sheet, places, problems, textIsNormal: book.format === 'csv', settings };
  const rows = readRows(context);
  lintSheet(context);
  lintMetrics(rows, context);
  for (const [name, cell] of identityCells) {
    if (rows.some(({ metric }) => metric.name === name && metric.read === 'once')) continue;
    const expected = 'expected the name of a metric of this map that is read once';
    meterProblems.add('unknown-identity', { cell, value: name, expected });
  }
  const metrics = rows.map((row) => row.metric);
  const { baseAddress: _, ...limits } = settings;
  const exampleProblems = checkExamples(book, metrics, file);
  const failed = exampleProblems.hasErrors || problems.hasErrors || meterProblems.hasErrors;
  const map: RegisterMap = {
    name: basename(file, extname(file)),
    file,
    metrics,
    limits,
    identity,
  };
  const all = [...problems.byPlace(), ...meterProblems.byPlace(), ...exampleProblems.byPlace()];
  return { map: failed ? null : map, problems: all };
}

/** A .csv file has only one, whatever its name. */
export function worksheetOf(book: Workbook, worksheet: string): Sheet | undefined {
  if (book.format === 'csv') return book.sheets[0];
  return (
    book.sheets.find((sheet) => sheet.name === worksheet) ??
    book.sheets.find((sheet) => plain(sheet.name) === plain(worksheet))
  );
}
