// The README's performance section, made of the figures that `npm run bench -- --keep` left in test/bench/results.json:
// the table as measured, and what it means for a gateway.

import { readFileSync } from 'node:fs';
import { packageRoot } from '../src/model/paths.js';
import { type Figure, judged, tableOf } from '../test/bench/figure.js';
import { BLOCKS } from '../test/bench/site.js';

export interface BenchReport {
  readonly version: string;
  readonly date: string;
  readonly machine: string;
  readonly seconds: number;
  readonly figures: readonly (Figure & { readonly judged: number; readonly verdict: string })[];
}

export const resultsFile = `${packageRoot}test/bench/results.json`;

const INTERVALS_S = [1, 10, 60];
const METRICS = 21;

/** What stands between the README's `bench` markers. */
export function performanceSection(): string {
  let text: string;
  try {
    text = readFileSync(resultsFile, 'utf8');
  } catch {
    return '`npm run bench` measures this machine: every figure beside the limit of a bare socket or database driver, in the same run.';
  }
  return sectionOf(JSON.parse(text) as BenchReport);
}

export function sectionOf(report: BenchReport): string {
  const withTarget = report.figures.filter(({ verdict }) => verdict !== '');
  const reached = withTarget.filter(({ verdict }) => verdict === 'reached').length;
  return [
    `Measured by \`npm run bench\` on ${report.machine}; version ${report.version}, ${report.date}, ${report.seconds} s. "Bare" is a socket, or the`,
    "database's own driver, with nothing around it, in the same run: compare ratios, since a machine's own figures vary.",
    `${reached} of ${withTarget.length} targets reached; the others are marked in the tables.`,
    '`npm run bench -- --long` runs for ten minutes, with `--database URL` on PostgreSQL; `--only node-red` measures Node-RED.',
    ...gatewayLines(report.figures),
    ...limitLines(report.figures),
    ...threadLines(report.figures),
    ...besideLines(report.figures),
    '',
    '<details><summary>All figures</summary>',
    '',
    tableOf(report.figures),
    '',
    '</details>',
  ].join('\n');
}

/** How many meters fit into half of one core. */
function gatewayLines(figures: readonly Figure[]): string[] {
  const at = (meters: string, name: string) =>
    figures.find(
      (figure) => figure.group.startsWith(`${meters} meter`) && figure.group.includes('SQLite') && figure.name === name,
    )?.value;
  const cpuMs = at('100', 'CPU per 1,000 readings');
  if (cpuMs === undefined) return [];
  const perPollMs = (cpuMs * METRICS) / 1000;
  const rows = INTERVALS_S.map((seconds) => {
    const meters = (500 * seconds) / perPollMs;
    return `| ${seconds} s | ${rounded(meters).toLocaleString('en')} | ${rounded((meters * METRICS) / seconds).toLocaleString('en')} |`;
  });
  const memory = [
    ['1', 'one meter'],
    ['100', '100 meters'],
    ['1000', '1,000 meters'],
  ].flatMap(([count, words]) => {
    const megabytes = at(count as string, 'memory, most');
    return megabytes === undefined ? [] : [`${Math.round(megabytes)} MB with ${words}`];
  });
  return [
    '',
    `For a gateway: half of one such core reads and stores, at ${METRICS} metrics per meter,`,
    '',
    '| every | meters | readings/s |',
    '|--:|--:|--:|',
    ...rows,
    '',
    'A slower processor takes proportionally fewer. Beyond 1,000 meters is reckoned, not measured.',
    ...(memory.length > 0 ? [`Memory, every second into SQLite: ${memory.join(', ')}.`] : []),
  ];
}

/** What no program on one thread can do, and how near this one comes. */
function limitLines(figures: readonly Figure[]): string[] {
  const latencies = [5, 20, 50];
  const rows = latencies.flatMap((latencyMs) => {
    const name = `1000 meters, each on its own link, ${latencyMs} ms`;
    const cycle = figures.find((figure) => figure.name === name);
    if (!cycle?.limit) return [];
    return `| ${latencyMs} ms | ${latencyMs * BLOCKS.length} ms | ${Math.round(cycle.limit)} ms | ${Math.round(cycle.value)} ms |`;
  });
  if (rows.length < latencies.length) return [];
  return [
    '',
    `1,000 meters that are due at the same moment, each on its own link, ${BLOCKS.length} requests each, are more than one thread can ask in their own time:`,
    '',
    '| a meter answers in | requests × latency | a bare socket takes | EMDC takes |',
    '|--:|--:|--:|--:|',
    ...rows,
  ];
}

/** What it costs that SQLite works in a thread of its own. */
function threadLines(figures: readonly Figure[]): string[] {
  const ratioOf = (name: string) => {
    const figure = figures.find((other) => other.name === `${name}, 2,100 readings per write`);
    return figure ? judged(figure) : Number.NaN;
  };
  const inThread = ratioOf('SQLite (driver in a thread)');
  if (Number.isNaN(inThread)) return [];
  return [
    '',
    'SQLite is written to in a thread of its own, so that no fsync delays a slot. 2,100 readings at a time, EMDC reaches',
    `${percent(ratioOf('SQLite'))} of the speed of the bare driver, which blocks its caller, and ${percent(inThread)} of that of the bare driver in such a thread.`,
  ];
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** What others cost. */
function besideLines(figures: readonly Figure[]): string[] {
  const find = (group: string, name: string) =>
    figures.find((figure) => figure.group.startsWith(group) && figure.name.startsWith(name));
  const written = find('SQLite on disk, 2100 topics', 'written per day');
  const obvious = find('SQLite on disk, 2100 topics', 'written per day by');
  const cpu = find('A flow of Node-RED that stores nothing, on 100 meters', 'CPU');
  return [
    ...(written && obvious
      ? [
          '',
          `2,100 readings every 10 s write ${written.value.toFixed(1)} GB a day to the device that holds the SQLite file at first; the table that Prisma makes of a`,
          `model, with a row id, a unique index and times as text, ${Math.round(obvious.value)} GB.`,
        ]
      : []),
    ...(cpu?.limit
      ? [
          '',
          `${cpu.columns?.limit}, on 100 of these meters every second, takes ${cpu.limit.toFixed(0)} ms of CPU per 1,000 readings and stores none; EMDC takes ${cpu.value.toFixed(0)} ms and stores all.`,
        ]
      : []),
  ];
}

/** Downwards, to two digits. */
function rounded(value: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.floor(value / step) * step;
}
