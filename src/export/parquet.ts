// Writes a table as a Parquet file, a group of rows at a time. Times are instants (TIMESTAMP_MILLIS, UTC).

import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import type { Cell, Table } from './table.js';

/** Held in memory at once. */
const ROWS_PER_GROUP = 50_000;

const types = { time: 'TIMESTAMP', text: 'STRING', number: 'DOUBLE' } as const;

/** Resolves to the number of rows. */
export async function writeParquet(table: Table, file: string): Promise<number> {
  let count = 0;
  const objects = async function* () {
    for await (const row of table.rows) {
      count++;
      yield Object.fromEntries(
        table.columns.map(({ name, type }, index) => [name, parquetValue(row[index] ?? null, type)]),
      );
    }
  };
  await parquetWriteRows({
    writer: fileWriter(file),
    rows: objects(),
    columns: table.columns.map(({ name, type }) => ({ name, type: types[type], nullable: true })),
    rowGroupSize: ROWS_PER_GROUP,
  });
  return count;
}

const parquetValue = (cell: Cell, type: keyof typeof types): Cell | Date =>
  type === 'time' && typeof cell === 'number' ? new Date(cell) : cell;
