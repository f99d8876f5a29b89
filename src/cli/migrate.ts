// `emdc migrate`: brings the database's tables up to date, as `emdc run` does at its start.

import type { Command } from 'commander';
import { createLogger } from '../log/logger.js';
import { redact } from '../model/redact.js';
import { openStore } from '../store/open.js';
import { configCommand, loadFrom, printWarnings } from './config-options.js';

export const migrateCommand = (): Command =>
  configCommand('migrate', { meters: 'none' })
    .description(
      'Brings the tables of database.url up to date, under a lock; a database newer than this program is refused. `emdc run` does the same at its start.',
    )
    .action(async (_options: unknown, command: Command) => {
      const loaded = await loadFrom(command, { meters: 'none' });
      printWarnings(loaded);
      const { database, log } = loaded.config;
      const logger = createLogger(log);
      const store = await openStore({ url: database.url, meters: loaded.meterCount, log: logger.log });
      try {
        await store.check();
        logger.log.info('the database is up to date', { dialect: store.dialect, url: redact(database.url) });
      } finally {
        await store.close();
        await logger.close();
      }
    });
