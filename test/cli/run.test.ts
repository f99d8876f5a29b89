import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { packageRoot } from '../../src/model/paths.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { emdc } from '../support/emdc.js';

let folder: string;
let meter: MeterServer;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emdc-run-'));
  const image = new RegisterImage();
  for (const { function: table, address, size } of loadRegisterMap(`${packageRoot}register-maps/eaton-pxm4000.xlsx`).map
    .metrics) {
    image.set(table, address, new Array<number>(size).fill(0));
  }
  meter = await startMeterServer({ units: [{ unitId: 1, image }] });
  await writeFile(
    join(folder, 'site.yaml'),
    `schedule: 1s
http: {port: 0}
meters: [{name: Site/eaton, host: 127.0.0.1, port: ${meter.port}, map: register-maps/eaton-pxm4000.xlsx}]
`,
  );
});
after(async () => {
  await meter.close();
  await rm(folder, { recursive: true });
});

type LogLine = Readonly<Record<string, unknown>> & { readonly message: string };

/** The daemon as a process, in `folder`; its log as it comes. */
function run(...args: string[]) {
  const child = spawn(process.execPath, [`${packageRoot}dist/src/main.js`, 'run', ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>;
  const until = async (message: RegExp): Promise<LogLine> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) assert.fail(`the log ended without ${message}`);
      const line = JSON.parse(value) as LogLine;
      if (message.test(line.message)) return line;
    }
  };
  return { child, until, ended };
}

test('the daemon runs until SIGTERM, answers meanwhile, and ends with 0', async () => {
  const { child, until, ended } = run('--config', 'site.yaml');
  const { url } = await until(/HTTP is open/);
  const ping = await fetch(`${url}/ping`);
  assert.ok([200, 503].includes(ping.status));
  const collected = await fetch(`${url}/collect`, { method: 'POST' });
  assert.equal(collected.status, 200);
  child.kill('SIGHUP');
  child.kill('SIGTERM');
  await until(/EMDC has stopped/);
  assert.deepEqual(await ended, [0, null]);
  assert.ok((await stat(join(folder, 'data', 'emdc.db'))).size > 0);
});

test('a faulty configuration starts nothing: every problem on standard error, exit code 2', async () => {
  await writeFile(join(folder, 'bad.yaml'), 'schedule: 7s\nhttp: {port: x}\nspool: {directory: other}\nmeters: []\n');
  const { code, stdout, stderr } = await emdc([
    'run',
    '--config',
    join(folder, 'bad.yaml'),
    '--database.url',
    `file:${folder}/bad.db`,
  ]);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /3 problems\n.*schedule.*\n.*http\.port.*\n.*meters/);
  await assert.rejects(stat(join(folder, 'bad.db')));
  await assert.rejects(stat('other'));
});

test('a file that changed is taken over on SIGHUP; one that changed for the worse is said, and the daemon goes on', async () => {
  const meterOf = (name: string) =>
    `{name: ${name}, host: 127.0.0.1, port: ${meter.port}, map: register-maps/eaton-pxm4000.xlsx}`;
  const write = (names: readonly string[]) =>
    writeFile(
      join(folder, 'changing.yaml'),
      `http: {port: 0}\nspool: {directory: ./spool2}\ndatabase: {url: "file:2.db"}\nmeters: [${names.map(meterOf)}]\n`,
    );
  await write(['A']);
  const { child, until, ended } = run('--config', 'changing.yaml');
  const { url } = await until(/HTTP is open/);
  await write(['A', 'B']);
  child.kill('SIGHUP');
  await until(/configuration: \+ B/);
  await until(/configuration taken over/);
  await writeFile(join(folder, 'changing.yaml'), 'meters: []');
  child.kill('SIGHUP');
  const { message } = await until(/not taken over/);
  assert.match(message, /changing\.yaml · meters · missing · expected at least one meter/);
  assert.ok((await fetch(`${url}/ping`)).status > 0);
  child.kill('SIGINT');
  assert.deepEqual(await ended, [0, null]);
});

test('a port that is taken is failure: 1, said with what to do', async () => {
  const { ended, until } = run('--config', 'site.yaml', '--http.port', String(meter.port));
  const line = await until(/cannot start/);
  assert.match(String(line['hint']), /http\.port/);
  assert.deepEqual(await ended, [1, null]);
});

test('migrate makes a database, twice is harmless', async () => {
  const url = `file:${join(folder, 'migrated.db')}`;
  for (let round = 0; round < 2; round++) {
    const { code, stdout } = await emdc(['migrate', '--database.url', url]);
    assert.equal(code, 0);
    assert.match(stdout, /up to date/);
  }
  assert.ok((await stat(join(folder, 'migrated.db'))).size > 0);
});
