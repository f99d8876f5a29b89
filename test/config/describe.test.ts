import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { exampleFile, fillSections, readmeFile, sections } from '../../config/docs.js';
import { exampleYaml } from '../../src/config/describe.js';
import { parseConfigFile } from '../../src/config/file.js';
import { loadConfig } from '../../src/config/load.js';
import { keyNames, meterKeyNames } from '../../src/config/schema.js';
import { checkRegisterMap } from '../../src/register-map/load.js';

const load = (file: string | null) =>
  loadConfig({ file, env: {}, flags: new Map(), loadMap: checkRegisterMap, meters: file === null ? 'none' : 'needed' });

test('config/example.yaml is what the schema says (npm run docs)', async () => {
  assert.equal(await readFile(exampleFile, 'utf8'), exampleYaml());
});

test('config/example.yaml names every key there is, loads without a warning, and its settings are the defaults', async () => {
  const { settings, meters } = parseConfigFile(exampleYaml(), exampleFile);
  assert.deepEqual([...settings.keys()].sort(), [...keyNames].sort());
  const used = new Set(meters.flatMap((meter) => [...meter.keys.keys()]));
  assert.deepEqual([...used].sort(), [...meterKeyNames].sort());

  const { config, warnings } = await load(exampleFile);
  assert.deepEqual(warnings, []);
  const { config: defaults } = await load(null);
  assert.deepEqual({ ...config, meters: [], file: null }, defaults);
});

test("the README's generated sections are what is generated (npm run docs)", async () => {
  const readme = await readFile(readmeFile, 'utf8');
  for (const name of Object.keys(sections)) assert.ok(readme.includes(`<!-- ${name}:begin -->`), name);
  assert.equal(readme, fillSections(readme));
});
