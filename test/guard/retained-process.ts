// What stays in memory after a cycle: runs the whole collector on simulated meters, and says how much the heap grew over
// the cycles, garbage collected before and after. Then the same of its recorder alone, for so many writes that a few bytes
// of each, which a year would make gigabytes of, stand out. Started by work-per-cycle.test.ts with --expose-gc.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import { startDaemon } from '../../src/daemon.js';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import { openRecorder } from '../../src/record/recorder.js';
import type { Store } from '../../src/store/store.js';
import { meterInfo, pollOf } from '../support/polls.js';
import { floats, simulateMeters } from '../support/simulated-site.js';

export interface Retained {
  readonly meters: number;
  readonly cycles: number;
  readonly bytes: number;
  readonly writes: number;
  readonly bytesOfWrites: number;
}

const WARM_UP = 200;
const CYCLES = 500;
const WRITES = 20_000;

const directory = mkdtempSync(join(tmpdir(), 'emdc-guard-'));
const schedule = { text: '1d', cron: '0 0 0 * * *', intervalMs: 86_400_000, timezone: 'UTC' };
const site = await simulateMeters({ links: 10, units: 1, metrics: floats(21), given: { schedule } });
const daemon = await startDaemon({
  config: {
    file: null,
    meters: site.meters,
    virtual: [],
    timezone: 'UTC',
    database: { url: `file:${directory}/emdc.db` },
    spool: { directory: `${directory}/spool`, maxBytes: 1e9, maxAgeMs: 1e10 },
    retention: { readingsMs: null, rollupsMs: null },
    http: { host: '127.0.0.1', port: 0, allowedHosts: [], token: '', tlsCertificate: '', tlsKey: '' },
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

const takesAll: Store = {
  dialect: 'sqlite',
  write: async () => {},
  lastSlots: async () => new Map(),
  check: async () => {},
  maintain: async () => false,
  close: async () => {},
};
const recorder = await openRecorder({
  dialect: 'sqlite',
  openStore: async () => takesAll,
  spool: { directory: `${directory}/alone`, maxBytes: 1e9, maxAgeMs: 1e10 },
  clock: systemClock,
  log: silentLog,
});
const recorded = meterInfo('guard/meter', 1);
const writes = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) {
    const fate = await recorder.record({ polls: [pollOf(recorded, i, [1])], gaps: [] });
    if (fate !== 'stored') throw new Error(`a write was ${fate}`);
    // What is cleared away in turns of the event loop has its turn.
    if (i % 100 === 0) await turn();
  }
};
await writes(WRITES / 2);
const beforeWrites = heapAfterGc();
await writes(WRITES);
const bytesOfWrites = heapAfterGc() - beforeWrites;
await recorder.close({ deadlineMs: 1000 });

rmSync(directory, { recursive: true, force: true });
const retained: Retained = { meters: site.meters.length, cycles: CYCLES, bytes, writes: WRITES, bytesOfWrites };
process.send?.(retained, () => process.exit());
