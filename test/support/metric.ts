// Metrics and meters for tests: everything has a default, a test states only what it is about.

import type { Meter, Metric } from '../../src/model/meter.js';

export const metric = (given: Partial<Metric> = {}): Metric => ({
  name: 'metric',
  description: '',
  unit: '',
  dataType: 'UINT16',
  kind: { type: 'gauge' },
  function: 'holding',
  address: 0,
  size: 1,
  wordOrder: 'big',
  byteOrder: 'big',
  scale: 1,
  offset: 0,
  notAvailable: [],
  side: 'primary',
  exponent: null,
  ...given,
});

export const meter = (given: Partial<Meter> = {}): Meter => ({
  name: 'Site/meter',
  host: '127.0.0.1',
  port: 502,
  unitId: 1,
  mapName: 'test',
  metrics: [],
  mapFile: 'test.xlsx',
  worksheet: 'Metrics',
  schedule: { text: '15s', cron: '*/15 * * * * *', intervalMs: 15_000, timezone: 'UTC' },
  ctRatio: 1,
  ptRatio: 1,
  timeoutMs: 1000,
  retries: 3,
  retryWaitMs: 1000,
  pauseMs: 0,
  maxRegisters: 125,
  maxGap: 32,
  ...given,
});
