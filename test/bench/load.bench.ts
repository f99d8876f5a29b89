// A site that runs every second: CPU against the bare reference, memory, the grid's jitter, the event loop, and what HTTP
// takes meanwhile.

import { setTimeout as sleep } from 'node:timers/promises';
import type { BareAnswer, BareQuestion } from './bare-process.js';
import { startChild } from './child.js';
import type { CollectorAnswer, CollectorQuestion } from './collector-process.js';
import { type Figure, middleOf, quantile } from './figure.js';
import type { LibrariesAnswer, LibrariesQuestion } from './libraries-process.js';
import type { Context } from './main.js';
import type { MetersSetup } from './meters-process.js';
import { recordedIn } from './recorded.js';
import { type Endpoint, METRICS } from './site.js';

interface Size {
  readonly links: number;
  /** Until V8 has compiled what runs often: at first that costs more than the work itself, and with few meters it takes long. */
  readonly warmUpS: number;
  /** Of CPU_S each. The middle one counts: what a neighbour on the host does to one of them is nobody's cost here. */
  readonly stretches: number;
  /** To be watched and asked over HTTP. */
  readonly seconds: number;
}

const SIZES: readonly Size[] = [
  { links: 1, warmUpS: 10, stretches: 3, seconds: 10 },
  { links: 10, warmUpS: 10, stretches: 3, seconds: 10 },
  // Its CPU is what is promised.
  { links: 100, warmUpS: 60, stretches: 5, seconds: 10 },
  { links: 1000, warmUpS: 20, stretches: 3, seconds: 25 },
];
const CPU_S = 4;
/**
 * The bare socket reads the same meters in the same seconds, halfway between the collector's slots: a processor that is
 * slow at times is slow for both.
 */
const BARE_OFFSET_MS = 500;

export async function loadFigures(context: Context): Promise<Figure[]> {
  const figures: Figure[] = [];
  const cost = new Map<number, number>();
  const database = nameOf(context.databaseUrl);
  const sizes = context.longSeconds === null ? SIZES : longest(context.longSeconds);
  for (const size of sizes) {
    const { links, seconds } = size;
    const { own, cpu, bareLateMs, http, recorded } = await everySecond(context, size);
    const group = `${links} meter${links > 1 ? 's' : ''} × ${METRICS} metrics every second, ${database}, ${seconds} s`;
    const add = (figure: Omit<Figure, 'group'>) => figures.push({ group, ...figure });
    const alone = { limit: null, target: null };
    cost.set(links, cpu.own);
    add({
      name: 'CPU per 1,000 readings',
      value: cpu.own,
      unit: 'ms',
      limit: cpu.limit,
      target: links === 100 ? 2 : null,
    });
    add({
      name: 'slots missed or overrun',
      value: own.missedSlots + own.overrunSlots,
      unit: '',
      limit: null,
      target: 0,
    });
    add({
      name: 'polls on record, of those due',
      value: recorded.polls,
      unit: '',
      limit: null,
      target: 1,
      least: true,
    });
    add({ name: 'slots on record as missed', value: recorded.missed, unit: '', limit: null, target: 0 });
    const tail = own.rssBytes.slice(own.rssBytes.length >> 1);
    const memory = Math.max(...own.rssBytes) / 1e6;
    add({
      name: 'memory, most',
      value: memory,
      unit: 'MB',
      limit: null,
      target: links === 1 ? 130 : links === 1000 ? 300 : null,
    });
    if (links === 1 && context.databaseUrl === null) {
      add({ ...alone, name: 'memory of the libraries alone', value: await librariesMegabytes(context), unit: 'MB' });
    }
    add({
      ...alone,
      name: 'memory, change over the second half',
      value: ((tail.at(-1) ?? 0) - (tail[0] ?? 0)) / 1e6,
      unit: 'MB',
    });
    add({ ...alone, name: 'slot jitter, median', value: lateQuantile(own.lateMs, 0.5), unit: 'ms' });
    add({ name: 'slot jitter, 99 %', value: lateQuantile(own.lateMs, 0.99), unit: 'ms', limit: null, target: 100 });
    add({ ...alone, name: 'slot jitter of the bare socket, 99 %', value: quantile(bareLateMs, 0.99), unit: 'ms' });
    add({ ...alone, name: 'slot jitter, worst', value: own.lateMs.findLastIndex((count) => count > 0), unit: 'ms' });
    add({
      ...alone,
      name: 'event loop blocked, median of the seconds',
      value: quantile(own.blockedMs, 0.5),
      unit: 'ms',
    });
    add({ name: 'event loop blocked, worst', value: Math.max(...own.blockedMs), unit: 'ms', limit: null, target: 100 });
    const worst = own.blockedMs.indexOf(Math.max(...own.blockedMs));
    add({ ...alone, name: 'taken by the host in that second', value: own.stolenMs[worst] ?? Number.NaN, unit: 'ms' });
    const stolenPercent = sum(own.stolenMs) / (10 * seconds);
    add({ ...alone, name: 'taken by the host, of one processor', value: stolenPercent, unit: '%' });
    add({ ...alone, name: 'GET /ping, 99 %', value: quantile(http.ping, 0.99), unit: 'ms' });
    add({ ...alone, name: 'GET /metric (one), 99 %', value: quantile(http.metric, 0.99), unit: 'ms' });
  }
  if (context.longSeconds !== null) return figures;
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

const longest = (seconds: number): Size[] => SIZES.slice(-1).map((size) => ({ ...size, seconds }));

async function everySecond({ folder, say, databaseUrl }: Context, { links, warmUpS, stretches, seconds }: Size) {
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
    const collector = await startChild<CollectorQuestion, CollectorAnswer>('collector-process', {
      do: 'setup',
      endpoints,
      databaseUrl: databaseUrl ?? `file:${directory}/emdc.db`,
      directory,
      intervalMs: 1000,
    });
    const both = (seconds: number) =>
      Promise.all([
        collector.ask({ do: 'watch', seconds, eventLoop: false }),
        bare.ask({ do: 'every-second', seconds, offsetMs: BARE_OFFSET_MS }),
      ]);
    await both(warmUpS);
    const measured = [];
    while (measured.length < stretches) measured.push(await both(CPU_S));
    await bare.stop();
    const watching = collector.ask({ do: 'watch', seconds, eventLoop: true });
    const http = await askHttp(collector.first.url, seconds);
    const own = await watching;
    await collector.stop();
    const { firstSlot, lastSlot } = own;
    const { polls, missed } = await recordedIn(databaseUrl ?? `file:${directory}/emdc.db`, firstSlot, lastSlot);
    const recorded = { polls: polls / (links * ((lastSlot - firstSlot) / 1000 + 1)), missed };
    say(`memory, MB, each tenth of the time: ${tenths(own.rssBytes.map((bytes) => bytes / 1e6))}`);
    say(`event loop blocked, ms, each tenth of the time: ${tenths(own.blockedMs)}`);
    say(`taken by the host, ms, each tenth of the time: ${tenths(own.stolenMs)}`);
    const cpu = middleOf(
      measured.map(([{ cpuMs, readings }, bare]) => ({
        own: cpuMs / (readings / 1000),
        limit: bare.cpuMs / ((links * METRICS * CPU_S) / 1000),
      })),
    );
    const bareLateMs = measured.flatMap(([, { lateMs }]) => lateMs);
    return { own, cpu, bareLateMs, http, recorded };
  } finally {
    await meters.stop();
  }
}

