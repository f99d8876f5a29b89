// Writes a copy of a map with changed rows, as commissioning proposes them: cells of the sheet, everything else as it was.

import { writeFileSync } from 'node:fs';
import { EmdcError } from '../model/errors.js';
import { columns, findColumns } from './columns.js';
import { fixBytes } from './fix.js';
import { worksheetOf } from './load.js';
import { type Fix, Problems } from './problem.js';
import { type Cell, parseWorkbook, readMapFile, type Sheet } from './workbook.js';

/** One value of one metric's row, as the loaded map has it. */
export interface RowChange {
  readonly metric: string;
  readonly column: 'address' | 'size' | 'dataType' | 'scale' | 'wordOrder';
  readonly from: string | number;
  readonly to: string | number;
}

/** Throws EmdcError `no-such-cell` where the sheet has no cell to change, naming all of them. The original is never touched. */
export function correctMap(
  { mapFile, worksheet }: { readonly mapFile: string; readonly worksheet: string },
  { changes, target }: { readonly changes: readonly RowChange[]; readonly target: string },
): void {
  const bytes = readMapFile(mapFile);
  const format = mapFile.toLowerCase().endsWith('.csv') ? 'csv' : 'xlsx';
  const sheet = worksheetOf(parseWorkbook(bytes, { format, file: mapFile }), worksheet);
  if (sheet === undefined)
    throw new EmdcError({ code: 'no-such-worksheet', message: `${mapFile} has no ${worksheet}` });
  const cells = changes.map((change) => ({ change, cell: cellOf(sheet, change) }));
  const absent = cells.filter(({ cell }) => cell === undefined).map(({ change }) => change);
  if (absent.length > 0) {
    const columnsNeeded = [...new Set(absent.map(({ column }) => columns[column].header))].join(', ');
    throw new EmdcError({
      code: 'no-such-cell',
      message: `${mapFile} has no cell to correct for ${absent.map(({ metric, column }) => `${metric} (${columns[column].header})`).join(', ')}`,
      hint: `fill in the column ${columnsNeeded} (the default, if need be) and try again`,
    });
  }
  const fixes = cells.map(
    ({ change, cell }): Fix => ({ type: 'set', cell: (cell as Cell).ref, value: written(change, cell as Cell) }),
  );
  writeFileSync(target, fixBytes(bytes, fixes, { file: mapFile, worksheet }));
}

/** Addresses are written relative to the sheet's base address: what changes is the difference. */
function written({ column, from, to }: RowChange, cell: Cell): string | number {
  return column === 'address' ? Number(cell.value) + (Number(to) - Number(from)) : to;
}

function cellOf(sheet: Sheet, { metric, column }: RowChange): Cell | undefined {
  const places = findColumns(sheet, new Problems('', ''));
  const [name, wanted] = [places?.get('name'), places?.get(column)];
  if (name === undefined || wanted === undefined) return undefined;
  for (const cells of sheet.rows.values()) {
    if (String(cells.get(name)?.value) === metric) return cells.get(wanted);
  }
  return undefined;
}
