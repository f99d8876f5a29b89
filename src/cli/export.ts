// `emdc export`: readings or figures of the database as CSV, Excel workbook or Parquet file.

import { extname } from 'node:path';
import process from 'node:process';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type ExportFormat, type ExportWhat, exportData, exportFormats, exportWhat } from '../export/export.js';
import { LocalTimeReader } from '../import/local-time.js';
import { EmdcError } from '../model/errors.js';
import { redactUrl } from '../store/open.js';
import { kindOf, openReader } from '../store/read.js';
import { configCommand, loadFrom, printWarnings, withExamples } from './config-options.js';
import { startProgress } from './progress.js';

interface Options {
  readonly output?: string;
  readonly format?: ExportFormat;
  readonly meters?: readonly string[];
  readonly metrics?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly wide?: boolean;
  readonly utc?: boolean;
}

const patterns = (text: string): readonly string[] => text.split(',').map((part) => part.trim());

export const exportCommand = (): Command =>
  withExamples(
    configCommand('export', { meters: 'none' })
      .argument('[what]', exportWhat.join(', '), choice, 'readings')
      .description(
        'Writes readings, or figures of quarters, hours, days or months, peaks or coverage, as CSV, Excel workbook or Parquet file. Times are local times of `timezone` with their offset; days and months are local.',
      )
      .option('-o, --output <file>', 'a .csv, .xlsx or .parquet file; CSV to standard output if left out')
      .addOption(new Option('--format <format>', "if the file's name does not say it").choices([...exportFormats]))
      .option('--meters <patterns>', 'such as Site/*,Plant/M? (default: all)', patterns)
      .option('--metrics <patterns>', 'such as W*,Frequency (default: all)', patterns)
      .option('--from <time>', 'first time, such as 2026-01-01 or 2026-01-01T06:00:00Z')
      .option('--to <time>', 'end, exclusive')
      .option('--wide', 'a column per metric: values, the consumption of counters, the mean of others')
      .option('--utc', 'times in UTC'),
    [
      'export days --config emdc.yaml --from 2026-01-01 --to 2026-02-01 -o january.xlsx',
      "export --meters 'Site/*' --metrics W --wide > w.csv",
    ],
  ).action(async (what: ExportWhat, options: Options, command: Command) => {
    const loaded = await loadFrom(command, { meters: 'none' });
    printWarnings(loaded);
    const { database, timezone } = loaded.config;
    const { output, wide = false, utc = false } = options;
    if (wide && (what === 'peaks' || what === 'coverage')) command.error(`error: --wide does not go with ${what}`);
    const format = options.format ?? formatOf(output, command);
    const times = new LocalTimeReader(timezone);
    const [from, until] = [timeOf(options.from, times, 0, command), timeOf(options.to, times, LATEST, command)];
    const reader = await openReader(database.url);
    const progress = startProgress('exporting');
    try {
      if ((await kindOf(reader)) !== 'emdc') {
        throw new EmdcError({
          code: 'export-source',
          message: `${redactUrl(database.url)} is no database of this EMDC`,
          hint: 'Name it in database.url; older ones are copied by `emdc import` first.',
        });
      }
      const rows = await exportData({
        reader,
        what,
        format,
        wide,
        timezone,
        from,
        until,
        times: utc ? 'utc' : 'local',
        meters: options.meters ?? [],
        metrics: options.metrics ?? [],
        to: output ?? process.stdout,
        onProgress: (done, total, count) => progress.show(done, total, `${count} rows`),
      });
      progress.stop();
      if (output !== undefined) process.stderr.write(`${rows} rows in ${output}\n`);
    } finally {
      progress.stop();
      await reader.close();
    }
  });

/** The year 9999. */
const LATEST = 253_370_764_800_000;

function choice(text: string): ExportWhat {
  const found = exportWhat.find((what) => what === text);
  if (found) return found;
  throw new InvalidArgumentError(`Expected one of ${exportWhat.join(', ')}.`);
}

function formatOf(output: string | undefined, command: Command): ExportFormat {
  if (output === undefined) return 'csv';
  const found = exportFormats.find((format) => `.${format}` === extname(output).toLowerCase());
  return found ?? command.error(`error: ${output}: the name ends in none of .csv, .xlsx, .parquet: add --format`);
}

function timeOf(text: string | undefined, times: LocalTimeReader, fallback: number, command: Command): number {
  if (text === undefined) return fallback;
  return (
    times.read(text)?.time ?? command.error(`error: ${JSON.stringify(text)} is no time such as 2026-01-01T06:00:00`)
  );
}
