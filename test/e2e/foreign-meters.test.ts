// The whole collector against Modbus servers that are not ours, with the ancestor's own workbook: what lies in the database
// afterwards equals, bit for bit, the registers times the scale, and the wire shows two requests per cycle.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import Database from 'libsql';
import { loadConfig } from '../../src/config/load.js';
import { startDaemon } from '../../src/daemon.js';
import { silentLog } from '../../src/model/log.js';
import { packageRoot } from '../../src/model/paths.js';
import { checkRegisterMap } from '../../src/register-map/load.js';
import {
  type ForeignServer,
  python,
  RECORDED,
  startModbusSerial,
  startPymodbus,
  UNIT,
} from '../support/recorded-nexus.js';

/** Passes everything on and writes down the requests: start and count. */
async function wiretap(t: TestContext, target: number): Promise<{ port: number; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((client) => {
    const meter = connect(target, '127.0.0.1');
    client.on('data', (frame) => {
      for (let at = 0; at < frame.length; at += 12) {
        requests.push(`${frame[at + 7]}: ${frame.readUInt16BE(at + 8)}+${frame.readUInt16BE(at + 10)}`);
      }
    });
    client.pipe(meter).pipe(client);
    for (const socket of [client, meter]) socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, requests };
}

async function collects(t: TestContext, server: ForeignServer): Promise<void> {
  t.after(() => server.close());
  const { port, requests } = await wiretap(t, server.port);
  const folder = mkdtempSync(join(tmpdir(), 'emdc-foreign-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const flags = new Map([
    ['host', '127.0.0.1'],
    ['port', String(port)],
    ['unit', String(UNIT)],
    ['topic-prefix', 'UW/Mercer/nexus_meter'],
    ['map', `${packageRoot}test/golden/ancestor/nexus-metrics.xlsx`],
    ['schedule', '24h'],
    ['database.url', `file:${folder}/emdc.db`],
    ['spool.directory', `${folder}/spool`],
    ['http.port', '0'],
  ]);
  const { config } = await loadConfig({ file: null, env: {}, flags, loadMap: checkRegisterMap });
  const daemon = await startDaemon({ config, log: silentLog });
  const never = new AbortController().signal;
  await daemon.service.collect({ iterations: 3, waitMs: 2, meters: null, signal: never });
  // The first poll of a run goes through the spool, behind the start of its meter.
  while (daemon.service.status().spool.readings > 0) await setImmediate();
  await daemon.stop();

  assert.deepEqual(requests, Array(3).fill(['3: 179+54', '3: 2594+6']).flat());
  const db = new Database(`${folder}/emdc.db`, { readonly: true });
  const stored = db.prepare('SELECT metric, value FROM measurement').all() as { metric: string; value: number }[];
  const polls = db.prepare('SELECT requests, expected, stored FROM poll').all() as Record<string, number>[];
  db.close();
  assert.deepEqual(
    polls.map((poll) => ({ ...poll })),
    Array(3).fill({ requests: 2, expected: 21, stored: 21 }),
  );
  assert.equal(stored.length, 3 * RECORDED.length);
  for (const { metric, value } of stored) {
    const [, , , scale, recorded] =
      RECORDED.find(([name]) => name === metric) ?? assert.fail(`${metric} is no metric of the map`);
    const calculated = Math.round(recorded / scale) * scale;
    assert.ok(Object.is(value, calculated), `${metric}: ${value} is stored, calculated ${calculated}`);
  }
}

test('a collector that reads a meter served by modbus-serial', { timeout: 60_000 }, async (t) => {
  await collects(t, await startModbusSerial());
});

const skip = python ? false : 'DID NOT RUN: pymodbus is not installed (apt-get install python3-pymodbus)';
test('a collector that reads a meter served by pymodbus', { skip, timeout: 60_000 }, async (t) => {
  await collects(t, await startPymodbus(python as string));
});
