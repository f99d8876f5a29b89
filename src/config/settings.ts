// The settings by convict: defaults, then the file, then environment variables, then flags, each beating the ones before,
// and every value judged by its format. The formats take values as written: convict's own conversions would take `80abc`
// for 80 and `yes` for true. Flags come parsed by commander and are set last.

import convict from 'convict';
import type { Problem } from '../model/errors.js';
import { Expected } from './format-error.js';
import { type FormatName, formats } from './formats.js';
import { envOf, type Key, type KeyName, keyNames, keys, type Values } from './schema.js';
import { isRecord, problemAt, type Raw } from './source-value.js';

export interface Settings {
  /** null: there are problems. */
  readonly values: Values | null;
  /** Keys that were set, rather than left to their default. */
  readonly explicit: ReadonlySet<KeyName>;
  readonly problems: readonly Problem[];
}

/** Values as written, by where they were written. */
export interface Layers {
  readonly file: ReadonlyMap<KeyName, Raw>;
  readonly env: ReadonlyMap<KeyName, Raw>;
  readonly flags: ReadonlyMap<KeyName, Raw>;
}

/** A name of our own, since convict converts values of its own formats (`integer`, `number`) while it loads them. */
const formatName = (format: FormatName): string => `emdc ${format}`;

convict.addFormats(
  Object.fromEntries(
    Object.entries(formats).map(([name, format]) => [
      formatName(name as FormatName),
      { validate: (value: unknown, key: Key) => void format(value, key), coerce: (value: unknown) => value },
    ]),
  ),
);

/** Defaults, file, environment and flags as one set of values, or the problems of all of them. */
export function layerSettings({ file, env, flags }: Layers): Settings {
  const written = new Map([...file, ...env, ...flags]);
  const variables = Object.fromEntries([...env].map(([key, { value }]) => [envOf(key), String(value)]));
  const config = convict(convictSchema(), { env: variables, args: [] });
  config.load(nested(file));
  for (const [key, { value }] of flags) config.set(key, value);

  const values: Partial<Record<KeyName, unknown>> = {};
  const problems: Problem[] = [];
  for (const key of keyNames) {
    const definition: Key = keys[key];
    const raw = written.get(key) ?? { value: definition.default, file: 'default', place: key };
    try {
      values[key] = formats[definition.format](isRecord(raw.value) ? raw.value : config.get(key), definition);
    } catch (error) {
      if (!(error instanceof Expected)) throw error;
      const sensitive = definition.sensitive ?? false;
      problems.push(problemAt(raw, { rule: 'value', expected: `expected ${error.message}`, sensitive }));
    }
  }
  // With every problem found above, and its place, convict has the last word on what is left.
  if (problems.length === 0) config.validate({ allowed: 'strict' });
  return {
    values: problems.length === 0 ? (values as Values) : null,
    explicit: new Set(written.keys()),
    problems,
  };
}

/** `http.port` → {http: {port: …}}, without values that are mappings: convict would walk into them. */
function nested(values: ReadonlyMap<KeyName, Raw>): object {
  const root: Record<string, unknown> = {};
  for (const [key, { value }] of values) {
    if (isRecord(value)) continue;
    const [section, name] = key.split('.') as [string, string?];
    root[section] = name === undefined ? value : { ...(root[section] as object), [name]: value };
  }
  return root;
}

function convictSchema(): convict.Schema<Record<string, unknown>> {
  const schema: Record<string, unknown> = {};
  for (const key of keyNames) {
    const [section, name] = key.split('.') as [string, string?];
    const node = { ...keys[key], format: formatName(keys[key].format), env: envOf(key) };
    schema[section] = name === undefined ? node : { ...(schema[section] as object), [name]: node };
  }
  return schema as convict.Schema<Record<string, unknown>>;
}
