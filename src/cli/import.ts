// `emdc import`: the ancestor's database, or another EMDC's, into this one.

import { createHash } from 'node:crypto';
import process from 'node:process';
import type { Command } from 'commander';
import { importAncestor } from '../import/ancestor.js';
import { importEmdc, isEmdc } from '../import/emdc.js';
import type { Finding, Report } from '../import/report.js';
import { createLogger } from '../log/logger.js';
import { openBulk } from '../store/bulk.js';
import { redactUrl } from '../store/open.js';
import { openReader } from '../store/reader.js';
import { configCommand, loadFrom, printWarnings } from './config-options.js';
import { startProgress } from './progress.js';

interface Options {
  readonly from: string;
  readonly timezone?: string;
  readonly restart?: boolean;
}

export const importCommand = (): Command =>
  configCommand('import', { meters: 'none' })
    .description(
      "Copies topics, metadata and data from an ancestor's database (VOLTTRON's tables topics, meta, data), or everything from another EMDC database, into database.url. Nothing that is there is changed; an interrupted import goes on where it was. The ancestor's times without an offset are taken as UTC, or as local times of --timezone.",
    )
    .requiredOption('--from <url>', 'file:old.db, mysql://user:password@host/database or postgresql://…')
    .option('--restart', 'from the beginning, also where an import of this source has got further')
    .action(async (options: Options, command: Command) => {
      const loaded = await loadFrom(command, { meters: 'none' });
      printWarnings(loaded);
      const timezone = options.timezone ?? 'UTC';
      const logger = createLogger(loaded.config.log);
      const reader = await openReader(options.from);
      const bulk = await openBulk({ url: loaded.config.database.url, meters: loaded.meterCount, log: logger.log });
      const progress = startProgress('importing');
      try {
        const note = `import:${createHash('sha256').update(redactUrl(options.from)).digest('hex').slice(0, 16)}`;
        if (options.restart) await bulk.setNote(note, -62_135_596_800_000);
        const onProgress = (done: number, total: number) => progress.show(done, total);
        const shared = { reader, bulk, onProgress };
        const report = (await isEmdc(reader))
          ? await importEmdc(shared)
          : await importAncestor({ ...shared, timezone, note });
        progress.stop();
        process.stdout.write(describeReport(report));
      } finally {
        progress.stop();
        await reader.close();
        await bulk.close();
        await logger.close();
      }
    });

function describeReport({ topics, readings, polls, rollups, skipped, notes }: Report): string {
  const lines = [`${readings} readings of ${topics} topics are in the database`];
  if (polls + rollups > 0) lines.push(`${polls} polls and ${rollups} rollups, too`);
  const tell = (title: string, findings: ReadonlyMap<string, Finding>) => {
    for (const [what, { count, examples }] of findings) {
      lines.push(`${title} ${count} × ${what}`, ...examples.map((example) => `    ${example}`));
    }
  };
  tell('left out:', skipped);
  tell('taken:', notes);
  return `${lines.join('\n')}\n`;
}
