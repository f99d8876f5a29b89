// One export: from the database to a file or a stream, in the form that was asked for.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { EmdcError, messageOf } from '../model/errors.js';
import { writeCsv } from './csv.js';
import { figuresTable } from './figures.js';
import { readingsTable } from './readings.js';
import { type Table, timeFormat, zoneOffset } from './table.js';
import type { Selection } from './topics.js';
import { coverageTable, peaksTable } from './views.js';

export const exportWhat = ['readings', 'quarters', 'hours', 'days', 'months', 'peaks', 'coverage'] as const;
export type ExportWhat = (typeof exportWhat)[number];

export const exportFormats = ['csv', 'xlsx', 'parquet'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface ExportOptions extends Selection {
  readonly what: ExportWhat;
  readonly format: ExportFormat;
  /** A column per metric instead of a row per metric; not for peaks and coverage. */
  readonly wide: boolean;
  /** IANA name: of local days and months. */
  readonly timezone: string;
  /** Of the times written; Parquet has instants. */
  readonly times: 'local' | 'utc';
  /** A file, which appears when it is whole; or a stream, for CSV. */
  readonly to: string | Writable;
}

/** Resolves to the number of rows; rejects with an EmdcError. */
export async function exportData(options: ExportOptions): Promise<number> {
  const { to } = options;
  if (typeof to !== 'string') return write(options, to);
  const part = `${to}.part`;
  try {
    const rows = await write(options, part);
    await rename(part, to);
    return rows;
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof EmdcError || !(error instanceof Error) || !('syscall' in error)) throw error;
    throw new EmdcError({ code: 'unwritable-file', message: `cannot write ${to}: ${messageOf(error)}`, cause: error });
  }
}

async function write(options: ExportOptions, to: string | Writable): Promise<number> {
  const { format, timezone, times } = options;
  const table = await tableOf(options);
  const zone = times === 'local' ? timezone : 'UTC';
  if (format === 'csv') {
    if (typeof to !== 'string') return writeCsv(table, to, timeFormat(zone));
    const file = createWriteStream(to);
    const failed = once(file, 'error').then(([error]) => Promise.reject(error));
    failed.catch(() => {});
    const rows = await Promise.race([writeCsv(table, file, timeFormat(zone)), failed]);
    file.end();
    await Promise.race([once(file, 'close'), failed]);
    return rows;
  }
  if (typeof to !== 'string')
    throw new EmdcError({ code: 'export-format', message: `${format} needs a file: write --output FILE` });
  return format === 'xlsx' ? writeXlsxFile(table, to, zone) : (await import('./parquet.js')).writeParquet(table, to);
}

const writeXlsxFile = async (table: Table, file: string, zone: string): Promise<number> =>
  (await import('./xlsx.js')).writeXlsx(table, file, zone === 'UTC' ? () => 0 : zoneOffset(zone));

function tableOf(options: ExportOptions): Promise<Table> {
  const { what, wide, timezone } = options;
  switch (what) {
    case 'readings':
      return readingsTable(options, wide);
    case 'peaks':
      return peaksTable(options);
    case 'coverage':
      return coverageTable(options);
    default:
      return figuresTable(options, { period: what, wide, timezone });
  }
}
