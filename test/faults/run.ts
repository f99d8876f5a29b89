// The long forms of the fault tests, by hand: `npm run faults -- outage|crash [postgresql|mysql|sqlite] [count]`. They print
// their figures and fail when a single reading is missing or doubled.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type DatabaseServer, findServer } from '../support/database-server.js';
import { crashRun } from './crash.js';
import { outageRun } from './outage.js';

const [what = '', kind = 'postgresql', count] = process.argv.slice(2);

async function withServer<T>(
  dialect: 'postgresql' | 'mysql',
  work: (server: DatabaseServer) => Promise<T>,
): Promise<T> {
  const make = findServer(dialect);
  if (!make) throw new Error(`no ${dialect} server program on this machine`);
  const server = await make();
  try {
    await server.start();
    return await work(server);
  } finally {
    await server.close();
  }
}

async function crash(kills: number) {
  const load = { meters: 20, metrics: 21, intervalMs: 50, prefix: 'crash' } as const;
  if (kind === 'sqlite') {
    const folder = await mkdtemp(join(tmpdir(), 'emdc-crash-'));
    const url = `file:${join(folder, 'emdc.db')}`;
    const result = await crashRun({ kills, load: { ...load, dialect: 'sqlite' }, url, server: null });
    await rm(folder, { recursive: true });
    return result;
  }
  const dialect = kind === 'mysql' ? 'mysql' : 'postgresql';
  return withServer(dialect, (server) => crashRun({ kills, load: { ...load, dialect }, url: server.url, server }));
}

/** 20 meters at 1 s, the server away for 40 s at a time. */
async function outage(outages: number) {
  const dialect = kind === 'mysql' ? 'mysql' : 'postgresql';
  const load = { dialect, meters: 20, metrics: 21, intervalMs: 1000, prefix: 'outage' } as const;
  return withServer(dialect, (server) => outageRun({ outages, awaySlots: 40, load, server }));
}

if (what === 'crash') console.log(kind, await crash(Number(count ?? 50)));
else if (what === 'outage') console.log(kind, await outage(Number(count ?? 3)));
else {
  console.error('usage: npm run faults -- outage|crash [postgresql|mysql|sqlite] [count]');
  process.exitCode = 2;
}
