// The flags that every command with a configuration has: `--config`, one per key of the schema, and those that describe a
// single meter.

import process from 'node:process';
import { type Command, Option } from 'commander';
import type { ConfigSources, LoadedConfig } from '../config/load.js';
import { type Key, keyNames, keys, meterKeys, single, singleNames } from '../config/schema.js';
import { formatProblem } from '../model/errors.js';

const meterOptions = singleNames.map((name) => new Option(`--${single[name].flag} <value>`, meterKeys[name].doc));

const keyOptions = keyNames.map((name) => {
  const key: Key = keys[name];
  return key.format === 'flag'
    ? new Option(`--${name} [value]`, key.doc).preset('true')
    : new Option(`--${name} <value>`, `${key.doc} (default: ${key.default === '' ? 'empty' : key.default})`);
});

export function withConfigOptions(command: Command): Command {
  command.option('-c, --config <file>', 'configuration file (EMDC_CONFIG)');
  command.optionsGroup('A single meter, without a file (or EMDC_METER_HOST …):');
  for (const option of meterOptions) command.addOption(option);
  command.optionsGroup('Every key of the configuration (or EMDC_HTTP_PORT …):');
  for (const option of keyOptions) command.addOption(option);
  return command.optionsGroup('Options:');
}

/** What the command line of `command` says, as config/load takes it. */
export function configSources(command: Command): Pick<ConfigSources, 'file' | 'env' | 'flags'> {
  const given = command.opts<Readonly<Record<string, unknown>>>();
  const flags = new Map<string, string>();
  for (const option of [...meterOptions, ...keyOptions]) {
    const value = given[option.attributeName()];
    if (value !== undefined) flags.set((option.long ?? '').slice(2), String(value));
  }
  const file = given['config'];
  return { file: typeof file === 'string' ? file : null, env: process.env, flags };
}

/** Throws InvalidInput with every problem. */
export async function loadFrom(
  command: Command,
  changes: Partial<Pick<ConfigSources, 'file' | 'env' | 'flags' | 'meters' | 'maps'>> = {},
): Promise<LoadedConfig> {
  const { loadConfig } = await import('../config/load.js');
  const { checkRegisterMap } = await import('../register-map/load.js');
  return loadConfig({ ...configSources(command), loadMap: checkRegisterMap, ...changes });
}

/** For commands that have no log. */
export function printWarnings({ warnings }: Pick<LoadedConfig, 'warnings'>): void {
  for (const warning of warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`);
}
