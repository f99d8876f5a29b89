// Meters and polls to write.

import type { MeterInfo, MetricInfo } from '../../src/model/meter.js';
import type { MissingReason, Poll } from '../../src/model/poll.js';

export const HOUR_MS = 3_600_000;
/** The start of this hour: times around it are the newest there are, and older than they on any later day. */
export const noon = Date.now() - (Date.now() % HOUR_MS);

export const gauge = (name: string, unit = 'V'): MetricInfo => ({
  name,
  description: `${name} of the line`,
  unit,
  dataType: 'FLOAT32',
  kind: { type: 'gauge' },
});

export const counter = (name: string, range: number | null): MetricInfo => ({
  name,
  description: '',
  unit: 'kWh',
  dataType: 'UINT32',
  kind: { type: 'counter', range },
});

export function sampleMeter(
  name: string,
  metrics: readonly MetricInfo[] = [gauge('Voltage_AN'), gauge('Voltage_BN')],
): MeterInfo {
  return { name, host: '10.0.0.1', port: 502, unitId: 1, mapName: 'nexus', metrics };
}

/** null: missing, for the reason given. */
export function samplePoll(
  meter: MeterInfo,
  slot: number,
  values: readonly (number | null)[],
  reason: MissingReason = 'timeout',
): Poll {
  const missing = new Map<number, MissingReason>();
  values.forEach((value, index) => {
    if (value === null) missing.set(index, reason);
  });
  return {
    meter,
    slot,
    readAt: slot + 3,
    durationMs: 12.4,
    requests: 2,
    values: Float64Array.from(values, (value) => value ?? Number.NaN),
    missing,
    error: missing.size > 0 ? `${reason}: holding 4610+90` : null,
  };
}
