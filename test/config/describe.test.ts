import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { exampleYaml } from '../../config/describe.js';
import { documents, exampleFile, fillSections, sections } from '../../config/docs.js';
import { parseConfigFile } from '../../src/config/file.js';
import { loadConfig } from '../../src/config/load.js';
import { keyNames, meterKeyNames } from '../../src/config/schema.js';
import { checkRegisterMap } from '../../src/register-map/load.js';

const load = (file: string | null) =>
  loadConfig({ file, env: {}, flags: new Map(), loadMap: checkRegisterMap, meters: file === null ? 'none' : 'needed' });

test('config/example.yaml is what the schema says (npm run docs)', async () => {
  assert.ok((await readFile(exampleFile, 'utf8')) === exampleYaml());
});

test('config/example.yaml names every key there is, loads without a warning, and its settings are the defaults', async () => {
  const { settings, meters } = parseConfigFile(exampleYaml(), exampleFile);
  assert.deepEqual([...settings.keys()].sort(), [...keyNames].sort());
  const used = new Set(meters.flatMap((meter) => [...meter.keys.keys()]));
  assert.deepEqual([...used].sort(), [...meterKeyNames].sort());

  const { config, warnings } = await load(exampleFile);
  // Energy of the Nexus has no unit in the map as shipped, on purpose.
  assert.deepEqual(
    warnings.map(({ rule }) => rule),
    ['no-unit'],
  );
  const { config: defaults } = await load(null);
  assert.deepEqual({ ...config, meters: [], virtual: [], file: null }, defaults);
});

test('the generated sections of the documents are what is generated, and each stands somewhere (npm run docs)', async () => {
  const texts = await Promise.all(documents.map((file) => readFile(file, 'utf8')));
  for (const name of Object.keys(sections)) {
    assert.ok(
      texts.some((text) => text.includes(`<!-- ${name}:begin -->`)),
      name,
    );
  }
  for (const text of texts) assert.ok(text === fillSections(text), `${text.split('\n')[0]}: npm run docs`);
});
