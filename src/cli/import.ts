// `emdc import`: the ancestor's database, another EMDC's, or a CSV file, into this database.

import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import process from 'node:process';
import { type Command, InvalidArgumentError } from 'commander';
import { importAncestor } from '../import/ancestor.js';
import { importCsv } from '../import/csv.js';
import { csvColumns } from '../import/csv-columns.js';
import { importEmdc } from '../import/emdc.js';
import { importFirstEdition } from '../import/emdc-first.js';
import { KnownMetrics, storedMeters } from '../import/known-metrics.js';
import type { Finding, ImportOptions, Report } from '../import/report.js';
import { createLogger } from '../log/logger.js';
import { EmdcError, messageOf } from '../model/errors.js';
import { openStore, redactUrl } from '../store/open.js';
import { type DatabaseKind, kindOf, openReader } from '../store/read.js';
import type { Reader } from '../store/reader.js';
import { configCommand, loadFrom, printWarnings, withExamples } from './config-options.js';
import { type Progress, startProgress, statusLine } from './progress.js';

interface Options {
  readonly from: string;
  readonly timezone?: string;
  readonly mapColumns?: ReadonlyMap<string, string>;
}

export const importCommand = (): Command =>
  withExamples(
    configCommand('import', { meters: 'none' })
      .description(
        "Copies readings into database.url: from a database of an older EMDC or of this one, from an ancestor's database (VOLTTRON's tables topics, meta, data), or from a CSV file with the columns time, meter, metric, value. Nothing that is there is changed, so an import may run twice; an interrupted one goes on where it was. Times without an offset are local times of `timezone`. Metrics take kind and unit from the register maps of the configuration. Energy and coverage are there when the command ends.",
      )
      .requiredOption(
        '--from <url or file>',
        'file:old.db, mysql://user:password@host/database, postgresql://… or readings.csv',
      )
      .option(
        '--map-columns <list>',
        "names of a CSV file's columns: time=Zeit,meter=Zähler,metric=Größe,value=Wert,unit=Einheit",
        columnMap,
      ),
    [
      'import --config emdc.yaml --from file:old/emdc.db',
      'import --config emdc.yaml --from readings.csv --map-columns time=Timestamp,meter=Device',
    ],
  ).action(async (options: Options, command: Command) => {
    const named = Boolean(command.opts<{ config?: string }>().config ?? process.env['EMDC_CONFIG']);
    const loaded = await loadFrom(command, { meters: named ? 'needed' : 'none' });
    printWarnings(loaded);
    const { database, log, meters, timezone } = loaded.config;
    const source = await openSource(options.from);
    const logger = createLogger(log);
    const store = await openStore({
      url: database.url,
      meters: loaded.meterCount,
      log: logger.log,
      timezone,
      collector: 'import',
    });
    const progress = startProgress('importing');
    try {
      const target = await openReader(database.url);
      const known = new KnownMetrics(meters, await storedMeters(target).finally(() => target.close()));
      const onProgress = (done: number, total: number) => progress.show(done, total);
      const { mapColumns: headers = new Map() } = options;
      const shared = { store, known, note: noteOf(options.from), onProgress, timezone, headers };
      const report = await importFrom(source, shared);
      await makeRollups(store, progress);
      process.stdout.write(describeReport(report));
    } finally {
      progress.stop();
      if (source.kind !== 'csv') await source.reader.close();
      await store.close();
      await logger.close();
    }
  });

/** Files are CSV unless they are named as a database. */
const isUrl = (from: string): boolean => /^(file|sqlite|postgres|postgresql|mysql|mariadb):/i.test(from);

/** Where the progress of this source is kept. */
const noteOf = (from: string): string =>
  `import:${createHash('sha256')
    .update(isUrl(from) ? redactUrl(from) : resolve(from))
    .digest('hex')
    .slice(0, 16)}`;

/** What is to be imported, opened before anything is written: with a reader, or a file to be read. */
type Source =
  | { readonly kind: 'csv'; readonly file: string }
  | { readonly kind: Exclude<DatabaseKind, 'unknown'>; readonly reader: Reader };

async function openSource(from: string): Promise<Source> {
  if (/\.(csv|tsv|txt)$/i.test(from) && !isUrl(from)) {
    await access(from).catch((error) => {
      throw new EmdcError({ code: 'unreadable-file', message: `cannot read ${from}: ${messageOf(error)}` });
    });
    return { kind: 'csv', file: from };
  }
  const reader = await openReader(isUrl(from) ? from : `file:${from}`);
  const kind = await kindOf(reader);
  if (kind !== 'unknown') return { kind, reader };
  await reader.close();
  throw new EmdcError({
    code: 'import-source',
    message: `${redactUrl(from)} has neither EMDC's tables nor topics, meta and data`,
    hint: 'Name a database of EMDC or of VOLTTRON, or a CSV file.',
  });
}

interface SourceOptions extends ImportOptions {
  readonly timezone: string;
  readonly headers: ReadonlyMap<string, string>;
}

function importFrom(source: Source, options: SourceOptions): Promise<Report> {
  switch (source.kind) {
    case 'csv':
      return importCsv({ ...options, file: source.file });
    case 'emdc':
      return importEmdc({ ...options, reader: source.reader });
    case 'emdc-0.1':
      return importFirstEdition({ ...options, reader: source.reader });
    case 'ancestor':
      return importAncestor({ ...options, reader: source.reader });
  }
}

/** Rollups and coverage of what was written are there when it resolves. */
export async function makeRollups(
  store: { catchUp?(): Promise<boolean> },
  progress: Pick<Progress, 'stop'>,
): Promise<void> {
  progress.stop();
  const status = statusLine();
  for (let steps = 1; await store.catchUp?.(); steps++) if (steps % 100 === 0) status(`rolling up, ${steps} steps`);
  status('');
}

function columnMap(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(',').map((pair) => pair.split('=', 2).map((part) => part.trim()) as [string, string?]);
  const wrong = pairs.find(([column, header]) => !header || !(csvColumns as readonly string[]).includes(column));
  if (wrong) throw new InvalidArgumentError(`Expected ${csvColumns.map((name) => `${name}=…`).join(',')}.`);
  return new Map(pairs.map(([column, header = '']) => [column, header]));
}

function describeReport({ topics, readings, polls, gaps, events, skipped, notes }: Report): string {
  const lines = [`${readings} readings of ${topics} topics, in ${polls} polls, are in the database`];
  if (gaps + events > 0) lines.push(`${gaps} gaps and ${events} events, too`);
  const tell = (title: string, findings: ReadonlyMap<string, Finding>) => {
    for (const [what, { count, examples }] of findings) {
      lines.push(`${title} ${count} × ${what}`, ...examples.map((example) => `    ${example}`));
    }
  };
  tell('left out:', skipped);
  tell('taken:', notes);
  return `${lines.join('\n')}\n`;
}
