// The site that every figure is measured on: meters of 21 metrics, FLOAT32, in two blocks, as the ancestor's were.

import type { Meter, Metric } from '../../src/model/meter.js';
import { metric } from '../support/metric.js';

export const METRICS = 21;
/** The blocks that a plan makes of the metrics below: start and count. */
export const BLOCKS = [
  { start: 4610, count: 36 },
  { start: 11_452, count: 6 },
] as const;

export const metrics: readonly Metric[] = BLOCKS.flatMap(({ start, count }) =>
  Array.from({ length: count / 2 }, (_, i) =>
    metric({ name: `metric_${start + 2 * i}`, unit: 'W', dataType: 'FLOAT32', size: 2, address: start + 2 * i }),
  ),
);

export interface Endpoint {
  readonly port: number;
  readonly unitId: number;
}

export const metersAt = (endpoints: readonly Endpoint[], intervalMs: number): Meter[] =>
  endpoints.map(({ port, unitId }, index) => ({
    name: `bench/meter_${index}`,
    host: '127.0.0.1',
    port,
    unitId,
    mapName: 'bench',
    mapFile: 'bench.xlsx',
    worksheet: 'Metrics',
    metrics,
    schedule: {
      text: `${intervalMs / 1000}s`,
      cron: `*/${intervalMs / 1000} * * * * *`,
      intervalMs,
      timezone: 'UTC',
    },
    ctRatio: 1,
    ptRatio: 1,
    timeoutMs: 1000,
    retries: 3,
    retryWaitMs: 100,
    pauseMs: 0,
    maxRegisters: 125,
    maxGap: 32,
  }));
