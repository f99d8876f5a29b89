// A site that runs every second: CPU against the bare reference, memory, the grid's jitter, the event loop, and what HTTP
// takes meanwhile.

import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'libsql';
import type { BareAnswer, BareQuestion } from './bare-process.js';
import { startChild } from './child.js';
import type { CollectorAnswer, CollectorQuestion } from './collector-process.js';
import { type Figure, quantile } from './figure.js';
import type { Context } from './main.js';
import type { MetersSetup } from './meters-process.js';
import { type Endpoint, METRICS } from './site.js';

/** Until V8 has compiled what runs often, which costs more than the work itself at first. */
const WARM_UP_S = 12;
const CPU_S = 10;

export async function loadFigures(context: Context): Promise<Figure[]> {
  const figures: Figure[] = [];
  const cost = new Map<number, number>();
  for (const links of [1, 10, 100, 1000]) {
    const seconds = links === 1000 ? context.longSeconds : 20;
    const { own, cpuMs, bareCpuMs, jitterMs, http } = await everySecond(context, links, seconds);
    const group = `${links} meter${links > 1 ? 's' : ''} × ${METRICS} metrics every second, SQLite, ${seconds} s`;
    const add = (figure: Omit<Figure, 'group'>) => figures.push({ group, ...figure });
    const alone = { limit: null, target: null };
    cost.set(links, cpuMs);
    add({
      name: 'CPU per 1,000 readings',
      value: cpuMs,
      unit: 'ms',
      limit: bareCpuMs,
      target: links === 100 ? 1.6 : null,
    });
    add({
      name: 'slots missed or overrun',
      value: own.missedSlots + own.overrunSlots,
      unit: '',
      limit: null,
      target: 0,
    });
    add({
      name: 'readings stored, of those due',
      value: own.readings / (links * METRICS * seconds),
      unit: '',
      limit: null,
      target: 0.99,
      least: true,
    });
    const tail = own.rssBytes.slice(own.rssBytes.length >> 1);
    const memory = Math.max(...own.rssBytes) / 1e6;
    add({
      name: 'memory, most',
      value: memory,
      unit: 'MB',
      limit: null,
      target: links === 1 ? 100 : links === 1000 ? 250 : null,
    });
    add({
      ...alone,
      name: 'memory, change over the second half',
      value: ((tail.at(-1) ?? 0) - (tail[0] ?? 0)) / 1e6,
      unit: 'MB',
    });
    add({ ...alone, name: 'slot jitter, median', value: quantile(jitterMs, 0.5), unit: 'ms' });
    add({ name: 'slot jitter, 99 %', value: quantile(jitterMs, 0.99), unit: 'ms', limit: null, target: 50 });
    add({ ...alone, name: 'slot jitter, worst', value: Math.max(...jitterMs), unit: 'ms' });
    add({ name: 'event loop blocked, worst', value: Math.max(...own.blockedMs), unit: 'ms', limit: null, target: 50 });
    add({ ...alone, name: 'GET /ping, 99 %', value: quantile(http.ping, 0.99), unit: 'ms' });
    add({ ...alone, name: 'GET /metric (one), 99 %', value: quantile(http.metric, 0.99), unit: 'ms' });
  }
  const [few, many] = [cost.get(10) ?? 0, cost.get(1000) ?? 0];
  figures.push({
    group: 'Growth',
    name: 'CPU per 1,000 readings, 1,000 meters ÷ 10 meters',
    value: many,
    unit: 'ms',
    limit: few,
    target: 1,
  });
  return figures;
}

async function everySecond({ folder, say, databaseUrl }: Context, links: number, seconds: number) {
  say(`load: ${links} meters every second, ${seconds} s`);
  const meters = await startChild<MetersSetup, Endpoint[]>('meters-process', { links, unitsPerLink: 1, latencyMs: 0 });
  const endpoints = meters.first;
  const directory = folder();
  try {
    const bare = await startChild<BareQuestion, BareAnswer>('bare-process', {
      do: 'setup',
      endpoints,
      database: `${directory}/bare.db`,
    });
    await bare.ask({ do: 'every-second', seconds: 4 });
    const bareCpuMs = (await bare.ask({ do: 'every-second', seconds: CPU_S })).cpuMs;
    await bare.stop();

    const collector = await startChild<CollectorQuestion, CollectorAnswer>('collector-process', {
      do: 'setup',
      endpoints,
      databaseUrl: databaseUrl ?? `file:${directory}/emdc.db`,
      directory,
      intervalMs: 1000,
    });
    await collector.ask({ do: 'watch', seconds: WARM_UP_S, eventLoop: false });
    const alone = await collector.ask({ do: 'watch', seconds: CPU_S, eventLoop: false });
    const watching = collector.ask({ do: 'watch', seconds, eventLoop: true });
    const http = await askHttp(collector.first.url, Math.min(seconds, 10));
    const own = await watching;
    await collector.stop();
    const jitterMs = databaseUrl === null ? jitterIn(`${directory}/emdc.db`) : [Number.NaN];
    const cpuMs = alone.cpuMs / (alone.readings / 1000);
    return { own, cpuMs, bareCpuMs: bareCpuMs / ((links * METRICS * CPU_S) / 1000), jitterMs, http };
  } finally {
    await meters.stop();
  }
}

/** How long after its slot each meter's first request went out, the first slots left out. */
function jitterIn(file: string): number[] {
  const db = new Database(file, { readonly: true });
  const rows = db
    .prepare('SELECT read_at - slot AS late FROM poll WHERE slot > (SELECT min(slot) + 10000 FROM poll)')
    .all();
  db.close();
  return (rows as { late: number }[]).map(({ late }) => late);
}

async function askHttp(url: string, seconds: number): Promise<{ ping: number[]; metric: number[] }> {
  const times = { ping: [] as number[], metric: [] as number[] };
  const topic = encodeURIComponent('bench/meter_0/metric_4610');
  for (let i = 0; i < seconds * 10; i++) {
    for (const [name, path] of [
      ['ping', 'ping'],
      ['metric', `metric?name=${topic}`],
    ] as const) {
      const start = performance.now();
      const response = await fetch(new URL(path, url));
      await response.arrayBuffer();
      times[name].push(performance.now() - start);
    }
    await sleep(83);
  }
  return times;
}
