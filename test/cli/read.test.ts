import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { encodeMetric } from '../../src/codec/encode.js';
import { packageRoot } from '../../src/model/paths.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { emdc } from '../support/emdc.js';

const mapFile = `${packageRoot}register-maps/eaton-pxm4000.xlsx`;
const { map } = loadRegisterMap(mapFile);

let server: MeterServer;
let where: string[];
const image = new RegisterImage({ undefinedRegisters: 0 });

before(async () => {
  map.metrics.forEach((metric, index) => {
    image.set(metric.function, metric.address, encodeMetric(metric, index + 0.5));
  });
  server = await startMeterServer({ units: [{ unitId: 7, image }] });
  where = ['--host', '127.0.0.1', '--port', String(server.port), '--unit', '7'];
});
after(() => server.close());

test('a meter by flags is read as a table: value, unit, address, type and registers of every metric', async () => {
  const { code, stdout, stderr } = await emdc(['read', ...where, '--map', mapFile]);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  const [heading, ...lines] = stdout.split('\n');
  assert.match(heading ?? '', /^metric +value +unit +address +type +registers$/);
  for (const [index, metric] of map.metrics.entries()) {
    const words = [...encodeMetric(metric, index + 0.5)].map((word) => word.toString(16).padStart(4, '0'));
    const line = lines[index]?.split(/ {2,}/);
    assert.equal(line?.[0], metric.name);
    assert.ok(lines[index]?.endsWith(words.join(' ')), lines[index]);
  }
  assert.match(
    stdout,
    /unit 7: 47 of 47 metrics\n3 requests, \d+ ms \(each [\d., ]+\)\n\nNext:\n {2}emdc commission 127\.0\.0\.1:\d+ --unit 7 --map eaton-pxm4000 --stanza/,
  );
});

test('as JSON, the same for machines', async () => {
  const { code, stdout } = await emdc([
    'read',
    ...where,
    '--map',
    'register-maps/eaton-pxm4000.xlsx',
    '--json',
    '--topic-prefix',
    'A/B',
  ]);
  assert.equal(code, 0);
  const { meter, metrics, error } = JSON.parse(stdout);
  assert.deepEqual([meter, error, metrics.length], ['A/B', null, map.metrics.length]);
  assert.deepEqual(Object.keys(metrics[0]), ['metric', 'value', 'unit', 'why', 'address', 'type', 'registers']);
});

test('--raw needs no map and shows the registers as every type in both word orders', async () => {
  const words = new Uint16Array(6);
  const view = new DataView(words.buffer);
  view.setFloat32(0, 230.25);
  image.set('holding', 100, [
    view.getUint16(0),
    view.getUint16(2),
    view.getUint16(2),
    view.getUint16(0),
    0xffff,
    0x8001,
  ]);
  const { code, stdout, stderr } = await emdc(['read', ...where, '--raw', '100:6']);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  const [heading = '', ...rows] = stdout.trimEnd().split('\n');
  assert.equal(rows.length, 6);
  const cells = (row = '') => row.trim().split(/ {2,}/);
  const at = (row: number, name: string) => cells(rows[row])[cells(heading).indexOf(name)];
  assert.equal(at(0, 'FLOAT32 big'), '230.25');
  assert.equal(at(2, 'FLOAT32 little'), '230.25');
  assert.equal(at(4, 'INT16'), '-1');
  assert.equal(at(5, 'SM16'), '-1');
  assert.equal(at(5, 'UINT32 big'), '–');
});

test('--raw reads bits from coils, and more registers than one request takes', async () => {
  image.set('coil', 3, [1, 0, 1]);
  const { stdout } = await emdc(['read', ...where, '--raw', '3:3', '--function', 'coil', '--json']);
  assert.deepEqual(
    JSON.parse(stdout),
    [3, 4, 5].map((address, index) => ({ address, bit: index === 1 ? 0 : 1 })),
  );
  const many = await emdc(['read', ...where, '--raw', '0:300', '--json', '--function', 'holding']);
  assert.equal(JSON.parse(many.stdout).length, 300);
});

test('--watch reads again and again, until SIGINT, and then ends with 0', async () => {
  const args = ['read', ...where, '--map', mapFile, '--watch', '0.1', '--json'];
  const child = spawn(process.execPath, [`${packageRoot}dist/src/main.js`, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const times = new Set<string>();
  for await (const line of createInterface({ input: child.stdout })) {
    times.add(JSON.parse(line).time);
    if (times.size === 3) child.kill('SIGINT');
  }
  assert.deepEqual(child.exitCode === null ? await once(child, 'exit') : [child.exitCode, child.signalCode], [0, null]);
  assert.ok(times.size >= 3);
});

test('a meter that does not answer is failure: 1; wrong usage is 2', async () => {
  const dead = await emdc([
    'read',
    ...where.slice(0, 4),
    '--unit',
    '9',
    '--map',
    mapFile,
    '--modbus.timeout',
    '50ms',
    '--modbus.retries',
    '0',
  ]);
  assert.equal(dead.code, 1);
  // The reason once, and no table of 47 lines that say it again.
  assert.match(dead.stdout, /^\S+ at \S+ unit 9: 0 of 47 metrics\n1 request, .*\ntimeout after 50 ms: .*\n$/);
  const raw = await emdc(['read', ...where.slice(0, 4), '--unit', '9', '--raw', '0:1', '--modbus.timeout', '50ms']);
  assert.equal(raw.code, 1);
  assert.match(raw.stderr, /^emdc: .*\[modbus-timeout\]/);
  for (const args of [
    ['--raw', '70000:1'],
    ['--raw', '0:0'],
    ['--unit', '256', '--raw', '0'],
    ['--map', 'none.xlsx'],
    ['--watch', 'x'],
  ]) {
    const { code, stderr } = await emdc(['read', ...where, ...args]);
    assert.equal(code, 2, args.join(' '));
    assert.doesNotMatch(stderr, /^\s+at /m);
  }
});
