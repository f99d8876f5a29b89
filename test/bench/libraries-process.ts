// The least that a collector on these libraries takes: they are loaded, each does its first piece of work, and nothing
// else happens. Not among them: what reads the configuration and spreadsheets, which a collector needs once.

import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import helmet from 'helmet';
import Modbus from 'jsmodbus';
import cron from 'node-cron';
import { collectDefaultMetrics } from 'prom-client';
import winston from 'winston';
import { PrismaClient } from '../../src/store/generated/sqlite/client.js';
import { openConnection, sqliteAdapter } from '../../src/store/sqlite/driver.js';
import { serveParent } from './child.js';

export type LibrariesQuestion =
  | { readonly do: 'setup'; readonly database: string }
  | { readonly do: 'watch'; readonly seconds: number };

export interface LibrariesAnswer {
  /** Once a second. */
  readonly rssBytes: readonly number[];
}

async function setup(database: string): Promise<void> {
  if (Modbus.client.TCP === undefined) throw new Error('jsmodbus has no client');
  collectDefaultMetrics();
  winston.createLogger({ level: 'error', transports: [new winston.transports.Console()] }).info('not shown');
  cron.schedule('* * * * * *', () => {}, { timezone: 'UTC' });
  const db = new PrismaClient({ adapter: sqliteAdapter(openConnection(database, 1000), () => {}) });
  await db.$queryRawUnsafe('SELECT 1');
  const app = express().use(helmet());
  await new Promise<void>((resolve) => {
    app.listen(0, '127.0.0.1', () => resolve());
  });
}

serveParent<LibrariesQuestion, LibrariesAnswer>(
  async (question) => {
    const rssBytes: number[] = [];
    if (question.do === 'setup') await setup(question.database);
    else {
      for (let second = 0; second < question.seconds; second++) {
        await sleep(1000);
        rssBytes.push(process.memoryUsage.rss());
      }
    }
    return { rssBytes };
  },
  async () => {},
);
