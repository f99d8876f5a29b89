// Servers that are not ours, holding what a real Nexus 1272 recorded on 2017-06-06: values that come over our link equal,
// bit for bit, the registers times the map's scale. pymodbus comes from Debian (apt-get install python3-pymodbus); where
// it is missing, its test says so and is skipped, unless EMDC_TEST_PYMODBUS=required.

import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, test } from 'node:test';
import { compileDecoder } from '../../src/codec/decode.js';
import type { ModbusFailure } from '../../src/modbus/failure.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import type { Metric } from '../../src/model/meter.js';
import type { MissingReason } from '../../src/model/poll.js';
import { planBlocks } from '../../src/plan/blocks.js';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { metric } from '../support/metric.js';
import { python, RECORDED, registers, startModbusSerial, startPymodbus, UNIT } from '../support/recorded-nexus.js';

const metrics: readonly Metric[] = RECORDED.map(([name, address, dataType, scale]) =>
  metric({ name, address, dataType, scale, size: dataType === 'INT32' ? 2 : 1 }),
);

async function readsTheRecordedValues(port: number): Promise<void> {
  const pool = openLinkPool();
  try {
    const link = pool.link({ host: '127.0.0.1', port });
    const { blocks } = planBlocks(metrics, { maxRegisters: 125, maxGap: 32 });
    assert.equal(blocks.length, 2);
    const decoder = compileDecoder({ name: 'nexus', metrics, ctRatio: 1, ptRatio: 1 });
    for (let round = 0; round < 3; round++) {
      const into = { values: new Float64Array(metrics.length), missing: new Map<number, MissingReason>() };
      for (const block of blocks) {
        decoder.decode(block, await link.read({ unitId: UNIT, ...block }, { timeoutMs: 5000, pauseMs: 0 }), into);
      }
      decoder.finish(into);
      RECORDED.forEach(([name, , , scale, value], i) => {
        const calculated = Math.round(value / scale) * scale;
        assert.ok(Object.is(into.values[i], calculated), `${name}: ${into.values[i]}, calculated ${calculated}`);
        assert.ok(Math.abs(calculated - value) <= Math.abs(value) * 2 ** -52, `${name}: recorded ${value}`);
      });
    }
    await assert.rejects(
      link.read({ unitId: UNIT, function: 'holding', start: 20_000, count: 3 }, { timeoutMs: 5000, pauseMs: 0 }),
      (error: ModbusFailure) => error.kind === 'exception' && error.exceptionCode === 2,
    );
  } finally {
    await pool.close();
  }
}

describe('a meter with the recorded registers of a Nexus, served by', { timeout: 60_000 }, () => {
  test('modbus-serial', async () => {
    const server = await startModbusSerial();
    try {
      await readsTheRecordedValues(server.port);
    } finally {
      await server.close();
    }
  });

  const required = process.env['EMDC_TEST_PYMODBUS'] === 'required';
  const skip = python || required ? false : 'DID NOT RUN: pymodbus is not installed (apt-get install python3-pymodbus)';
  test('pymodbus', { skip, timeout: 60_000 }, async () => {
    assert.ok(python, 'pymodbus is required by EMDC_TEST_PYMODBUS and not installed');
    const server = await startPymodbus(python);
    try {
      await readsTheRecordedValues(server.port);
    } finally {
      await server.close();
    }
  });

  test('our own simulator', async () => {
    const image = new RegisterImage();
    for (const [address, word] of registers()) image.set('holding', address, [word]);
    const server = await startMeterServer({ units: [{ unitId: UNIT, image }] });
    try {
      await readsTheRecordedValues(server.port);
      assert.equal(server.requestCount, 3 * 2 + 1, 'two requests per cycle, and the one that is refused');
    } finally {
      await server.close();
    }
  });
});
