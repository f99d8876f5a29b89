// Meters, polls and temporary folders for tests of what happens to readings after they were read.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { MeterInfo } from '../../src/model/meter.js';
import type { MissingReason, Poll } from '../../src/model/poll.js';

export const meterInfo = (name: string, metrics = 3): MeterInfo => ({
  name,
  host: '192.0.2.1',
  port: 502,
  unitId: 1,
  mapName: 'test-map',
  metrics: Array.from({ length: metrics }, (_, i) => ({
    name: `metric_${i}`,
    description: `Metric ${i} of ${name}, ±`,
    unit: 'kWh',
    dataType: 'FLOAT32',
    kind: i % 2 === 0 ? { type: 'gauge' } : { type: 'counter', range: 2 ** 32 },
  })),
});

/** NaN among the values: missing, for the reason given. */
export function pollOf(
  meter: MeterInfo,
  slot: number,
  values: readonly number[] = meter.metrics.map((_, i) => slot / 1000 + i / 10),
  reason: MissingReason = 'timeout',
): Poll {
  const missing = new Map<number, MissingReason>();
  values.forEach((value, index) => {
    if (Number.isNaN(value)) missing.set(index, reason);
  });
  const error = missing.size > 0 ? `${reason}: holding 0+2` : null;
  return {
    meter,
    slot,
    readAt: slot + 3,
    durationMs: 12.5,
    requests: 2,
    values: Float64Array.from(values),
    missing,
    error,
  };
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'emdc-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
