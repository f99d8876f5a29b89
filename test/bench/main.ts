// `npm run bench`: measures EMDC against the limits of this very machine, in one run: a bare socket, the database's own
// driver. Prints a table and writes it as JSON. `--only cycle,load,store,disk,parts,peers`; `--only node-red`, in no other
// run, installs Node-RED into a temporary folder and measures it beside EMDC; `--long` for ten minutes of 1,000 meters, and
// nothing else; `--database URL` for the load; `--keep` for the README's figures, where groups that were measured replace
// those of their name (then `npm run docs`). PostgreSQL and MariaDB by EMDC_TEST_POSTGRES_URL and EMDC_TEST_MYSQL_URL.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { packageRoot, version } from '../../src/paths.js';
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
/** Takes an install of its own. */
const ONLY_BY_NAME = 'node-red';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    long: { type: 'boolean', default: false },
    database: { type: 'string' },
    json: { type: 'string', default: 'build/bench.json' },
    keep: { type: 'boolean', default: false },
  },
});

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

const usual = Object.keys(PARTS).filter((part) => part !== ONLY_BY_NAME);
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
const file = join(packageRoot, options.keep ? 'test/bench/results.json' : options.json);
if (options.keep) report.figures.unshift(...keptFigures(file, report.figures));
mkdirSync(join(file, '..'), { recursive: true });
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`${tableOf(figures)}\n\n${machine}; ${report.seconds} s; written to ${file}\n`);
process.exit();

/** What an earlier run left in the file, but for groups that have been measured again. */
function keptFigures(path: string, measured: readonly Figure[]): typeof report.figures {
  if (!statSync(path, { throwIfNoEntry: false })) return [];
  const groups = new Set(measured.map(({ group }) => group));
  const { figures } = JSON.parse(readFileSync(path, 'utf8')) as typeof report;
  return figures.filter(({ group }) => !groups.has(group));
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
