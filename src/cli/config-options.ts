// The flags that every command with a configuration has: `--config`, one per key of the schema, and those that describe a
// single meter. Help shows the few that most people need: the keys are in config/README.md.

import process from 'node:process';
import { Command, Help, Option } from 'commander';
import type { ConfigSources, LoadedConfig } from '../config/load.js';
import { type Key, keyNames, keys, meterKeys, type SingleKeyName, single, singleNames } from '../config/schema.js';
import { formatProblem } from '../model/errors.js';
import type { Address } from './option-values.js';

const HIDDEN = 'hidden';

const shownMeterKeys: readonly SingleKeyName[] = [
  'name',
  'host',
  'port',
  'serial',
  'baudRate',
  'unitId',
  'map',
  'ctRatio',
  'ptRatio',
];

/** Options are listed for "did you mean" even where help leaves them out, so they cannot simply be hidden. */
class ShortHelp extends Help {
  override groupItems<T extends Command | Option>(
    unsorted: T[],
    visible: T[],
    getGroup: (item: T) => string,
  ): Map<string, T[]> {
    const groups = super.groupItems(unsorted, visible, getGroup);
    groups.delete(HIDDEN);
    return groups;
  }
}

class ConfigCommand extends Command {
  override createHelp(): Help {
    return Object.assign(new ShortHelp(), this.configureHelp());
  }
}

const optionOf = (name: SingleKeyName): Option => {
  const { doc }: Key = meterKeys[name];
  return new Option(`--${single[name].flag} <value>`, doc);
};

const keyOptionOf = (name: (typeof keyNames)[number]): Option => {
  const key: Key = keys[name];
  return key.format === 'flag'
    ? new Option(`--${name} [value]`, key.doc).preset('true')
    : new Option(`--${name} <value>`, key.doc);
};

export interface ConfigCommandOptions {
  /** `single`: flags may describe one meter without a file; `none`: the command only needs the database. */
  readonly meters: 'single' | 'none';
}

/** A command with `--config` and a flag for every key. */
export function configCommand(name: string, { meters }: ConfigCommandOptions = { meters: 'single' }): Command {
  const command: Command = new ConfigCommand(name);
  command.option('-c, --config <file>', 'configuration file (EMDC_CONFIG)');
  const shown = meters === 'single' ? shownMeterKeys : [];
  if (shown.length > 0) command.optionsGroup('One meter, without a file:');
  for (const key of shown) command.addOption(optionOf(key));
  command.optionsGroup(HIDDEN);
  for (const key of singleNames) if (!shown.includes(key)) command.addOption(optionOf(key));
  for (const key of keyNames) command.addOption(keyOptionOf(key));
  const example = meters === 'single' ? '--modbus.timeout 2s' : '--database.url file:./data/emdc.db';
  command.addHelpText(
    'after',
    `\nEvery key of the configuration is a flag, too, as in ${example}: config/README.md lists them.`,
  );
  return command.optionsGroup('Options:');
}

/** Adds command lines to try at the end of a command's help. */
export const withExamples = (command: Command, lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  emdc ${line}`).join('\n')}`);

/** What the command line of `command` says, as config/load takes it. */
export function configSources(command: Command): Pick<ConfigSources, 'file' | 'env' | 'flags'> {
  const given = command.opts<Readonly<Record<string, unknown>>>();
  const names = [...singleNames.map((name) => single[name].flag), ...keyNames];
  const flags = new Map<string, string>();
  for (const name of names) {
    const value = given[new Option(`--${name}`).attributeName()];
    if (value !== undefined) flags.set(name, String(value));
  }
  const file = given['config'];
  return { file: typeof file === 'string' ? file : null, env: process.env, flags };
}

/** The same where HOST[:PORT] was written without a flag, and for a meter that needs no name of its own. */
export function sourcesForOneMeter(
  command: Command,
  address: Address | undefined,
): Pick<ConfigSources, 'file' | 'env' | 'flags'> {
  const { file, env, flags } = configSources(command);
  const given = new Map(flags);
  if (address) {
    given.set('host', address.host);
    if (address.port !== null) given.set('port', String(address.port));
  }
  const place = given.get('host') ?? given.get('serial');
  if (place === undefined) return { file, env, flags };
  if (!given.has('topic-prefix')) given.set('topic-prefix', place.replaceAll(/^\/+|\/+$/g, ''));
  return { file, env: { ...env, EMDC_CONFIG: '' }, flags: given };
}

/** Rejects with InvalidInput, which has every problem. */
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
