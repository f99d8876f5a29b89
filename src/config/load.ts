// The configuration, from file, environment and flags: a frozen Config, or every problem at once. Nothing has been opened,
// started or written when it fails.

import process from 'node:process';
import type { Problem } from '../model/errors.js';
import type { LogFormat, LogLevel } from '../model/log.js';
import { certificatePairProblems } from './certificate-pair.js';
import type { Config } from './config.js';
import { readEnvironment, readFlags, singleMeter } from './env-and-flags.js';
import { readConfigFile } from './file.js';
import { InputFiles } from './input-files.js';
import { buildMeters, type MapLoader, refuseErrors } from './meters.js';
import { type Key, type KeyName, keys, type Values } from './schema.js';
import { layerSettings } from './settings.js';
import { problemAt, type Raw } from './source-value.js';
import { buildVirtual } from './virtual.js';

export interface ConfigSources {
  /** null: no file, or the one that EMDC_CONFIG names. */
  readonly file: string | null;
  readonly env: NodeJS.ProcessEnv;
  /** By the flag's name without dashes, e.g. `http.port`, `topic-prefix`. */
  readonly flags: ReadonlyMap<string, string>;
  readonly loadMap: MapLoader;
  /** `none`: meters and maps are not looked at, for commands that only need the database. Default `needed`. */
  readonly meters?: 'needed' | 'none';
  /** `optional`: a meter without a map has no metrics, for commands that read bare registers. Default `needed`. */
  readonly maps?: 'needed' | 'optional';
  readonly workingDirectory?: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Meters that are named, whether they were looked at or not. */
  readonly meterCount: number;
  readonly warnings: readonly Problem[];
}

/** Rejects with InvalidInput only. */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const file = sources.file ?? (sources.env['EMDC_CONFIG'] || null);
  const workingDirectory = sources.workingDirectory ?? process.cwd();
  const contents = file === null ? null : await readConfigFile(file);
  const env = await readEnvironment(sources.env);
  const flags = readFlags(sources.flags);
  const settings = layerSettings({
    file: contents?.settings ?? new Map(),
    env: env.settings,
    flags: flags.settings,
  });
  const problems = [...(contents?.problems ?? []), ...env.problems, ...settings.problems];
  const origin = new Map([...(contents?.settings ?? []), ...env.settings, ...flags.settings]);
  const inputs = new InputFiles(file, workingDirectory);
  const { values } = settings;
  const sections = values ? relateSettings(values, { origin, inputs, problems }) : null;

  const single = singleMeter(env, flags);
  const fromFile = contents?.meters ?? [];
  const needed = sources.meters !== 'none';
  if (needed)
    checkSources({ single: single !== null, file, contents: contents !== null, count: fromFile.length }, problems);
  const raws = single ? [single] : fromFile;
  const meters = needed
    ? buildMeters(raws, { settings, inputs, loadMap: sources.loadMap, maps: sources.maps ?? 'needed' }, problems)
    : [];

  const names = raws.flatMap(({ keys }) => {
    const name = keys.get('name')?.value;
    return typeof name === 'string' ? [name.trim()] : [];
  });
  const virtual = needed ? buildVirtual(contents?.virtual ?? [], names, problems) : [];

  const ordered = byPlace(problems);
  refuseErrors(file ?? 'configuration', ordered);
  if (!sections) throw new Error('settings without values and without problems');
  const config: Config = Object.freeze({
    file,
    meters: Object.freeze(meters),
    virtual: Object.freeze(virtual),
    ...sections,
  });
  return { config, meterCount: raws.length, warnings: ordered };
}

/** Problems of one file in the order of its lines; files in the order in which they were read. */
function byPlace(problems: readonly Problem[]): Problem[] {
  const lineOf = ({ place }: Problem): number => Number(/\bline (\d+)/.exec(place)?.[1] ?? Number.MAX_SAFE_INTEGER);
  const files = [...new Set(problems.map(({ file }) => file))];
  return files.flatMap((file) =>
    problems.filter((problem) => problem.file === file).sort((a, b) => lineOf(a) - lineOf(b)),
  );
}

function checkSources(
  has: { readonly single: boolean; readonly file: string | null; readonly contents: boolean; readonly count: number },
  problems: Problem[],
): void {
  if (has.single && has.count > 0) {
    const raw = { value: null, file: has.file ?? '', place: 'meters' };
    const expected =
      'expected either meters in the file, or a single one by flags and EMDC_METER_… variables, not both';
    problems.push({ ...problemAt(raw, { rule: 'two-sources', expected }), value: String(has.count) });
  }
  if (has.single || has.count > 0) return;
  // A file that could not be read, or whose meters have problems of their own, has said so already.
  if (problems.some((problem) => problem.file === has.file && /^(file|line|meters)/.test(problem.place))) return;
  const expected = has.contents
    ? 'expected at least one meter: {name: …, host: …, map: …}'
    : 'expected a file (--config FILE or EMDC_CONFIG), or one meter by --host (or --serial), --topic-prefix and --map';
  const raw = { value: null, file: has.file ?? 'configuration', place: 'meters' };
  problems.push(problemAt(raw, { rule: 'no-meters', expected }));
}

