// A simulated meter as a collector sees it: read over a real link, decoded by the map it was made from.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileDecoder } from '../../src/codec/decode.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import type { DataType, Metric, RegisterMap } from '../../src/model/meter.js';
import type { MissingReason } from '../../src/model/poll.js';
import { planBlocks } from '../../src/plan/blocks.js';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { simulateMeter } from '../../src/simulate/simulated-meter.js';

let next = 100;
function metric(name: string, unit: string, dataType: DataType, more: Partial<Metric> = {}): Metric {
  const size = more.size ?? (/(32)$/.test(dataType) ? 2 : /64$/.test(dataType) ? 4 : 1);
  const address = next;
  next += size + (address % 3);
  return {
    name,
    unit,
    dataType,
    size,
    address,
    description: '',
    kind: { type: 'gauge' },
    function: 'holding',
    wordOrder: 'big',
    byteOrder: 'big',
    scale: 1,
    offset: 0,
    notAvailable: [],
    side: 'primary',
    exponent: null,
    ...more,
  };
}

const counter = { kind: { type: 'counter', range: 1e8 } } as const;
const phases = (name: string, unit: string, type: DataType, more: Partial<Metric> = {}) =>
  ['_A', '_B', '_C', ''].map((end) => metric(`${name}${end}`, unit, type, more));
const metrics = [
  ...phases('W', 'W', 'FLOAT32'),
  ...phases('VAR', 'VAR', 'INT32', { scale: 0.1 }),
  ...phases('VA', 'kVA', 'FLOAT64'),
  ...phases('pf', '', 'FLOAT32'),
  ...['AN', 'BN', 'CN', 'AB', 'BC', 'CA'].map((pair) => metric(`Voltage_${pair}`, 'V', 'UINT32', { scale: 2 ** -16 })),
  ...['A', 'B', 'C', 'N'].map((phase) => metric(`Current_${phase}`, 'A', 'FLOAT32', { wordOrder: 'little' })),
  metric('freq', 'Hz', 'UINT16', { scale: 0.01 }),
  metric('Angle_V_BN', 'deg', 'INT16', { scale: 0.01 }),
  metric('THD_V_A', '%', 'INT16', { scale: 0.01 }),
  metric('Wh_imp', 'kWh', 'UINT32', counter),
  metric('Wh_exp', 'kWh', 'UINT32', counter),
  metric('W_SF', '', 'INT16'),
  metric('W_scaled', 'W', 'INT32', { exponent: 'W_SF' }),
  metric('input_relay', '', 'BOOL', { function: 'discrete' }),
  metric('unheard_of', '', 'UINT16', { function: 'input' }),
];
const map: RegisterMap = {
  name: 'test',
  file: 'test',
  metrics,
  limits: { maxRegisters: null, maxGap: null, pauseMs: null, connectDelayMs: null },
  identity: { serialNumber: null, model: null, firmware: null },
};

async function readAt(time: number): Promise<Map<string, number>> {
  const meter = simulateMeter({ map, unitId: 5, now: () => time });
  const server = await startMeterServer({ units: [meter] });
  const pool = openLinkPool();
  try {
    const decoder = compileDecoder({ name: 'm', metrics, ctRatio: 1, ptRatio: 1 });
    const into = {
      values: new Float64Array(metrics.length).fill(Number.NaN),
      missing: new Map<number, MissingReason>(),
    };
    for (const block of planBlocks(metrics, { maxRegisters: 125, maxGap: 32 }).blocks) {
      const data = await pool.link(server).read({ unitId: 5, ...block }, { timeoutMs: 1000, pauseMs: 0 });
      decoder.decode(block, data, into);
    }
    decoder.finish(into);
    assert.equal(into.missing.size, 0);
    const exact = meter.valuesAt(time);
    metrics.forEach(({ name, scale }, i) => {
      const [read, meant] = [into.values[i] as number, exact[i] as number];
      assert.ok(
        Math.abs(read - meant) <= Math.max(scale / 2, Math.abs(meant) * 1e-6) * 1.0001,
        `${name}: ${read}, ${meant}`,
      );
    });
    return new Map(metrics.map(({ name }, i) => [name, into.values[i] as number]));
  } finally {
    await pool.close();
    await server.close();
  }
}

describe('a simulated meter', { timeout: 60_000 }, () => {
  const time = Date.UTC(2026, 10, 23, 12);

  test('answers what it measures, in every type, and its values fit each other', async () => {
    const values = await readAt(time);
    const get = (name: string): number => values.get(name) ?? Number.NaN;
    const near = (a: number, b: number, share: number) => assert.ok(Math.abs(a / b - 1) < share, `${a}, ${b}`);
    near(get('W_A') + get('W_B') + get('W_C'), get('W'), 1e-5);
    near(get('VAR_A') + get('VAR_B') + get('VAR_C'), get('VAR'), 1e-4);
    near(Math.hypot(get('W'), get('VAR')), get('VA') * 1000, 1e-5);
    near(get('W') / (get('VA') * 1000), get('pf'), 1e-5);
    near(get('Voltage_AN') * get('Current_A'), get('VA_A') * 1000, 1e-5);
    near(get('Voltage_AB'), get('Voltage_AN') * Math.sqrt(3), 0.01);
    near(get('Voltage_AN'), 277, 0.02);
    near(get('freq'), 60, 0.001);
    near(get('W_scaled'), get('W'), 1e-4);
    assert.equal(get('Angle_V_BN'), -120);
    assert.ok(get('THD_V_A') > 1 && get('THD_V_A') < 3);
    assert.equal(get('Wh_exp'), 0);
  });

  test('changes from second to second, its counter forward only', async () => {
    const first = await readAt(time);
    const later = await readAt(time + 3_600_000);
    assert.notEqual(first.get('W'), later.get('W'));
    const counted = (later.get('Wh_imp') ?? 0) - (first.get('Wh_imp') ?? 0);
    assert.ok(counted > 20 && counted < 200, `${counted} kWh in an hour`);
  });
});
