// The real daemon on SQLite, in a folder of its own, reading simulated meters; and what its database says afterwards.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../src/config/config.js';
import { type Daemon, startDaemon } from '../../src/daemon.js';
import { type Log, silentLog } from '../../src/model/log.js';
import type { Meter, MeterSchedule } from '../../src/model/meter.js';
import { openConnection } from '../../src/store/sqlite/driver.js';

export const everySeconds = (seconds: number): MeterSchedule => ({
  text: `${seconds}s`,
  cron: seconds === 1 ? '* * * * * *' : `*/${seconds} * * * * *`,
  intervalMs: seconds * 1000,
  timezone: 'UTC',
});

export interface PollRow {
  readonly slot: number;
  readonly readAt: number;
  readonly durationMs: number;
  readonly requests: number;
  readonly expected: number;
  readonly stored: number;
  readonly error: string | null;
  /** Readings missing, by reason. */
  readonly missing: ReadonlyMap<string, number>;
  /** By metric name. */
  readonly values: ReadonlyMap<string, number>;
}

export interface Laboratory {
  readonly daemon: Daemon;
  /** Resolves when so many further slots have been read. */
  slots(count: number): Promise<void>;
  /** Resolves when all of these meters answer. Rejects after `withinMs`. */
  online(names: readonly string[], withinMs: number): Promise<void>;
  /** Stops the daemon and reads its database: by meter, in the order of slots. */
  finish(): Promise<ReadonlyMap<string, readonly PollRow[]>>;
  /** Stops what still runs and removes the folder. */
  close(): Promise<void>;
}

export async function openLaboratory(meters: readonly Meter[], log: Log = silentLog): Promise<Laboratory> {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-faults-'));
  const file = join(folder, 'emdc.db');
  const daemon = await startDaemon({ config: configOf(meters, folder), log });
  const status = () => daemon.service.status();
  return {
    daemon,
    async slots(count) {
      const until = status().schedule.cycles + count;
      while (status().schedule.cycles < until) await sleep(10);
    },
    async online(names, withinMs) {
      const wanted = new Set(names);
      const down = () => status().meters.filter(({ name, state }) => wanted.has(name) && state !== 'online');
      const deadline = performance.now() + withinMs;
      while (down().length > 0) {
        if (performance.now() > deadline) {
          throw new Error(`still not online: ${down().map(({ name, state, why }) => `${name} ${state} (${why})`)}`);
        }
        await sleep(10);
      }
    },
    async finish() {
      await daemon.stop();
      return pollsIn(file);
    },
    async close() {
      await daemon.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configOf(meters: readonly Meter[], folder: string): Config {
  return {
    file: null,
    meters,
    virtual: [],
    timezone: 'UTC',
    database: { url: `file:${join(folder, 'emdc.db')}`, commitEveryMs: 0, connections: 1, spread: false },
    spool: { directory: join(folder, 'spool'), maxBytes: 1e8, maxAgeMs: 1e9 },
    retention: { readingsMs: null, rollupsMs: null },
    http: { host: '127.0.0.1', port: 0, allowedHosts: [], token: '', tlsCertificate: '', tlsKey: '' },
    log: { level: 'error', format: 'auto', file: '', maxBytes: 1e7, maxFiles: 1 },
    highAvailability: false,
  };
}

function pollsIn(file: string): ReadonlyMap<string, readonly PollRow[]> {
  const connection = openConnection(file, 5000);
  const rows = (sql: string) => connection.prepare(sql).raw().all([]) as unknown[][];
  try {
    const polls = new Map<
      string,
      Map<number, PollRow & { missing: Map<string, number>; values: Map<string, number> }>
    >();
    for (const [meter, slot, readAt, durationMs, requests, expected, stored, error] of rows(
      'SELECT m.name, p.slot, p.read_at, p.duration_ms, p.requests, p.expected, p.stored, p.error FROM poll p JOIN meter m ON m.id = p.meter_id ORDER BY p.slot',
    ) as [string, number, number, number, number, number, number, string | null][]) {
      const row = {
        slot,
        readAt,
        durationMs,
        requests,
        expected,
        stored,
        error,
        missing: new Map(),
        values: new Map(),
      };
      const own = polls.get(meter) ?? new Map();
      polls.set(meter, own.set(slot, row));
    }
    for (const [meter, slot, reason, readings] of rows(
      'SELECT meter, time, reason, count(*) FROM missing GROUP BY meter, time, reason',
    ) as [string, number, string, number][]) {
      polls.get(meter)?.get(slot)?.missing.set(reason, readings);
    }
    for (const [meter, metric, slot, value] of rows('SELECT meter, metric, time, value FROM measurement') as [
      string,
      string,
      number,
      number,
    ][]) {
      const row = polls.get(meter)?.get(slot);
      if (!row) throw new Error(`a reading without a poll: ${meter} ${metric} at ${slot}`);
      row.values.set(metric, value);
    }
    return new Map([...polls].map(([meter, own]) => [meter, [...own.values()]]));
  } finally {
    connection.close();
  }
}
