import assert from 'node:assert/strict';
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { openLinkPool } from '../../src/modbus/pool.js';
import { packageRoot } from '../../src/model/paths.js';

const MAP = `Metric Name,Metric Description,Metric Address,Metric Size,Scaling Factor,Data Type,Unit
Voltage_AN,,10,2,1,FLOAT32,V
freq,,20,1,0.01,UINT16,Hz
`;
const main = join(packageRoot, 'dist/src/main.js');

describe('emdc simulate', { timeout: 120_000 }, () => {
  let folder: string;
  let map: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'emdc-simulate-'));
    map = join(folder, 'meter.csv');
    await writeFile(map, MAP);
  });
  after(() => rm(folder, { recursive: true }));

  /** Lines until the one that says how to end it. */
  async function start(
    ...args: string[]
  ): Promise<{ child: ChildProcessByStdio<null, Readable, null>; said: string[] }> {
    const child = spawn(process.execPath, [main, 'simulate', '--map', map, '--port', '0', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      said.push(line);
      if (line.startsWith('Ctrl-C')) break;
    }
    return { child, said };
  }

  async function stop(child: ChildProcessByStdio<null, Readable, null>, signal: NodeJS.Signals): Promise<number> {
    child.kill(signal);
    const lastResort = setTimeout(() => child.kill('SIGKILL'), 20_000);
    const [code] = await once(child, 'exit');
    clearTimeout(lastResort);
    return code as number;
  }

  test('serves several units on several ports, says where, and ends cleanly by a signal', async (t) => {
    const { child, said } = await start('--count', '2', '--units', '3-4,9', '--latency', '1ms');
    t.after(() => child.kill('SIGKILL'));
    const ports = said.flatMap(
      (line) => /^meter \(2 metrics\) at 127\.0\.0\.1:(\d+), unit 3-4,9$/.exec(line)?.[1] ?? [],
    );
    assert.equal(new Set(ports).size, 2, said.join('\n'));
    assert.ok(said.some((line) => line.includes(`emdc read 127.0.0.1:${ports[0]} --unit 3 --map ${map}`)));
    const pool = openLinkPool();
    const values = new Set<number>();
    for (const port of ports) {
      for (const unitId of [3, 4, 9]) {
        const link = pool.link({ host: '127.0.0.1', port: Number(port) });
        const data = await link.read(
          { unitId, function: 'holding', start: 10, count: 11 },
          { timeoutMs: 5000, pauseMs: 0 },
        );
        const voltage = data.readFloatBE(0);
        assert.ok(voltage > 270 && voltage < 285, `${voltage} V`);
        assert.ok(Math.abs(data.readUInt16BE(20) - 6000) < 10);
        values.add(voltage);
      }
    }
    assert.equal(values.size, 6, 'every meter has its own values');
    await pool.close();
    assert.equal(await stop(child, 'SIGTERM'), 0);
  });

  test('does wrong what it is told to', async () => {
    const { child, said } = await start('--faults', 'exception:7');
    const port = Number(said.map((line) => /:(\d+), unit 1$/.exec(line)?.[1]).find(Boolean));
    const pool = openLinkPool();
    await assert.rejects(
      pool
        .link({ host: '127.0.0.1', port })
        .read({ unitId: 1, function: 'holding', start: 10, count: 2 }, { timeoutMs: 5000, pauseMs: 0 }),
      /exception 7/,
    );
    await pool.close();
    assert.equal(await stop(child, 'SIGINT'), 0);
  });

  test('a gateway has other maps behind other units; registers that a map does not have are refused, small gaps are not', async () => {
    const second = join(folder, 'other.csv');
    await writeFile(second, MAP.replace('freq,,20', 'freq,,90'));
    const child = spawn(process.execPath, [main, 'simulate', '--port', '0', '--map', `${map}:1-2`, `${second}:5`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let port = 0;
    const said: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      said.push(line);
      port = Number(/:(\d+), unit/.exec(line)?.[1] ?? port);
      if (line.startsWith('Ctrl-C')) break;
    }
    assert.deepEqual(
      said.slice(0, 2).map((line) => line.replace(/:\d+,/, ',')),
      ['meter (2 metrics) at 127.0.0.1, unit 1-2', 'other (2 metrics) at 127.0.0.1, unit 5'],
    );
    const pool = openLinkPool();
    const link = pool.link({ host: '127.0.0.1', port });
    const read = (unitId: number, start: number, count: number) =>
      link.read({ unitId, function: 'holding', start, count }, { timeoutMs: 5000, pauseMs: 0 });
    try {
      assert.equal((await read(2, 10, 11)).length, 22);
      assert.equal((await read(5, 90, 1)).length, 2);
      await assert.rejects(read(5, 20, 1), /exception 2/);
      await assert.rejects(read(1, 90, 1), /exception 2/);
    } finally {
      await pool.close();
      assert.equal(await stop(child, 'SIGTERM'), 0);
    }
  });

  test('refuses wrong usage with 2 and names what was expected', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /--map/],
      [['--map', map, '--units', '5-3'], /unit ids/],
      [['--map', map, '--latency', '20'], /20ms|500ms/],
      [['--map', map, '--faults', 'silence'], /no fault is called "silence"/],
      [['--map', map, '--fault-rate', '2'], /0 to 1/],
      [['--map', join(folder, 'none.xlsx')], /none\.xlsx/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
        execFile(process.execPath, [main, 'simulate', ...args], (error, _stdout, stderr) =>
          resolve({ code: error?.code, stderr }),
        );
      });
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, message);
    }
  });
});