interface Context {
  readonly origin: ReadonlyMap<KeyName, Raw>;
  readonly inputs: InputFiles;
  readonly problems: Problem[];
}

const isSensitive = (key: KeyName): boolean => (keys[key] as Key).sensitive ?? false;

/** What several settings together must fulfil. */
function relateSettings(values: Values, context: Context): Omit<Config, 'file' | 'meters' | 'virtual'> {
  const { origin, problems } = context;
  const rawOf = (key: KeyName): Raw => origin.get(key) ?? { value: null, file: 'default', place: key };
  const complain = (key: KeyName, expected: string, severity: 'error' | 'warning' = 'error') =>
    problems.push(problemAt(rawOf(key), { rule: 'related-settings', expected, severity, sensitive: isSensitive(key) }));

  const tlsCertificate = inputFile('http.tlsCertificate');
  const tlsKey = inputFile('http.tlsKey');
  if (tlsCertificate !== '' && tlsKey === '') complain('http.tlsCertificate', 'expected http.tlsKey beside it');
  if (tlsKey !== '' && tlsCertificate === '') complain('http.tlsKey', 'expected http.tlsCertificate beside it');
  if (tlsCertificate !== null && tlsKey !== null && tlsCertificate !== '' && tlsKey !== '') {
    for (const { key, expected, severity } of certificatePairProblems(tlsCertificate, tlsKey, Date.now())) {
      complain(key, expected, severity);
    }
  }

  const sqlite = values['database.url'].startsWith('file:');
  if (values.highAvailability && sqlite) {
    complain(
      'highAvailability',
      'expected database.url to be postgresql://… or mysql://…, which two collectors can share',
    );
  }
  if (values['http.token'] === '' && !/^(127\.|::1$|localhost$)/.test(values['http.host'])) {
    const expected = 'anyone who reaches this address can force cycles: set http.token';
    complain('http.host', expected, 'warning');
  }
  if (!sqlite && values['database.commitEvery'] > 0) {
    complain('database.commitEvery', 'expected 0s: only SQLite gathers cycles');
  }
  if (sqlite && values['database.spread']) {
    complain('database.spread', 'expected false: a SQLite file is on one machine', 'warning');
  }
  return {
    timezone: values.timezone,
    database: Object.freeze({
      url: databaseUrl(),
      commitEveryMs: values['database.commitEvery'],
      connections: values['database.connections'],
      spread: values['database.spread'],
    }),
    spool: Object.freeze({
      directory: values['spool.directory'],
      maxBytes: values['spool.maxBytes'],
      maxAgeMs: values['spool.maxAge'],
    }),
    retention: Object.freeze({
      readingsMs: values['retention.readings'],
      rollupsMs: values['retention.rollups'],
    }),
    http: Object.freeze({
      host: values['http.host'],
      port: values['http.port'],
      allowedHosts: Object.freeze([...values['http.allowedHosts']]),
      token: values['http.token'],
      tlsCertificate: tlsCertificate ?? values['http.tlsCertificate'],
      tlsKey: tlsKey ?? values['http.tlsKey'],
    }),
    log: Object.freeze({
      level: values['log.level'] as LogLevel,
      format: values['log.format'] as LogFormat,
      file: values['log.file'],
      maxBytes: values['log.maxBytes'],
      maxFiles: values['log.maxFiles'],
    }),
    highAvailability: values.highAvailability,
  };

  /** Absolute; empty: none is configured; null: there is no such file. */
  function inputFile(key: 'http.tlsCertificate' | 'http.tlsKey'): string | null {
    if (values[key] === '') return '';
    const found = context.inputs.find(values[key], rawOf(key));
    if (found === null) {
      complain(key, `expected an existing file; looked in ${context.inputs.places(rawOf(key)).join(', ')}`);
    }
    return found;
  }

  function databaseUrl(): string {
    const password = values['database.password'];
    if (password === '') return values['database.url'];
    if (sqlite) {
      complain('database.password', 'expected none: a database in a file has no password');
      return values['database.url'];
    }
    const url = new URL(values['database.url']);
    if (url.username === '') complain('database.url', 'expected a user name, for database.password to belong to');
    else if (url.password !== '')
      complain('database.url', 'expected no password in it, since database.password is set');
    url.password = encodeURIComponent(password);
    return url.href;
  }
}