async function librariesMegabytes({ folder, say }: Context): Promise<number> {
  say('load: the libraries alone');
  const libraries = await startChild<LibrariesQuestion, LibrariesAnswer>('libraries-process', {
    do: 'setup',
    database: `${folder()}/libraries.db`,
  });
  await libraries.ask({ do: 'watch', seconds: 5 });
  const { rssBytes } = await libraries.ask({ do: 'watch', seconds: 5 });
  await libraries.stop();
  return Math.max(...rssBytes) / 1e6;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const nameOf = (url: string | null): string =>
  url === null ? 'SQLite' : url.startsWith('postgres') ? 'PostgreSQL' : 'MariaDB';

/** The worst of each tenth. */
const tenths = (series: readonly number[]): string =>
  Array.from({ length: 10 }, (_, i) =>
    Math.max(...series.slice(Math.floor((i * series.length) / 10), Math.ceil(((i + 1) * series.length) / 10))).toFixed(
      0,
    ),
  ).join(' ');

/** By whole milliseconds. */
function lateQuantile(counts: Uint32Array, share: number): number {
  let left = share * counts.reduce((sum, count) => sum + count, 0);
  for (let ms = 0; ms < counts.length; ms++) {
    left -= counts[ms] as number;
    if (left <= 0) return ms;
  }
  return Number.NaN;
}

/** Ten times a second at first, then once, at another distance from the slot each time. */
async function askHttp(url: string, seconds: number): Promise<{ ping: number[]; metric: number[] }> {
  const begin = performance.now();
  const elapsed = () => (performance.now() - begin) / 1000;
  const times = { ping: [] as number[], metric: [] as number[] };
  const topic = encodeURIComponent('bench/meter_0/metric_4610');
  while (elapsed() < seconds) {
    for (const [name, path] of [
      ['ping', 'ping'],
      ['metric', `metric?name=${topic}`],
    ] as const) {
      const start = performance.now();
      const response = await fetch(new URL(path, url));
      await response.arrayBuffer();
      times[name].push(performance.now() - start);
    }
    await sleep(elapsed() < 10 ? 83 : 1083);
  }
  return times;
}
