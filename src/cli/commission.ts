// `emdc commission`: reads a live meter through its map, says what does not agree and which cells to change.

import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { type Command, Option } from 'commander';
import { mapReference } from '../config/input-files.js';
import { systemClock } from '../model/clock.js';
import type { Meter } from '../model/meter.js';
import { chooseMeter } from './choose-meter.js';
import { configCommand, loadFrom, printWarnings, sourcesForOneMeter, withExamples } from './config-options.js';
import { failed } from './exit.js';
import { type Address, address, duration, wholeNumber } from './option-values.js';
import { statusLine } from './progress.js';

interface Options {
  readonly meter?: string;
  readonly rounds: number;
  readonly interval: number;
  readonly thorough?: true;
  readonly html?: string;
  readonly json?: true;
  readonly stanza?: true;
  readonly writeMap?: string;
}

export const commissionCommand = (): Command =>
  withExamples(configCommand('commission'), [
    'commission 10.0.0.5 --unit 3 --map my-meter.xlsx --html report.html',
    'commission --config site.yaml --meter Site/M1 --thorough --stanza',
  ])
    .description(
      'Reads every metric of a live meter several times, judges whether the values can be true, finds the likely mistake in its register map and proposes the corrected cells. Never writes to a meter; one connection, one request at a time.',
    )
    .argument('[host]', 'HOST or HOST:PORT of a meter that is in no configuration', address)
    .option('-m, --meter <name>', 'which meter of the configuration; needed where it has several')
    .addOption(new Option('--rounds <n>', 'how often to read everything').default(4).argParser(wholeNumber(2, 100)))
    .addOption(new Option('--interval <duration>', 'between the rounds').default(2000, '2s').argParser(duration))
    .option('--thorough', 'also try how many connections the meter takes and whether it needs a pause')
    .option('--html <file>', 'write the report as one HTML file')
    .option('--json', 'print the report as JSON')
    .option('--stanza', "print the meter's part of the configuration, with what was found out")
    .option('--write-map <file>', 'write a corrected copy of the register map (.xlsx)')
    .action(async (host: Address | undefined, options: Options, command: Command) => {
      const loaded = await loadFrom(command, sourcesForOneMeter(command, host));
      printWarnings(loaded);
      process.exitCode = await run(chooseMeter(loaded.config.meters, options.meter), options);
    });

async function run(meter: Meter, options: Options): Promise<number> {
  const [{ openLinkPool }, { commission }, { reportText }] = await Promise.all([
    import('../modbus/pool.js'),
    import('../commission/commission.js'),
    import('../commission/report.js'),
  ]);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const status = statusLine();
  const pool = openLinkPool();
  const extra: { close(): Promise<void> }[] = [];
  try {
    const report = await commission({
      meter,
      mapFile: mapReference(meter.mapFile, process.cwd()),
      link: pool.link(meter),
      clock: systemClock,
      rounds: options.rounds,
      intervalMs: options.interval,
      thorough: options.thorough
        ? {
            mostConnections: 5,
            openLink: () => {
              const another = openLinkPool();
              extra.push(another);
              return another.link(meter);
            },
          }
        : null,
      signal: stop.signal,
      onProgress: status,
    });
    status('');
    if (options.html !== undefined) {
      const { reportHtml } = await import('../commission/report-html.js');
      writeFileSync(options.html, reportHtml(report));
    }
    if (options.writeMap !== undefined) {
      const { correctMap } = await import('../register-map/correct.js');
      correctMap(meter, { changes: report.corrections, target: options.writeMap });
    }
    const { reportJson, stanza } = await import('../commission/report-data.js');
    process.stdout.write(`${options.json ? JSON.stringify(reportJson(report), null, 2) : reportText(report)}\n`);
    if (options.stanza) process.stdout.write(`\n${stanza(report)}`);
    return report.findings.length + report.mistakes.length === 0 ? 0 : failed;
  } finally {
    await Promise.all([pool.close(), ...extra.map((another) => another.close())]);
  }
}
