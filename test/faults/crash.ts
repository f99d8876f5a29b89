// Kills a collector's recording half, or its database server, or both, again and again at random instants under load, and
// checks that nothing acknowledged is missing and nothing is there twice.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/model/clock.js';
import type { DatabaseServer } from '../support/database-server.js';
import type { Load } from './load.js';
import { RecordingProcess } from './recording-process.js';
import { assertWritten, type Written } from './written.js';

export interface CrashResult extends Written {
  readonly acknowledged: number;
  readonly collectorKills: number;
  readonly serverKills: number;
}

/** `server` null: the database is a file, and only the collector is killed. */
export async function crashRun(options: {
  readonly kills: number;
  readonly load: Load;
  readonly url: string;
  readonly server: DatabaseServer | null;
}): Promise<CrashResult> {
  const { kills, load, url, server } = options;
  const spool = await mkdtemp(join(tmpdir(), 'emdc-crash-'));
  const acknowledged = new Set<number>();
  const start = () => new RecordingProcess({ load, url, spool, acknowledged });
  let collectorKills = 0;
  let serverKills = 0;
  let child = start();
  try {
    await child.until('stored');
    while (collectorKills + serverKills < kills) {
      await systemClock.sleep(Math.random() * 800);
      const fate = server ? Math.random() : 0;
      const killsCollector = fate < 0.6;
      const killsServer = fate > 0.4;
      await Promise.all([killsCollector && child.kill(), killsServer && server?.kill()]);
      if (killsCollector) collectorKills++;
      if (killsServer) serverKills++;
      if (killsCollector) {
        child = start();
        // Half of the time it starts while the database is still away.
        if (Math.random() < 0.5) await child.until('started');
      }
      if (killsServer) await server?.start();
      await child.until('started');
    }
    await child.end();
  } finally {
    await child.kill();
    await rm(spool, { recursive: true, force: true });
  }
  const written = await assertWritten(url, load, acknowledged);
  return { ...written, acknowledged: acknowledged.size, collectorKills, serverKills };
}
