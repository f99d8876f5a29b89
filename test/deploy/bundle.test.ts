import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { bundle } from '../../config/bundle.js';
import { version } from '../../src/model/paths.js';

let folder: string;
let emdc: string;
const env = { PATH: process.env['PATH'] };

before(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'emdc-bundle-')), 'emdc');
  bundle(folder);
  emdc = join(folder, 'bin/emdc');
});
after(() => rmSync(join(folder, '..'), { recursive: true }));

test('the bundle runs from another folder, and makes a database', () => {
  const cwd = join(folder, '..');
  assert.equal(execFileSync(emdc, ['--version'], { cwd, env, encoding: 'utf8' }), `${version}\n`);
  execFileSync(emdc, ['migrate'], { cwd, env });
  assert.ok(statSync(join(cwd, 'data/emdc.db')).size > 0);
});

test('every module of the program and every dependency loads from the bundle', () => {
  const modules = readdirSync(join(folder, 'dist/src'), { recursive: true, encoding: 'utf8' })
    // The program itself, and a worker's body, do their work when they are loaded.
    .filter((file) => file.endsWith('.js') && file !== 'main.js' && !file.endsWith('worker.js'))
    // Of Prisma's generated clients, the store loads what it needs.
    .filter((file) => !file.includes('generated/') || file.endsWith('/client.js'))
    .map((file) => `./dist/src/${file}`);
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const packages = Object.keys(dependencies).filter((name) => name !== '@prisma/client');
  const script = `for (const name of ${JSON.stringify([...modules, ...packages])}) await import(name);`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: folder, env });
});

test('the bundle stays small, and holds nothing for developing', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const bytes = files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  assert.ok(bytes < 40e6, `${Math.round(bytes / 1e6)} MB`);
  assert.deepEqual(
    files.filter((file) => /\.(ts|map)$|typescript|biome|node_modules\/prisma/.test(file)),
    [],
  );
});
