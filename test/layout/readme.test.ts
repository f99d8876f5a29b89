import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import Database from 'libsql';
import { documents, readmeFile } from '../../config/docs.js';
import { commands } from '../../src/cli/commands.js';
import { parseConfigFile } from '../../src/config/file.js';
import { envOf, keyNames, single } from '../../src/config/schema.js';
import { formatProblem } from '../../src/model/errors.js';
import { silentLog } from '../../src/model/log.js';
import { packageRoot, version } from '../../src/model/paths.js';
import { openStore } from '../../src/store/open.js';

/** Path → text. */
const texts = new Map(documents.map((file) => [file, readFileSync(file, 'utf8')]));
const readme = [...texts.values()].join('\n');

const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => match[1] ?? '');

/** The command that these words name, and the words left over. */
async function commandOf(words: readonly string[]): Promise<{ command: Command; rest: readonly string[] }> {
  const [name, ...rest] = words;
  const entry = commands.find((each) => each.name === name);
  assert.ok(entry, `emdc ${name} does not exist`);
  const command = await entry.load();
  const sub = command.commands.find((each) => each.name() === rest[0]);
  return sub ? { command: sub, rest: rest.slice(1) } : { command, rest };
}

test('every emdc command line in the README names a command and options that exist', async () => {
  const lines = blocks('sh')
    .flatMap((block) => block.split('\n'))
    .flatMap((line) => /(?:^|\s)emdc (.*)$/.exec(line.replace(/docker run .* emdc run/, 'emdc run'))?.[1] ?? [])
    .filter((line) => !line.startsWith('.'));
  assert.ok(lines.length > 8);
  for (const line of lines) {
    const { command, rest } = await commandOf(line.split(/\s+/));
    for (const word of rest.filter((each) => each.startsWith('-'))) {
      const known = command.options.some(({ long, short }) => long === word || short === word);
      assert.ok(known, `emdc ${line}: ${word}`);
    }
  }
});

test('every npm script in the README exists, and so does every file it links to', () => {
  const { scripts } = JSON.parse(readFileSync(`${packageRoot}package.json`, 'utf8'));
  for (const [, script = ''] of readme.matchAll(/npm run (\w+)/g)) assert.ok(script in scripts, script);
  for (const [file, text] of texts)
    for (const [, target = ''] of text.matchAll(/\]\(([^)#\s:]+)\)/g))
      assert.ok(existsSync(join(dirname(file), target)), `${file}: ${target}`);
});

test('the README is read in one sitting', () => {
  assert.ok(Buffer.byteLength(readFileSync(readmeFile)) <= 12_288);
});

test('every YAML block of the README has only known keys and good shape', () => {
  for (const block of blocks('yaml')) {
    assert.deepEqual(parseConfigFile(block, 'README.md').problems.map(formatProblem), []);
  }
});

test('every key and every variable that the text of the README names exists', () => {
  const provisioning = `${packageRoot}config/grafana/provisioning`;
  const grafana = readdirSync(provisioning, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.includes('datasources/'))
    .flatMap((file) => readFileSync(join(provisioning, file), 'utf8').match(/EMDC_\w+/g) ?? []);
  const ours = [
    ...keyNames.map(envOf),
    ...Object.values(single).map(({ env }) => env),
    'EMDC_TRACE',
    'EMDC_CONFIG',
    'EMDC_TEST_POSTGRES_URL',
    'EMDC_TEST_MYSQL_URL',
    'EMDC_TEST_SEED',
  ];
  const variables = new Set([...ours, ...grafana]);
  for (const [name] of readme.matchAll(/EMDC_[A-Z_]+[A-Z]/g)) {
    assert.ok(variables.has(name) || variables.has(name.replace(/_FILE$/, '')), name);
  }
  const sections = new Set(keyNames.map((key) => key.split('.')[0] ?? ''));
  for (const [, key = ''] of readme.matchAll(/`([a-z]+\.[a-zA-Z]+)`/g)) {
    // `schedule.ts` is a file.
    if (key.endsWith('.ts')) continue;
    if (sections.has(key.split('.')[0] ?? '')) assert.ok((keyNames as string[]).includes(key), key);
  }
});

test('every SQL block of the README runs on a database that EMDC made', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-readme-'));
  try {
    const file = join(folder, 'emdc.db');
    await (await openStore({ url: `file:${file}`, log: silentLog })).close();
    const database = new Database(file);
    for (const block of blocks('sql')) assert.deepEqual(database.prepare(block).all(), []);
    database.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the README's version is the package's", () => {
  for (const [, named] of readme.matchAll(/emdc-(\d+\.\d+\.\d+)-linux/g)) assert.equal(named, version);
});
