// What stays in memory after a cycle: runs the whole collector on simulated meters, and says how much the heap grew over
// the cycles, garbage collected before and after. Started by work-per-cycle.test.ts with --expose-gc.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { startDaemon } from '../../src/daemon.js';
import { silentLog } from '../../src/log.js';
import { floats, simulateMeters } from '../support/simulated-site.js';

export interface Retained {
  readonly meters: number;
  readonly cycles: number;
  readonly bytes: number;
}

const WARM_UP = 200;
const CYCLES = 500;

const directory = mkdtempSync(join(tmpdir(), 'emdc-guard-'));
const schedule = { text: '1d', cron: '0 0 0 * * *', intervalMs: 86_400_000, timezone: 'UTC' };
const site = await simulateMeters({ links: 10, units: 1, metrics: floats(21), given: { schedule } });
const daemon = await startDaemon({
  config: {
    file: null,
    meters: site.meters,
    database: { url: `file:${directory}/emdc.db` },
    spool: { directory: `${directory}/spool`, maxBytes: 1e9, maxAgeMs: 1e10 },
    retention: { readingsMs: null, rollupsMs: null },
    http: { host: '127.0.0.1', port: 0, token: '', tlsCertificate: '', tlsKey: '' },
    log: { level: 'warn', format: 'text', file: '', maxBytes: 1e7, maxFiles: 1 },
    highAvailability: false,
  },
  log: silentLog,
});

const cycles = async (count: number): Promise<void> => {
  const { signal } = new AbortController();
  for (let i = 0; i < count; i++) await daemon.service.collect({ iterations: 1, waitMs: 0, meters: null, signal });
};
const heapAfterGc = (): number => {
  // The simulated meters live in this process too, and keep a record of what they were asked.
  for (const { requests } of site.servers) requests.length = 0;
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

await cycles(WARM_UP);
const before = heapAfterGc();
await cycles(CYCLES);
const bytes = heapAfterGc() - before;
await daemon.stop();
await site.close();
rmSync(directory, { recursive: true, force: true });
const retained: Retained = { meters: site.meters.length, cycles: CYCLES, bytes };
process.send?.(retained, () => process.exit());
