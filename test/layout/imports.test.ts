// Holds the shape of the program: which folder may import which, which library lives where, and that libraries are used
// through their public interface only.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/model/paths.js';

const src = `${packageRoot}src`;

interface Import {
  readonly from: string;
  readonly target: string;
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('store/generated'))
  .sort();

const textOf = (file: string): string => readFileSync(join(src, file), 'utf8');

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(?:type\s)?[^;'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/g;

const imports: readonly Import[] = files.flatMap((file) =>
  [...textOf(file).matchAll(importPattern)].map((match) => ({
    from: file,
    target: match[1] ?? match[2] ?? match[3] ?? '',
  })),
);

const local: readonly Import[] = imports
  .filter(({ target }) => target.startsWith('.'))
  .map(({ from, target }) => ({
    from,
    target: relative(src, join(src, dirname(from), target)).replace(/\.js$/, '.ts'),
  }));

/** Folder of a file in src/; the two files of the root are their own. */
const folderOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : file);

/** What each folder may import, from the ground up: only folders named above it. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  model: [],
  codec: ['model'],
  plan: ['model', 'codec'],
  modbus: ['model'],
  store: ['model'],
  schedule: ['model', 'store'],
  'register-map': ['model', 'codec'],
  config: ['model', 'plan', 'schedule', 'register-map'],
  log: ['model', 'config'],
  simulate: ['model', 'codec', 'modbus', 'register-map'],
  record: ['model', 'store'],
  collect: ['model', 'codec', 'plan', 'schedule', 'modbus', 'record', 'config'],
  http: ['model', 'collect', 'config'],
  commission: ['model', 'codec', 'plan', 'modbus', 'collect', 'simulate', 'register-map'],
  import: ['model', 'store', 'config'],
  gendata: ['model', 'simulate', 'config', 'import'],
  export: ['model', 'store'],
  'daemon.ts': ['model', 'config', 'log', 'plan', 'schedule', 'modbus', 'collect', 'record', 'store', 'http'],
  cli: [
    'model',
    'codec',
    'plan',
    'schedule',
    'log',
    'modbus',
    'store',
    'register-map',
    'config',
    'simulate',
    'record',
    'collect',
    'http',
    'commission',
    'gendata',
    'import',
    'export',
    'daemon.ts',
  ],
  'main.ts': ['cli', 'model', 'config'],
};

test('the root of src/ holds main.ts and daemon.ts only, and every folder has its place', () => {
  const unknown = files.map(folderOf).filter((folder) => mayImport[folder] === undefined);
  assert.deepEqual([...new Set(unknown)], []);
});

test('folders import only the folders below them', () => {
  const rank = Object.keys(mayImport);
  for (const [folder, below] of Object.entries(mayImport))
    for (const other of below) assert.ok(rank.indexOf(other) < rank.indexOf(folder), `${folder} lists ${other}`);
  const astray = local.filter(({ from, target }) => {
    const [own, other] = [folderOf(from), folderOf(target)];
    return own !== other && !(mayImport[own] ?? []).includes(other);
  });
  assert.deepEqual(
    astray.map(({ from, target }) => `${from} → ${target}`),
    [],
  );
});

test('no file imports itself by a circle, types included', () => {
  const targetsOf = new Map(
    files.map((file) => [file, local.filter(({ from }) => from === file).map(({ target }) => target)]),
  );
  const finished = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (finished.has(file) || path.includes(file)) return;
    for (const target of targetsOf.get(file) ?? []) visit(target, [...path, file]);
    finished.add(file);
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(circles, []);
});

test('what differs between databases is in store/sqlite, store/postgresql and store/mysql only', () => {
  const dialects = ['store/sqlite/', 'store/postgresql/', 'store/mysql/'];
  const dialectOf = (file: string) => dialects.find((dialect) => file.startsWith(dialect));
  const across = local.filter(({ from, target }) => {
    const other = dialectOf(target);
    return other !== undefined && dialectOf(from) !== other && !['store/open.ts', 'store/read.ts'].includes(from);
  });
  assert.deepEqual(
    across.map(({ from, target }) => `${from} → ${target}`),
    [],
  );
});

const homes: Readonly<Record<string, readonly RegExp[]>> = {
  jsmodbus: [/^modbus\/client\.ts$/],
  serialport: [/^modbus\//, /^simulate\//],
  xlsx: [/^register-map\/workbook\.ts$/, /^export\/xlsx\.ts$/],
  fflate: [/^register-map\//],
  'csv-parse': [/^register-map\//, /^import\//],
  'smol-toml': [/^register-map\/import\//],
  'hyparquet-writer': [/^export\//],
  'node-cron': [/^schedule\//],
  express: [/^http\//],
  'express-rate-limit': [/^http\//],
  helmet: [/^http\//],
  'prom-client': [/^http\//],
  '@prisma/client': [/^store\//],
  '@prisma/adapter-mariadb': [/^store\/mysql\//],
  '@prisma/adapter-pg': [/^store\/postgresql\//],
  '@prisma/driver-adapter-utils': [/^store\/sqlite\//],
  libsql: [/^store\/sqlite\//],
  mariadb: [/^store\/mysql\//],
  pg: [/^store\/postgresql\//],
  winston: [/^log\//],
  convict: [/^config\//],
  yaml: [/^config\//, /^register-map\/import\//],
  commander: [/^cli\//, /^main\.ts$/],
  'cli-progress': [/^cli\//],
};

const packageOf = (target: string): string =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');

test('every library lives in one place', () => {
  const astray = imports
    .filter(({ target }) => !target.startsWith('.') && !target.startsWith('node:'))
    .filter(({ from, target }) => !(homes[packageOf(target)] ?? []).some((home) => home.test(from)));
  assert.deepEqual(
    astray.map(({ from, target }) => `${from} → ${target}`),
    [],
  );
});

test('every dependency of package.json has a home here, and every home a dependency', () => {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(`${packageRoot}package.json`, 'utf8'));
  assert.deepEqual(Object.keys({ ...dependencies, ...optionalDependencies }).sort(), Object.keys(homes).sort());
});

/** Ways into the inside of a library, or of V8. */
const internals: Readonly<Record<string, RegExp>> = {
  'a prototype': /\.prototype\b/,
  'the module cache': /\brequire\.cache\b/,
  'a V8 flag': /\bsetFlagsFromString\b|\brunInNewContext\b|\b(?:global|globalThis)\.gc\b/,
  'a deep import': /from\s+['"](?![./]|node:)(?:@[^/'"]+\/)?[^/'"]+\/(?:dist|lib|src|build|internal|runtime)\b/,
  'a private field': /\b(?:socket|client|request|response|server|agent|pool)\w*(?: as \{[^}]*\})?\)?\._[a-z]\w*/,
};

