// Writes a corrected copy of a map: the problems that have one mechanical mending are mended, everything else (other
// sheets, formats, notes, lists to choose from) stays as it was. The original is never touched.

import { writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { EmdcError } from '../model/errors.js';
import { editSheet } from './edit-workbook.js';
import { checkRegisterMap, type LoadOptions, worksheetOf } from './load.js';
import type { Fix } from './problem.js';
import { removeRows, setCell } from './sheet-xml.js';
import { parseWorkbook, readMapFile, type Sheet } from './workbook.js';

export interface FixResult {
  /** `eaton.fixed.xlsx`, beside the original; null: there was nothing to mend, and nothing was written. */
  readonly file: string | null;
  readonly fixed: number;
}

export function fixMap(file: string, options: LoadOptions & { readonly target?: string } = {}): FixResult {
  const fixes = checkRegisterMap(file, options).problems.flatMap((problem) => problem.fix ?? []);
  if (fixes.length === 0) return { file: null, fixed: 0 };
  const target =
    options.target ?? join(dirname(file), `${basename(file, extname(file))}.fixed${extname(file).toLowerCase()}`);
  writeFileSync(target, fixBytes(readMapFile(file), fixes, { file, worksheet: options.worksheet ?? 'Metrics' }));
  return { file: target, fixed: fixes.length };
}

/** Also for other corrections than the lint's own, such as those that commissioning finds. */
export function fixBytes(
  bytes: Uint8Array,
  fixes: readonly Fix[],
  { file, worksheet }: { readonly file: string; readonly worksheet: string },
): Buffer {
  const format = extname(file).toLowerCase() === '.csv' ? 'csv' : 'xlsx';
  const sheet = worksheetOf(parseWorkbook(bytes, { format, file }), worksheet);
  if (sheet === undefined) throw new EmdcError({ code: 'no-such-worksheet', message: `${file} has no ${worksheet}` });
  // Cells first, rows from the last one up: no fix then moves what another one means.
  const sets = fixes.filter((fix) => fix.type === 'set');
  const removals = fixes.filter((fix) => fix.type === 'remove-rows').sort((a, b) => b.first - a.first);
  if (format === 'csv') return csvOf(sheet, { sets, removals });
  return editSheet(bytes, sheet.name, (xml) => {
    const set = sets.reduce((text, fix) => setCell(text, fix.cell, fix.value), xml);
    return removals.reduce((text, fix) => removeRows(text, fix.first, fix.last), set);
  });
}

interface CsvFixes {
  readonly sets: readonly Extract<Fix, { type: 'set' }>[];
  readonly removals: readonly Extract<Fix, { type: 'remove-rows' }>[];
}

function csvOf(sheet: Sheet, { sets, removals }: CsvFixes): Buffer {
  const changed = new Map(sets.map((fix) => [fix.cell, fix.value]));
  let width = 0;
  for (const cells of sheet.rows.values()) for (const column of cells.keys()) width = Math.max(width, column + 1);
  const lines: string[] = [];
  for (let row = 1; row <= sheet.lastRow; row++) {
    if (removals.some(({ first, last }) => row >= first && row <= last)) continue;
    const cells = sheet.rows.get(row);
    const fields = Array.from({ length: width }, (_, column) => {
      const cell = cells?.get(column);
      return quote(String(cell === undefined ? '' : (changed.get(cell.ref) ?? cell.value)));
    });
    lines.push(fields.join(','));
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n`);
}

const quote = (field: string): string => (/[",;\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
