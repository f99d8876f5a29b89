// `npm run bench`: measures EMDC against the limits of this very machine, in one run: a bare socket, the database's own
// driver. Prints a table and writes it as JSON.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { Command } from 'commander';
import { packageRoot, version } from '../../src/model/paths.js';
import { cycleFigures } from './cycle.bench.js';
import { diskFigures } from './disk.bench.js';
import { type Figure, judged, tableOf, verdict } from './figure.js';
import { loadFigures } from './load.bench.js';
import { nodeRedFigures } from './node-red.bench.js';
import { drainFigures, planFigures, startFigures } from './parts.bench.js';
import { peerFigures } from './peer.bench.js';
import { storeFigures } from './store.bench.js';

export interface Context {
  readonly say: (what: string) => void;
  /** A new folder on the disk under measurement. */
  readonly folder: () => string;
  /** Bytes written so far to the device that holds this folder. */
  readonly deviceBytes: (folder: string) => number;
  readonly deviceCounter: string;
  readonly postgresUrl: string | null;
  readonly mysqlUrl: string | null;
  /** For the load; null: SQLite. */
  readonly databaseUrl: string | null;
  /** Only 1,000 meters, and for so long; null: all sizes, briefly. */
  readonly longSeconds: number | null;
}

const PARTS: Readonly<Record<string, readonly ((context: Context) => Promise<Figure[]>)[]>> = {
  cycle: [cycleFigures],
  load: [loadFigures],
  store: [storeFigures],
  disk: [diskFigures],
  parts: [planFigures, startFigures, drainFigures],
  peers: [peerFigures],
  'node-red': [nodeRedFigures],
};
const BY_NAME_ONLY = 'node-red';

interface Options {
  readonly only?: string;
  readonly long?: boolean;
  readonly database?: string;
  readonly json: string;
  readonly keep?: boolean;
}

const options = new Command('npm run bench --')
  .description(
    "Measures EMDC against a bare socket and the databases' own drivers, on this machine, in under ten minutes.",
  )
  .option(
    '--only <parts>',
    `of ${Object.keys(PARTS).join(',')}; ${BY_NAME_ONLY} is installed for it, and in no other run`,
  )
  .option('--long', '1,000 meters every second for ten minutes, and nothing else')
  .option('--database <url>', 'for the load, in place of SQLite')
  .option('--json <file>', 'where the figures go', 'build/bench.json')
  .option('--keep', "the figures are the README's: groups measured now replace those of their name; then npm run docs")
  .addHelpText(
    'after',
    '\nPostgreSQL and MariaDB are measured where EMDC_TEST_POSTGRES_URL and EMDC_TEST_MYSQL_URL name them.',
  )
  .parse()
  .opts<Options>();

const root = mkdtempSync(join(tmpdir(), 'emdc-bench-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));
process.once('SIGINT', () => process.exit(130));

const device = blockDeviceOf(root);
const started = performance.now();
const context: Context = {
  say: (what) => process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${what}\n`),
  folder: () => mkdtempSync(join(root, 'run-')),
  deviceBytes: () => (device === null ? ownBytes() : deviceBytes(device)),
  deviceCounter: device === null ? 'process' : 'block device',
  postgresUrl: process.env['EMDC_TEST_POSTGRES_URL'] ?? null,
  mysqlUrl: process.env['EMDC_TEST_MYSQL_URL'] ?? null,
  databaseUrl: options.database ?? null,
  longSeconds: options.long ? 600 : null,
};

const usual = Object.keys(PARTS).filter((part) => part !== BY_NAME_ONLY);
const wanted = options.only?.split(',') ?? (options.long ? ['load'] : usual);
const unknown = wanted.filter((part) => !(part in PARTS));
if (unknown.length > 0) {
  process.stderr.write(`no such part: ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}\n`);
  process.exit(2);
}
if (!context.postgresUrl) context.say('EMDC_TEST_POSTGRES_URL is not set: PostgreSQL is not measured');
if (!context.mysqlUrl) context.say('EMDC_TEST_MYSQL_URL is not set: MariaDB is not measured');

const figures: Figure[] = [];
for (const part of wanted) {
  for (const measure of PARTS[part] ?? []) {
    try {
      figures.push(...(await measure(context)));
    } catch (error) {
      // What has been measured so far took minutes: it is still worth printing.
      process.exitCode = 1;
      context.say(`${part} failed: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
}

const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node.js ${process.version}`;
const report = {
  version,
  date: new Date().toISOString().slice(0, 10),
  machine,
  seconds: Math.round((performance.now() - started) / 1000),
  figures: figures.map((figure) => ({ ...figure, judged: judged(figure), verdict: verdict(figure) })),
};
const file = resolve(packageRoot, options.keep ? 'test/bench/results.json' : options.json);
const kept = options.keep ? readKept() : null;
if (kept !== null) {
  const groups = new Set(figures.map(({ group }) => group));
  report.figures.unshift(...kept.figures.filter(({ group }) => !groups.has(group)));
  // How long a whole run takes is not this run's to say.
  if (wanted !== usual) report.seconds = kept.seconds;
}
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
const tookS = ((performance.now() - started) / 1000).toFixed(0);
process.stdout.write(`${tableOf(figures)}\n\n${machine}; ${tookS} s; written to ${file}\n`);
process.exit();

/** What earlier runs left in the file. */
function readKept(): typeof report | null {
  if (!statSync(file, { throwIfNoEntry: false })) return null;
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** `vda` for a folder on /dev/vda1; null where that cannot be told. */
function blockDeviceOf(folder: string): string | null {
  try {
    const source = execFileSync('findmnt', ['-n', '-o', 'SOURCE', '-T', folder], { encoding: 'utf8' }).trim();
    const name = source.replace(/^\/dev\//, '');
    for (const candidate of [name, name.replace(/p?\d+$/, '')]) {
      if (/^[a-z0-9-]+$/.test(candidate) && statSync(`/sys/block/${candidate}/stat`, { throwIfNoEntry: false }))
        return candidate;
    }
  } catch {
    // No findmnt, no /sys: not Linux.
  }
  return null;
}

/** Sectors written, of 512 bytes whatever the disk's own size. */
function deviceBytes(name: string): number {
  execFileSync('sync');
  return Number(readFileSync(`/sys/block/${name}/stat`, 'utf8').trim().split(/\s+/)[6]) * 512;
}

/** Overstates: counts what is written again before it reaches the disk. */
function ownBytes(): number {
  const written = /write_bytes: (\d+)/.exec(readFileSync('/proc/self/io', { encoding: 'utf8', flag: 'r' }))?.[1];
  return Number(written ?? Number.NaN);
}
