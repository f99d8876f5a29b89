// Servers that are not ours, holding what a real Nexus 1272 recorded on 2017-06-06: values that come over our link equal,
// bit for bit, the registers times the map's scale. pymodbus comes from Debian (apt-get install python3-pymodbus); where
// it is missing, its test says so and is skipped, unless EMDC_TEST_PYMODBUS=required.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import modbusSerial from 'modbus-serial';
import { compileDecoder } from '../../src/codec/decode.js';
import type { DataType, Metric } from '../../src/meter.js';
import type { ModbusFailure } from '../../src/modbus/failure.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import { packageRoot } from '../../src/paths.js';
import { planBlocks } from '../../src/plan/blocks.js';
import type { MissingReason } from '../../src/reading.js';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { metric } from '../support/metric.js';

const UNIT = 9;
const HIGH = 2 ** -16;

/** Name, wire address, type, scale, recorded value. */
const RECORDED: readonly (readonly [string, number, DataType, number, number])[] = [
  ['Voltage_AN', 179, 'INT32', HIGH, 119.28846740722656],
  ['Voltage_BN', 181, 'INT32', HIGH, 118.99282836914062],
  ['Voltage_CN', 183, 'INT32', HIGH, 118.91802978515625],
  ['Current_N', 193, 'INT32', HIGH, 0],
  ['VA', 209, 'INT32', HIGH, 19478.405151367188],
  ['VAR', 217, 'INT32', HIGH, 1289.342041015625],
  ['W_A', 219, 'INT32', HIGH, 6357.7972412109375],
  ['W_B', 221, 'INT32', HIGH, 6439.4659423828125],
  ['W_C', 223, 'INT32', HIGH, 6638.4222412109375],
  ['W', 225, 'INT32', HIGH, 19435.685424804688],
  ['freq', 227, 'INT32', HIGH, 59.983673095703125],
  ['pf_A', 229, 'UINT16', 0.001, 0.996],
  ['pf_B', 230, 'UINT16', 0.001, 0.999],
  ['pf_C', 231, 'UINT16', 0.001, 0.997],
  ['pf', 232, 'UINT16', 0.001, 0.997],
  ['Angle_V_AN', 2594, 'INT16', 0.01, 0],
  ['Angle_V_BN', 2595, 'INT16', 0.01, -120.49],
  ['Angle_V_CN', 2596, 'INT16', 0.01, 120.14],
  ['Angle_I_A', 2597, 'INT16', 0.01, -4.5],
  ['Angle_I_B', 2598, 'INT16', 0.01, -123.24],
  ['Angle_I_C', 2599, 'INT16', 0.01, 115.78],
];

const metrics: readonly Metric[] = RECORDED.map(([name, address, dataType, scale]) =>
  metric({ name, address, dataType, scale, size: dataType === 'INT32' ? 2 : 1 }),
);

/** The registers of a meter that holds the recorded values; unmapped ones between them hold 0. */
function registers(): Map<number, number> {
  const image = new Map<number, number>();
  for (let address = 175; address < 240; address++) image.set(address, 0);
  for (const [, address, dataType, scale, value] of RECORDED) {
    const raw = Math.round(value / scale);
    const words = dataType === 'INT32' ? [raw >> 16, raw] : [raw];
    for (const [i, word] of words.entries()) image.set(address + i, word & 0xffff);
  }
  return image;
}

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
    const image = registers();
    const server = new modbusSerial.ServerTCP(
      {
        getHoldingRegister: (address: number, _unit: number, done: (error: Error | null, value: number) => void) => {
          const word = image.get(address);
          // Its way to say exception 2.
          done(
            word === undefined ? Object.assign(new Error('no such register'), { modbusErrorCode: 2 }) : null,
            word ?? 0,
          );
        },
      },
      { host: '127.0.0.1', port: 0, unitID: UNIT },
    );
    const [address] = (await once(server, 'initialized').then(() => [
      (server as unknown as { _server: { address(): { port: number } } })._server.address(),
    ])) as [{ port: number }];
    try {
      await readsTheRecordedValues(address.port);
    } finally {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  });

  const python = ['python3', '/usr/bin/python3'].find(
    (program) => spawnSync(program, ['-c', 'import pymodbus.server.async_io']).status === 0,
  );
  const required = process.env['EMDC_TEST_PYMODBUS'] === 'required';
  const skip = python || required ? false : 'DID NOT RUN: pymodbus is not installed (apt-get install python3-pymodbus)';
  test('pymodbus', { skip, timeout: 60_000 }, async () => {
    assert.ok(python, 'pymodbus is required by EMDC_TEST_PYMODBUS and not installed');
    const script = join(packageRoot, 'test/support/pymodbus-server.py');
    const server = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(server, 'exit');
    try {
      server.stdin.write(`${JSON.stringify({ [UNIT]: Object.fromEntries(registers()) })}\n`);
      const [line] = await once(createInterface(server.stdout), 'line');
      await readsTheRecordedValues(Number(line));
    } finally {
      server.stdin.end();
      server.kill();
      await ended;
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
