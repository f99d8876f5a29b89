// Which file may import which, and which library lives where: the shape of the program, held.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/config/paths.js';

const src = `${packageRoot}src`;

interface Import {
  readonly from: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('store/generated'))
  .sort();

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^;'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/g;

const imports: readonly Import[] = files.flatMap((file) => {
  const text = readFileSync(join(src, file), 'utf8');
  return [...text.matchAll(importPattern)].map((match) => ({
    from: file,
    target: match[2] ?? match[3] ?? match[4] ?? '',
    typeOnly: match[1] !== undefined,
  }));
});

const local = imports
  .filter(({ target }) => target.startsWith('.'))
  .map((each) => ({
    ...each,
    target: relative(src, join(src, dirname(each.from), each.target)).replace(/\.js$/, '.ts'),
  }));

type Layer = 'vocabulary' | 'pure' | 'edge' | 'flow' | 'assembly';
const order: readonly Layer[] = ['vocabulary', 'pure', 'edge', 'flow', 'assembly'];

const vocabulary = ['plan/block.ts', 'modbus/reader.ts', 'modbus/failure.ts', 'store/store.ts', 'config/config.ts'];
const assembly = ['main.ts', 'daemon.ts'];
const layerOfFolder: Readonly<Record<string, Layer>> = {
  plan: 'pure',
  codec: 'pure',
  modbus: 'edge',
  store: 'edge',
  'register-map': 'edge',
  config: 'edge',
  simulate: 'edge',
  collect: 'flow',
  record: 'flow',
  http: 'flow',
  commission: 'flow',
  gendata: 'flow',
  import: 'flow',
  cli: 'assembly',
};

function layerOf(file: string): Layer | undefined {
  if (vocabulary.includes(file)) return 'vocabulary';
  if (assembly.includes(file)) return 'assembly';
  const folder = file.split('/')[0] ?? '';
  return file.includes('/') ? layerOfFolder[folder] : 'vocabulary';
}

test('every folder has its place among the layers', () => {
  assert.deepEqual(
    files.filter((file) => layerOf(file) === undefined),
    [],
  );
});

test('imports go one way: vocabulary, pure, edges, flow, assembly', () => {
  const backwards = local.filter(({ from, target }) => {
    const [own, other] = [layerOf(from), layerOf(target)];
    if (own === undefined || other === undefined) return false;
    return order.indexOf(own) < order.indexOf(other);
  });
  assert.deepEqual(
    backwards.map(({ from, target }) => `${from} → ${target}`),
    [],
  );
});

test('an edge does not import another edge, except that the simulator builds on its neighbours', () => {
  const folder = (file: string) => file.split('/')[0];
  const across = local.filter(
    ({ from, target, typeOnly }) =>
      !typeOnly &&
      layerOf(from) === 'edge' &&
      layerOf(target) === 'edge' &&
      folder(from) !== folder(target) &&
      folder(from) !== 'simulate',
  );
  assert.deepEqual(
    across.map(({ from, target }) => `${from} → ${target}`),
    [],
  );
});

test('the flow knows of the edges only their types', () => {
  const deeper = local.filter(
    ({ from, target, typeOnly }) => !typeOnly && layerOf(from) === 'flow' && layerOf(target) === 'edge',
  );
  assert.deepEqual(
    deeper.map(({ from, target }) => `${from} → ${target}`),
    [],
  );
});

const homes: Readonly<Record<string, readonly RegExp[]>> = {
  jsmodbus: [/^modbus\//, /^simulate\//],
  xlsx: [/^register-map\/workbook\.ts$/],
  'node-cron': [/^collect\/schedule\.ts$/],
  express: [/^http\//],
  'express-rate-limit': [/^http\//],
  helmet: [/^http\//],
  'prom-client': [/^http\//],
  '@prisma/client': [/^store\//],
  '@prisma/adapter-mariadb': [/^store\//],
  '@prisma/adapter-pg': [/^store\//],
  '@prisma/driver-adapter-utils': [/^store\//],
  libsql: [/^store\//],
  mariadb: [/^store\//],
  pg: [/^store\//],
  winston: [/^logger\.ts$/],
  convict: [/^config\//],
  yaml: [/^config\//],
  commander: [/^cli\//, /^main\.ts$/],
  'cli-progress': [/^cli\//],
};

test('every library lives in one place', () => {
  const astray = imports
    .filter(({ target }) => !target.startsWith('.') && !target.startsWith('node:'))
    .filter(({ from, target }) => {
      const name = target
        .split('/')
        .slice(0, target.startsWith('@') ? 2 : 1)
        .join('/');
      return !(homes[name] ?? []).some((home) => home.test(from));
    });
  assert.deepEqual(
    astray.map(({ from, target }) => `${from} → ${target}`),
    [],
  );
});

test('every dependency of package.json has a place', () => {
  const declared = Object.keys(JSON.parse(readFileSync(`${packageRoot}package.json`, 'utf8')).dependencies);
  for (const name of declared) assert.ok(homes[name], `${name} has no home in this test`);
});

test("node's own modules are imported by their node: names", () => {
  assert.deepEqual(
    imports.filter(({ target }) => builtinModules.includes(target)).map(({ from }) => from),
    [],
  );
});

test('files are named in kebab-case, are no barrels, and stay under 300 lines', () => {
  for (const file of files) {
    assert.match(file, /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*\.ts$/, file);
    const text = readFileSync(join(src, file), 'utf8');
    assert.doesNotMatch(text, /^export (\*|\{[^}]*\} from)/m, `${file} re-exports`);
    assert.ok(text.split('\n').length <= 301, `${file} is too long`);
    assert.match(text, /^(#!.*\n)?\/\/ /, `${file} does not begin by saying what it is for`);
  }
});

test('no write function code exists', () => {
  for (const file of files) {
    const text = readFileSync(join(src, file), 'utf8');
    assert.doesNotMatch(
      text,
      /\bwrite(Single|Multiple)(Register|Coil)s?\b|\bfunctionCode\s*[=:]\s*(0x0?[56f]|0x10|5|6|15|16)\b/i,
      file,
    );
  }
});
