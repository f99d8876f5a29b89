// A site's last days, for the dashboards to look at: a meter that measures everything, one in kilowatts, one with little more
// than its power, one without energy that is down; with readings missing for several reasons.

import type { MeterInfo, MetricInfo } from '../../src/model/meter.js';
import type { Gap, MissingReason, Poll } from '../../src/model/poll.js';
import type { Store } from '../../src/store/store.js';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const HOURS = 30;

const gauge = (name: string, unit: string): MetricInfo => ({
  name,
  description: '',
  unit,
  dataType: 'FLOAT32',
  kind: { type: 'gauge' },
});
const counter = (name: string, unit: string): MetricInfo => ({
  name,
  description: '',
  unit,
  dataType: 'UINT32',
  kind: { type: 'counter', range: 1e9 },
});
const meter = (name: string, metrics: readonly MetricInfo[]): MeterInfo => ({
  name,
  host: '10.0.0.1',
  port: 502,
  unitId: 1,
  mapName: 'sample',
  metrics,
});

const named = (unit: string, ...names: string[]) => names.map((name) => gauge(name, unit));

/** Everything that a panel draws. */
export const complete = meter("Site/Main building's meter", [
  ...named('V', 'Voltage_AN', 'Voltage_BN', 'Voltage_CN', 'Voltage_AB', 'Voltage_BC', 'Voltage_CA'),
  ...named('A', 'Current_A', 'Current_B', 'Current_C', 'Current_N'),
  ...named('W', 'W_A', 'W_B', 'W_C', 'W'),
  ...named('VAR', 'VAR_A', 'VAR'),
  ...named('VA', 'VA_A', 'VA'),
  ...named('', 'pf_A', 'pf'),
  ...named('Hz', 'freq'),
  ...named('deg', 'Angle_V_AN', 'Angle_V_BN', 'Angle_I_A', 'Angle_I_B'),
  counter('Wh_imp', 'Wh'),
  counter('Wh_exp', 'Wh'),
]);
export const inKilowatts = meter('Site/Workshop', [gauge('W', 'kW'), counter('Wh_total', 'kWh'), gauge('freq', 'Hz')]);
export const sparse = meter('Site/Pump', [gauge('W', 'W')]);
export const down = meter('Site/Shed', named('V', 'Voltage_AN', 'Voltage_BN'));
export const meters = [complete, inKilowatts, sparse, down];

/** In watts: every meter that measures power takes this much, always. */
export const POWER_W = 1_500;

function simulatedValue(metric: MetricInfo, slot: number): number {
  const scale = metric.unit.startsWith('k') ? 1e-3 : 1;
  if (metric.kind.type === 'counter') return (((slot - Date.UTC(2026, 0)) / HOUR_MS) * POWER_W * scale) % 1e9;
  return metric.name === 'W' ? POWER_W * scale : 230 + Math.sin(slot / HOUR_MS);
}

function pollOf(info: MeterInfo, slot: number, reasons: ReadonlyMap<number, MissingReason>): Poll {
  return {
    meter: info,
    slot,
    readAt: slot + 5,
    durationMs: 40,
    requests: 2,
    values: Float64Array.from(info.metrics, (metric, index) =>
      reasons.has(index) ? Number.NaN : simulatedValue(metric, slot),
    ),
    missing: reasons,
    error: reasons.size > 0 ? 'timeout after 1000 ms' : null,
  };
}

/** Writes the hours before `now`, a poll a minute, and has the store keep its rollups. Returns the newest slot. */
export async function writeSite(store: Store, now: number): Promise<number> {
  const newest = now - (now % MINUTE_MS);
  const first = newest - HOURS * HOUR_MS;
  await store.setMeters(meters, first);
  let polls: Poll[] = [];
  for (let slot = first; slot <= newest; slot += MINUTE_MS) {
    const minute = slot / MINUTE_MS;
    for (const info of meters) {
      const all = new Map(info.metrics.map((_, index) => [index, 'offline' as MissingReason]));
      // The last of the newest hour is whole; before it there are hours with something missing.
      const some = info === complete && minute % 50 === 0 && slot < newest - 10 * MINUTE_MS;
      const away = info === down && slot > first + 10 * MINUTE_MS;
      polls.push(pollOf(info, slot, away ? all : some ? new Map([[0, 'exception 2']]) : new Map()));
    }
    if (polls.length >= 4_000) {
      await store.write({ polls, gaps: [] });
      polls = [];
    }
  }
  const gap = (info: MeterInfo, reason: Gap['reason'], hoursAgo: number): Gap => ({
    meter: info,
    from: newest - hoursAgo * HOUR_MS + 20_000,
    until: newest - hoursAgo * HOUR_MS + 50_000,
    slots: 3,
    reason,
  });
  await store.write({ polls, gaps: [gap(complete, 'missed', 2), gap(sparse, 'down', 3)] });
  while (await store.maintain(now));
  return newest;
}
