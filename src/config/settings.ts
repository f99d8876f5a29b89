// The settings by convict: defaults, the file's values, environment variables and flags, each beating the ones before, then
// every value judged by its format. convict is given values one by one and never parses any: its own conversions take
// `80abc` for 80 and `yes` for true.

import convict from 'convict';
import type { Problem } from '../model/errors.js';
import { Expected } from './format-error.js';
import { formats } from './formats.js';
import { envOf, type Key, type KeyName, keyNames, keys, type Values } from './schema.js';
import { problemAt, type Raw } from './source-value.js';

export interface Settings {
  /** null: there are problems. */
  readonly values: Values | null;
  /** Keys that were set, rather than left to their default. */
  readonly explicit: ReadonlySet<KeyName>;
  readonly problems: readonly Problem[];
}

export interface Layers {
  readonly file: ReadonlyMap<KeyName, Raw>;
  readonly env: ReadonlyMap<KeyName, Raw>;
  readonly flags: ReadonlyMap<KeyName, Raw>;
}

type Judge = (key: KeyName, value: unknown) => void;

interface JudgedNode extends Key {
  readonly key: KeyName;
  readonly judge: Judge;
}

convict.addFormat({
  name: 'judged',
  validate: (value: unknown, node: JudgedNode) => node.judge(node.key, value),
  coerce: (value: unknown) => value,
});

export function layerSettings(layers: Layers): Settings {
  const faults = new Map<KeyName, Problem>();
  const parsed: Partial<Record<KeyName, unknown>> = {};
  const written = new Map([...layers.file, ...layers.env, ...layers.flags]);

  const judge: Judge = (key, value) => {
    const definition: Key = keys[key];
    try {
      parsed[key] = formats[definition.format](value, definition);
    } catch (error) {
      if (!(error instanceof Expected)) throw error;
      const raw = written.get(key) ?? { value, file: 'default', place: key };
      const expected = `expected ${error.message}`;
      faults.set(key, problemAt(raw, { rule: 'value', expected, sensitive: definition.sensitive ?? false }));
    }
  };

  const environment: NodeJS.ProcessEnv = {};
  for (const [key, { value }] of layers.env) environment[envOf(key)] = String(value);
  const settings = convict<Record<string, unknown>>(schemaFor(judge), { env: environment, args: [] });
  for (const [key, { value }] of layers.file) {
    if (layers.env.has(key) || layers.flags.has(key)) continue;
    // convict would walk into an object instead of judging it.
    if (typeof value === 'object') judge(key, value);
    else settings.set(key, value);
  }
  for (const [key, { value }] of layers.flags) settings.set(key, value);
  settings.validate({ allowed: 'strict' });
  const problems = keyNames.flatMap((key) => faults.get(key) ?? []);
  return {
    values: problems.length === 0 ? (parsed as Values) : null,
    explicit: new Set(written.keys()),
    problems,
  };
}

function schemaFor(judge: Judge): convict.Schema<Record<string, unknown>> {
  const schema: Record<string, Record<string, unknown>> = {};
  for (const key of keyNames) {
    const [section, name] = key.split('.') as [string, string?];
    const node = { ...keys[key], format: 'judged', env: envOf(key), key, judge };
    if (name === undefined) schema[section] = node;
    else schema[section] = { ...schema[section], [name]: node };
  }
  return schema as convict.Schema<Record<string, unknown>>;
}
