// What people do in their first hour, by the real command.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { encodeMetric } from '../../src/codec/encode.js';
import { packageRoot } from '../../src/model/paths.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { simulateMeter } from '../../src/simulate/simulated-meter.js';
import { emdc } from '../support/emdc.js';

const { map } = loadRegisterMap(`${packageRoot}register-maps/eastron-sdm630.xlsx`);

let folder: string;
let server: MeterServer;
let at: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emdc-hour-'));
  const zeros = new RegisterImage({ undefinedRegisters: 0 });
  for (const metric of map.metrics) zeros.set(metric.function, metric.address, encodeMetric(metric, 0));
  server = await startMeterServer({ units: [simulateMeter({ map, unitId: 1 }), { unitId: 2, image: zeros }] });
  at = `127.0.0.1:${server.port}`;
});
after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

test('read HOST:PORT with the name of a shipped map, from anywhere, and then what to do next', async () => {
  const { code, stdout, stderr } = await emdc(['read', at, '--map', 'eastron-sdm630']);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /48 of 48 metrics/);
  assert.match(stdout, new RegExp(`Next:\\n {2}emdc commission ${at} --unit 1 --map eastron-sdm630 --stanza`));
});

test('values that are all 0 are told, and a meter without any of the registers, too', async () => {
  const zeros = await emdc(['read', at, '--unit', '2', '--map', 'eastron-sdm630']);
  assert.match(zeros.stdout, /all values are 0: wrong table/);
  const image = new RegisterImage();
  const empty = await startMeterServer({ units: [{ unitId: 1, image }] });
  const other = await emdc(['read', `127.0.0.1:${empty.port}`, '--map', 'eastron-sdm630']);
  await empty.close();
  assert.match(other.stdout, /the meter has none of these registers: wrong map or table\? emdc scan 127/);
  assert.equal(other.stdout.split('\n').length, 5, other.stdout);
});

test('a meter that closes the connection at once may be held by the daemon: how to ask that instead', async () => {
  const closing = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve));
  const address = closing.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const file = join(folder, 'held.yaml');
  await writeFile(
    file,
    `http: {port: 8099}\nmodbus: {retries: 0}\nmeters: [{name: Site/M1, host: 127.0.0.1, port: ${port}, map: eastron-sdm630}]\n`,
  );
  const { code, stdout } = await emdc(['read', '--config', file]);
  closing.close();
  assert.equal(code, 1);
  assert.match(stdout, /hold the only one that the meter grants\?/);
  assert.ok(stdout.includes("curl 'http://127.0.0.1:8099/metric?name=Site/M1/Voltage_AN&max_age=0'"), stdout);
});

test('scan HOST:PORT names the map, and writes the meters for a configuration that check takes', async () => {
  const { code, stdout } = await emdc(['scan', at, '--units', '1', '--pause', '0ms', '--stanza']);
  assert.equal(code, 0);
  assert.match(stdout, /unit 1: answers in/);
  assert.match(stdout, new RegExp(`Next:\\n {2}emdc read ${at} --unit 1 --map eastron-sdm630`));
  const file = join(folder, 'scanned.yaml');
  await writeFile(file, stdout.slice(stdout.indexOf('meters:')));
  const checked = await emdc(['check', file]);
  assert.match(checked.stdout, /Site\/unit_1 \(eastron-sdm630\): 48 metrics/);
  assert.match(checked.stdout, /0 errors, 0 warnings/);
  assert.equal((await emdc(['scan'])).code, 2);
  assert.equal((await emdc(['scan', 'h', '--serial', '/dev/ttyS0'])).code, 2);
});

test('every command finds a map by the same rule, and guesses what a name may mean', async () => {
  for (const args of [
    ['check', 'eastron-sdm360'],
    ['simulate', '--map', 'eastron-sdm360'],
    ['read', at, '--map', 'eastron-sdm360'],
  ]) {
    const { code, stderr } = await emdc(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /looked in .*did you mean "eastron-sdm630"\?/, args.join(' '));
  }
  assert.equal((await emdc(['check', 'eastron-sdm630'])).code, 0);
  assert.equal((await emdc(['check', 'register-maps/eastron-sdm630.xlsx'])).code, 0);
});

test('meters of a site that are read alike are one line of check', async () => {
  const file = join(folder, 'thirty.yaml');
  const meters = Array.from(
    { length: 30 },
    (_, i) => `  - {name: M${i}, host: h, unitId: ${i + 1}, map: eastron-sdm630}`,
  );
  await writeFile(file, `meters:\n${meters.join('\n')}\n  - {name: X, host: g, map: eaton-pxm4000}\n`);
  const { code, stdout } = await emdc(['check', file]);
  assert.equal(code, 0);
  assert.match(stdout, /^30 × eastron-sdm630: 48 metrics → \d+ requests.* each$/m);
  assert.match(stdout, /^X \(eaton-pxm4000\): 47 metrics/m);
  assert.ok(stdout.split('\n').length < 8, stdout);
});

test('help of a command is short, names examples, and still guesses keys of the configuration', async () => {
  for (const name of ['run', 'read', 'check', 'commission', 'migrate']) {
    const { stdout } = await emdc([name, '--help']);
    assert.ok(stdout.split('\n').length < 60, `${name}: ${stdout.split('\n').length} lines`);
    assert.doesNotMatch(stdout, /spool\.maxBytes/);
    assert.match(stdout, /config\/README\.md lists them/);
  }
  const { code, stderr } = await emdc(['run', '--http.prot', '1']);
  assert.equal(code, 2);
  assert.match(stderr, /Did you mean --http\.port\?/);
});

test('a new map is an .xlsx file', async () => {
  const { code, stderr } = await emdc(['map', 'new', join(folder, 'x.csv')]);
  assert.equal(code, 2);
  assert.match(stderr, /a new map is an \.xlsx file, not \.csv/);
});
