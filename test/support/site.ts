// A whole collector for a test: simulated meters behind real sockets, the daemon as it runs in the field, a database and
// a spool in a folder of their own; all gone when the test ends.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { loadConfig } from '../../src/config/load.js';
import { type Daemon, startDaemon } from '../../src/daemon.js';
import { type Log, silentLog } from '../../src/model/log.js';
import { packageRoot } from '../../src/model/paths.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { simulateMeter } from '../../src/simulate/simulated-meter.js';

export interface Site {
  readonly daemon: Daemon;
  /** By the order of the meters `site/meter_0`, `site/meter_1` … */
  readonly servers: readonly MeterServer[];
}

export interface SiteOptions {
  readonly meters: number;
  readonly schedule: string;
  readonly token?: string;
  readonly log?: Log;
}

export async function openSite(
  t: TestContext,
  { meters, schedule, token = '', log = silentLog }: SiteOptions,
): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-site-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = `${packageRoot}register-maps/eaton-pxm4000.xlsx`;
  const { map } = loadRegisterMap(file, {});
  const servers: MeterServer[] = [];
  for (let index = 0; index < meters; index++) {
    const server = await startMeterServer({ units: [simulateMeter({ map, unitId: 1, seed: index })] });
    t.after(() => server.close());
    servers.push(server);
  }
  // JSON is YAML.
  const settings = {
    schedule,
    meters: servers.map(({ port }, index) => ({ name: `site/meter_${index}`, host: '127.0.0.1', port, map: file })),
    database: { url: `file:${join(folder, 'emdc.db')}` },
    modbus: { retries: 0 },
    spool: { directory: join(folder, 'spool') },
    http: { port: 0, token },
  };
  writeFileSync(join(folder, 'emdc.yaml'), JSON.stringify(settings));
  const { config } = await loadConfig({
    file: join(folder, 'emdc.yaml'),
    env: {},
    flags: new Map(),
    loadMap: loadRegisterMap,
  });
  const daemon = await startDaemon({ config, log });
  t.after(() => daemon.stop());
  return { daemon, servers };
}
