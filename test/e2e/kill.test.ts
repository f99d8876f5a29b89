// kill -9 of the real daemon, of its database server, or of both, at any moment, in any order, again and again, while
// cycles run on schedule and by hand. EMDC_KILLS says how often.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { describe, type TestContext, test } from 'node:test';
import { packageRoot } from '../../src/model/paths.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { simulateMeter } from '../../src/simulate/simulated-meter.js';
import type { Dialect } from '../../src/store/store.js';
import { sqlRows } from '../faults/written.js';
import { type DaemonProcess, startProcess } from '../support/daemon-process.js';
import { type DatabaseServer, findServer } from '../support/database-server.js';
import { assertKept, type CollectedRow } from '../support/kept.js';
import { closing, remove, temporaryFolder } from '../support/simulated-site.js';

const KILLS = Number(process.env['EMDC_KILLS'] ?? 3);
const MAP = join(packageRoot, 'register-maps/electro-industries-nexus-1272.xlsx');

type Fate = 'daemon' | 'server' | 'both';

describe(`kill -9, ${KILLS} times: what was acknowledged is there, once`, { concurrency: true }, () => {
  test('of the daemon on SQLite', (t) => survive(t, 'sqlite', null));
  for (const kind of ['postgresql', 'mysql'] as const) {
    const make = findServer(kind);
    const skip = make ? false : `no ${kind} server program on this machine`;
    test(`of the daemon, a ${kind} server, or both`, { skip }, async (t) => {
      const server = await make?.();
      if (!server) return;
      t.after(() => server.close());
      await server.start();
      await survive(t, kind, server);
    });
  }
});

async function survive(t: TestContext, dialect: Dialect, server: DatabaseServer | null): Promise<void> {
  const close = closing(t);
  const folder = await temporaryFolder();
  close(() => remove(folder));
  const url = server?.url ?? `file:${join(folder, 'emdc.db')}`;
  const { file, meters, metrics } = await configure({ folder, url, close });
  const finished: number[] = [];
  const collected: CollectedRow[] = [];
  const start = () => {
    const daemon = startProcess(file, finished);
    close(() => daemon.kill());
    void collectUntilGone(daemon, collected);
    return daemon;
  };

  const kills = { daemon: 0, server: 0, both: 0 };
  const fates: Fate[] = [];
  let daemon = start();
  await daemon.until('database connected');
  while (kills.daemon + kills.server + kills.both < KILLS) {
    await daemon.cycles(daemon.ended() + 1);
    await anyMoment();
    if (fates.length === 0)
      fates.push(...(server ? shuffled<Fate>('daemon', 'server', 'both') : (['daemon'] as const)));
    const fate = fates.pop() ?? 'daemon';
    kills[fate]++;
    if (fate === 'server') {
      await server?.kill();
      // Half of the time the next to be killed is a daemon whose database is away.
      if (chance()) await daemon.cycles(daemon.ended() + 1);
      else {
        daemon = await killed(daemon, start);
        kills.daemon++;
      }
      await server?.start();
      continue;
    }
    if (fate === 'daemon') {
      daemon = await killed(daemon, start);
      if (dialect === 'sqlite') assert.deepEqual(await sqlRows(dialect, url, 'PRAGMA integrity_check'), [['ok']]);
      continue;
    }
    // Who is killed first and who is back first is chance.
    await Promise.all(chance() ? [daemon.kill(), server?.kill()] : [server?.kill(), daemon.kill()]);
    const serverFirst = chance();
    if (serverFirst) await server?.start();
    daemon = start();
    await daemon.cycles(1);
    if (!serverFirst) await server?.start();
  }
  await drained(daemon);
  daemon.child.kill('SIGTERM');
  const [code] = await once(daemon.child, 'close');
  assert.equal(code, 0);

  const spooled = collected.filter((row) => row.spooled > 0).length;
  const acknowledgements = { finished, collected };
  const kept = await assertKept({ dialect, url, meters, metrics, acknowledged: acknowledgements });
  const acknowledged = `${finished.length} cycles and ${collected.length} polls by hand (${spooled} to the spool)`;
  t.diagnostic(`${dialect} ${JSON.stringify(kills)}: ${acknowledged} were acknowledged; kept ${JSON.stringify(kept)}`);
}

async function killed(daemon: DaemonProcess, start: () => DaemonProcess): Promise<DaemonProcess> {
  await daemon.kill();
  return start();
}

/** Six meters of 21 metrics on two links, read every second. */
async function configure({ folder, url, close }: { folder: string; url: string; close: ReturnType<typeof closing> }) {
  const { map } = loadRegisterMap(MAP);
  const units = [1, 2, 3].map((unitId) => simulateMeter({ map, unitId }));
  const links = await Promise.all([1, 2].map(() => startMeterServer({ units })));
  for (const link of links) close(() => link.close());
  const meters = links.flatMap(({ host, port }, link) =>
    units.map(({ unitId }) => ({ name: `m${link}-${unitId}`, host, port, unitId, map: MAP, schedule: '1s' })),
  );
  const settings = {
    meters,
    database: { url },
    spool: { directory: join(folder, 'spool') },
    http: { port: 0 },
    log: { level: 'debug', format: 'json' },
  };
  const file = join(folder, 'emdc.yaml');
  await writeFile(file, JSON.stringify(settings));
  return { file, meters: meters.map(({ name }) => name), metrics: map.metrics.length };
}

/** Cycles by hand, one after another; only answers that came whole count. */
async function collectUntilGone(daemon: DaemonProcess, collected: CollectedRow[]): Promise<void> {
  try {
    await daemon.until('HTTP is open');
    for (;;) {
      await anyMoment(200);
      const answer = await fetch(`${daemon.url()}/collect?meter=m0-1&meter=m0-2&meter=m0-3`, { method: 'POST' });
      const { rows } = (await answer.json()) as { rows?: readonly CollectedRow[] };
      collected.push(...(rows ?? []).filter((row) => row.stored + row.spooled > 0));
    }
  } catch {
    // It has been killed.
  }
}

/** Resolves when nothing waits in the spool and a cycle has gone to the database since. */
async function drained(daemon: DaemonProcess): Promise<void> {
  await daemon.until('HTTP is open');
  for (;;) {
    const answer = await fetch(`${daemon.url()}/ping`, { headers: { accept: 'application/json' } });
    const { database, spool } = (await answer.json()) as { database: { state: string }; spool: { readings: number } };
    if (database.state === 'connected' && spool.readings === 0) break;
    await daemon.cycles(daemon.ended() + 1);
  }
  await daemon.cycles(daemon.ended() + 2);
}

const anyMoment = (withinMs = 1000) => new Promise((resolve) => setTimeout(resolve, Math.random() * withinMs));

const chance = (): boolean => Math.random() < 0.5;

const shuffled = <T>(...items: readonly T[]): T[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