/** The exceptions, each described in the README of its folder. */
const allowedInternals: readonly string[] = ['modbus/client.ts: a prototype'];

test('libraries are used through their public interface', () => {
  const found = files.flatMap((file) => {
    const code = textOf(file).replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');
    return Object.entries(internals).flatMap(([what, pattern]) => (pattern.test(code) ? [`${file}: ${what}`] : []));
  });
  assert.deepEqual(found, allowedInternals);
});

test("node's own modules are imported by their node: names", () => {
  assert.deepEqual(
    imports.filter(({ target }) => builtinModules.includes(target)).map(({ from }) => from),
    [],
  );
});

test('files are named in kebab-case, are no barrels, begin by saying what they are for, and stay under 400 lines', () => {
  for (const file of files) {
    assert.match(file, /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*\.ts$/, file);
    const text = textOf(file);
    assert.doesNotMatch(text, /^export (\*|\{[^}]*\} from)/m, `${file} re-exports`);
    assert.ok(text.split('\n').length <= 401, `${file} is too long`);
    assert.match(text, /^(#!.*\n)?\/\/ /, `${file} does not begin by saying what it is for`);
  }
});

test('no write function code exists', () => {
  for (const file of files) {
    assert.doesNotMatch(
      textOf(file),
      /\bwrite(Single|Multiple)(Register|Coil)s?\b|\bfunctionCode\s*[=:]\s*(0x0?[56f]|0x10|5|6|15|16)\b/i,
      file,
    );
  }
});
