// Simulated meters on real sockets and a configuration that reads them: what the end-to-end tests start the daemon with.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { encodeMetric } from '../../src/codec/encode.js';
import type { Config } from '../../src/config/config.js';
import type { Meter, Metric } from '../../src/model/meter.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { meter, metric } from './metric.js';

export const everySecond = { text: '1s', cron: '* * * * * *', intervalMs: 1000, timezone: 'UTC' } as const;

/** Two requests a poll: the second half lies far from the first. */
export const floats = (count: number): Metric[] =>
  Array.from({ length: count }, (_, i) =>
    metric({
      name: `metric_${i}`,
      unit: 'kWh',
      address: (i < count / 2 ? 100 : 1000) + 2 * i,
      size: 2,
      dataType: 'FLOAT32',
    }),
  );

/** Holds the value `unit + index / 4` in every metric, exact in every type. */
export function imageOf(metrics: readonly Metric[], unit: number): RegisterImage {
  const image = new RegisterImage();
  metrics.forEach((m, index) => {
    image.set(m.function, m.address, encodeMetric(m, unit + index / 4));
  });
  return image;
}

export interface SimulatedMeters {
  readonly servers: readonly MeterServer[];
  readonly meters: readonly Meter[];
  close(): Promise<void>;
}

/** `links` servers with `units` units each; meters are called `m<link>-<unit>`. */
export async function simulateMeters(options: {
  readonly links: number;
  readonly units: number;
  readonly metrics?: readonly Metric[];
  readonly latencyMs?: number;
  readonly given?: Partial<Meter>;
}): Promise<SimulatedMeters> {
  const { links, units, metrics = floats(10), latencyMs = 0, given = {} } = options;
  const unitIds = Array.from({ length: units }, (_, i) => i + 1);
  const servers = await Promise.all(
    Array.from({ length: links }, () =>
      startMeterServer({ latencyMs, units: unitIds.map((unitId) => ({ unitId, image: imageOf(metrics, unitId) })) }),
    ),
  );
  const meters = servers.flatMap(({ host, port }, link) =>
    unitIds.map((unitId) =>
      meter({ name: `m${link + 1}-${unitId}`, host, port, unitId, metrics, schedule: everySecond, ...given }),
    ),
  );
  const close = async () => {
    await Promise.all(servers.map((server) => server.close()));
  };
  return { servers, meters, close };
}

/** A port of loopback on which nothing listens. */
export async function refusingPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** SQLite, spool and a free HTTP port in a folder of its own. */
export function configOf(meters: readonly Meter[], folder: string, given: Partial<Config> = {}): Config {
  return {
    file: null,
    meters,
    virtual: [],
    timezone: 'UTC',
    database: { url: `file:${join(folder, 'emdc.db')}`, commitEveryMs: 0, connections: 1, spread: false },
    spool: { directory: join(folder, 'spool'), maxBytes: 1e9, maxAgeMs: 30 * 86_400_000 },
    retention: { readingsMs: null, rollupsMs: null },
    http: { host: '127.0.0.1', port: 0, allowedHosts: [], token: '', tlsCertificate: '', tlsKey: '' },
    log: { level: 'info', format: 'text', file: '', maxBytes: 1e7, maxFiles: 5 },
    highAvailability: false,
    ...given,
  };
}

export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'emdc-'));
}

/** Closes in reverse when the test has ended. */
export function closing(t: TestContext): (closer: () => Promise<unknown>) => void {
  const closers: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const closer of closers.reverse()) await closer();
  });
  return (closer) => closers.push(closer);
}

export const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
