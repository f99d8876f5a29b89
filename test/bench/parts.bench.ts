// Single parts: planning, start-up, the spool's drain, and the way users read meters without a collector.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import type { Metric } from '../../src/model/meter.js';
import { packageRoot } from '../../src/model/paths.js';
import { planBlocks } from '../../src/plan/blocks.js';
import { openRecorder } from '../../src/record/recorder.js';
import { openStore } from '../../src/store/open.js';
import { metric } from '../support/metric.js';
import { meterInfo, pollOf } from '../support/polls.js';
import { startChild } from './child.js';
import { type Figure, median } from './figure.js';
import type { LibrariesAnswer, LibrariesQuestion } from './libraries-process.js';
import type { Context } from './main.js';
import type { MetersSetup } from './meters-process.js';
import { BLOCKS, type Endpoint, METRICS } from './site.js';

export async function planFigures({ say }: Context): Promise<Figure[]> {
  say('planning: 1,000 maps of 500 metrics');
  const maps = Array.from({ length: 1000 }, (_, seed) => randomMetrics(seed));
  const start = performance.now();
  for (const metrics of maps) planBlocks(metrics, { maxRegisters: 125, maxGap: 32 });
  const group = 'Parts';
  return [
    {
      group,
      name: 'planning 1,000 maps of 500 metrics',
      value: performance.now() - start,
      unit: 'ms',
      limit: null,
      target: null,
    },
  ];
}

function randomMetrics(seed: number): Metric[] {
  let state = seed + 1;
  const random = (most: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
  let address = 0;
  return Array.from({ length: 500 }, (_, i) => {
    address += random(10) === 0 ? random(80) : random(4);
    const size = [1, 2, 2, 4][random(4)] as number;
    const made = metric({
      name: `m${i}`,
      dataType: size === 1 ? 'UINT16' : size === 2 ? 'FLOAT32' : 'FLOAT64',
      address,
      size,
    });
    address += size;
    return made;
  });
}

const STARTS = 8;

/** From the command to the first reading that GET /metric answers, as a user starts it. */
export async function startFigures({ folder, say }: Context): Promise<Figure[]> {
  const meters = await startChild<MetersSetup, Endpoint[]>('meters-process', {
    links: 1,
    unitsPerLink: 1,
    latencyMs: 0,
  });
  const times: number[] = [];
  const librariesMs: number[] = [];
  try {
    for (let run = 0; run < STARTS; run++) {
      say(`start-up: ${run + 1} of ${STARTS}`);
      const directory = folder();
      const map = `${directory}/bench.csv`;
      const header = 'Metric Name,Metric Description,Metric Address,Metric Size,Scaling Factor,Data Type';
      const rows = BLOCKS.flatMap(({ start, count }) =>
        Array.from({ length: count / 2 }, (_, i) => `metric_${start + 2 * i},,${start + 2 * i},2,1,FLOAT32`),
      );
      writeFileSync(map, [header, ...rows, ''].join('\n'));
      const args = [
        'run',
        '--host',
        '127.0.0.1',
        '--port',
        String(meters.first[0]?.port),
        '--topic-prefix',
        'bench/meter',
        '--map',
        map,
      ];
      const settings = ['--schedule', '1s', '--http.port', '0', '--log.format', 'json'];
      const paths = ['--database.url', `file:${directory}/emdc.db`, '--spool.directory', `${directory}/spool`];
      // The first slot comes at the next whole second: starts are spread over one, so that none is lucky.
      await sleep((1000 - (Date.now() % 1000) + (run * 1000) / STARTS) % 1000);
      const start = performance.now();
      const child = spawn(process.execPath, [`${packageRoot}dist/src/main.js`, ...args, ...settings, ...paths], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await firstReading(child.stdout);
      times.push(performance.now() - start);
      child.kill('SIGTERM');
      await once(child, 'exit');
      librariesMs.push(await librariesStartMs(directory));
    }
  } finally {
    await meters.stop();
  }
  return [
    {
      group: 'Parts',
      name: 'start to first reading (schedule 1s), mean',
      value: times.reduce((sum, time) => sum + time, 0) / STARTS,
      unit: 'ms',
      limit: null,
      target: 1500,
    },
    {
      group: 'Parts',
      name: 'start of the libraries alone',
      value: median(librariesMs),
      unit: 'ms',
      limit: null,
      target: null,
    },
  ];
}

/** Until each has been loaded and has done its first piece of work. */
async function librariesStartMs(directory: string): Promise<number> {
  const start = performance.now();
  const libraries = await startChild<LibrariesQuestion, LibrariesAnswer>('libraries-process', {
    do: 'setup',
    database: `${directory}/libraries.db`,
  });
  const tookMs = performance.now() - start;
  await libraries.stop();
  return tookMs;
}

/** Resolves when the collector that logs here has answered with a reading; fails with what it said when it ends first. */
async function firstReading(log: Readable): Promise<void> {
  const said: string[] = [];
  for await (const line of createInterface({ input: log })) {
    said.push(line);
    const { message, url } = JSON.parse(line) as { message: string; url?: string };
    if (message !== 'HTTP is open') continue;
    while (!(await answers(`${url}/metric?name=metric_4610`))) await sleep(5);
    return;
  }
  throw new Error(`the collector ended before its first reading: ${said.join('\n')}`);
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status === 200;
}

/** Five minutes' worth of 100 meters a second, spooled, then taken by the database when it comes back. */
export async function drainFigures({ folder, say }: Context): Promise<Figure[]> {
  say('drain: 30,000 polls out of the spool');
  const directory = folder();
  const meters = Array.from({ length: 100 }, (_, i) => meterInfo(`drain/meter_${i}`, METRICS));
  let away = true;
  const recorder = await openRecorder({
    dialect: 'sqlite',
    openStore: async () => {
      if (away) throw Object.assign(new Error('away for the benchmark'), { remedy: 'spool' });
      return openStore({ url: `file:${directory}/emdc.db`, log: silentLog });
    },
    spool: { directory: `${directory}/spool`, maxBytes: 1e9, maxAgeMs: 1e12 },
    clock: systemClock,
    log: silentLog,
  });
  const first = Math.floor(Date.now() / 1000) * 1000 - 300_000;
  const values = Array.from({ length: METRICS }, (_, i) => 230 + i / 7);
  const spooling = performance.now();
  for (let cycle = 0; cycle < 300; cycle++) {
    await recorder.record({ polls: meters.map((meter) => pollOf(meter, first + cycle * 1000, values)), gaps: [] });
  }
  const spooled = performance.now() - spooling;
  const { readings, bytes } = recorder.state().spool;
  away = false;
  const draining = performance.now();
  while (recorder.state().spool.readings === readings) await sleep(2);
  const begun = performance.now();
  while (recorder.state().spool.readings > 0) await sleep(5);
  const drained = performance.now() - begun;
  await recorder.close({ deadlineMs: 5000 });
  const group = 'Spool';
  return [
    {
      group,
      name: 'into the spool, every cycle synced',
      value: readings / (spooled / 1000),
      unit: '/s',
      limit: null,
      target: null,
    },
    { group, name: 'bytes per reading', value: bytes / readings, unit: 'B', limit: null, target: null },
    {
      group,
      name: 'noticed that the database is back',
      value: begun - draining,
      unit: 'ms',
      limit: null,
      target: null,
    },
    { group, name: 'drained', value: readings / (drained / 1000), unit: '/s', limit: null, target: null },
  ];
}
