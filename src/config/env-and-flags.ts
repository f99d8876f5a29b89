// Environment variables, systemd credentials and flags: which of them are settings, which describe a single meter, and
// which look like a mistake. A variable `X_FILE` gives the path of a file that holds the value of X.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, type Problem } from '../model/errors.js';
import { didYouMean } from './format-error.js';
import {
  credentialKeys,
  credentialOf,
  envOf,
  type KeyName,
  keyNames,
  keys,
  type MeterKeyName,
  type SingleKeyName,
  single,
  singleNames,
} from './schema.js';
import { problemAt, type Raw, type RawMeter } from './source-value.js';

export interface Outside {
  readonly settings: ReadonlyMap<KeyName, Raw>;
  /** Keys of a single meter; empty: none. */
  readonly meter: ReadonlyMap<string, Raw>;
  readonly problems: readonly Problem[];
}

/** Variables of ours that are no settings. */
const others = ['EMDC_CONFIG', 'EMDC_TRACE'];

export async function readEnvironment(env: NodeJS.ProcessEnv): Promise<Outside> {
  const settingOf = new Map(keyNames.map((key) => [envOf(key), key]));
  const meterKeyOf = new Map(singleNames.map((name) => [single[name].env as string, name]));
  const known = [...settingOf.keys(), ...meterKeyOf.keys(), ...others];
  const settings = new Map<KeyName, Raw>();
  const meter = new Map<string, Raw>();
  const problems: Problem[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('EMDC_') || text === undefined || text === '' || others.includes(variable)) continue;
    const fromFile = !known.includes(variable) && variable.endsWith('_FILE');
    const name = fromFile ? variable.slice(0, -'_FILE'.length) : variable;
    const raw = { value: text, file: 'environment', place: variable };
    const setting = settingOf.get(name);
    const meterKey = meterKeyOf.get(name);
    if (setting === undefined && meterKey === undefined) {
      // Not an error: other tools leave their own variables behind, e.g. Kubernetes for a service named emdc.
      const expected = `unknown variable${didYouMean(name, known)}, ignored`;
      const sensitive = true;
      problems.push(problemAt(raw, { rule: 'unknown-variable', expected, severity: 'warning', sensitive }));
      continue;
    }
    if (fromFile && env[name]) {
      problems.push(problemAt(raw, { rule: 'set-twice', expected: `set either ${name} or ${variable}, not both` }));
      continue;
    }
    const value = fromFile ? await secretIn(text, raw, problems) : text;
    if (value === null) continue;
    if (setting !== undefined) settings.set(setting, { ...raw, value });
    else if (meterKey !== undefined) meter.set(meterKey, { ...raw, value });
  }
  await addCredentials(env['CREDENTIALS_DIRECTORY'], settings, problems);
  return { settings, meter, problems };
}

/** A file's text without the line break at its end; null: it cannot be read, which `problems` then says. */
async function secretIn(path: string, raw: Raw, problems: Problem[]): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    const expected = `expected the path of a readable file (${messageOf(error)})`;
    problems.push(problemAt(raw, { rule: 'file', expected }));
    return null;
  }
}

/** What systemd hands over (LoadCredential=http-token:…): files that are named after their keys. Variables come first. */
async function addCredentials(
  folder: string | undefined,
  settings: Map<KeyName, Raw>,
  problems: Problem[],
): Promise<void> {
  if (!folder) return;
  for (const key of credentialKeys) {
    const path = join(folder, credentialOf(key));
    if (settings.has(key) || !existsSync(path)) continue;
    const raw = { value: path, file: 'systemd credential', place: credentialOf(key) };
    // The two files are used where they lie.
    const value = key.startsWith('http.tls') ? path : await secretIn(path, raw, problems);
    if (value !== null) settings.set(key, { ...raw, value });
  }
}

/** @param flags By the flag's name without dashes, e.g. `http.port`, `topic-prefix`. */
export function readFlags(flags: ReadonlyMap<string, string>): Outside {
  const settings = new Map<KeyName, Raw>();
  const meter = new Map<string, Raw>();
  for (const [flag, value] of flags) {
    const raw = { value, file: 'command line', place: `--${flag}` };
    const meterKey = singleNames.find((name) => single[name].flag === flag);
    if (meterKey) meter.set(meterKey, raw);
    else if (Object.hasOwn(keys, flag)) settings.set(flag as KeyName, raw);
    else throw new Error(`no such flag: --${flag}`);
  }
  return { settings, meter, problems: [] };
}

/** The one meter that flags and variables describe, flags beating variables; null: they describe none. */
export function singleMeter(env: Outside, flags: Outside): RawMeter | null {
  const keysOfMeter = new Map([...env.meter, ...flags.meter]);
  if (keysOfMeter.size === 0) return null;
  const placeOf = (key: MeterKeyName) => (Object.hasOwn(single, key) ? `--${single[key as SingleKeyName].flag}` : key);
  const first = [...keysOfMeter.values()][0] as Raw;
  return { file: first.file, place: first.place, keys: keysOfMeter, placeOf };
}
