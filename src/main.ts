#!/usr/bin/env node
// The `emdc` command. Knows the commands by name and one line each; a command's own file (and whatever it imports) is
// loaded only when it is asked for, so that `emdc --help` is quick and the daemon carries nothing it does not use.

import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { explainError, failed, usage } from './cli/exit.js';
import { version } from './paths.js';

interface Entry {
  readonly name: string;
  /** One line for `emdc --help`; the command's own description says more. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** In the order of `emdc --help`. A new command is one row here and one file in cli/. */
const commands: readonly Entry[] = [
  {
    name: 'run',
    summary: 'the daemon: read the meters on their schedule, record, serve HTTP',
    load: async () => (await import('./cli/run.js')).runCommand(),
  },
  {
    name: 'demo',
    summary: 'simulated meters and a collector on this machine, to try everything',
    load: async () => (await import('./cli/demo.js')).demoCommand(),
  },
  {
    name: 'read',
    summary: 'one meter now, as a table of values or as bare registers',
    load: async () => (await import('./cli/read.js')).readCommand(),
  },
  {
    name: 'check',
    summary: 'what is wrong with a register map or a configuration, and the read plan',
    load: async () => (await import('./cli/check.js')).checkCommand(),
  },
  {
    name: 'commission',
    summary: 'what a live meter says to its register map: mistakes, limits, corrected cells',
    load: async () => (await import('./cli/commission.js')).commissionCommand(),
  },
  {
    name: 'scan',
    summary: 'which units answer behind a host, and which register map fits each',
    load: async () => (await import('./cli/scan.js')).scanCommand(),
  },
  {
    name: 'simulate',
    summary: 'meters that are not there, from register maps, with faults if wanted',
    load: async () => (await import('./cli/simulate.js')).simulateCommand(),
  },
  {
    name: 'map',
    summary: 'start a new register map',
    load: async () => (await import('./cli/map.js')).mapCommand(),
  },
  {
    name: 'migrate',
    summary: "bring the database's tables up to date",
    load: async () => (await import('./cli/migrate.js')).migrateCommand(),
  },
];

/** Loads the commands whose names occur among `args`; the others are known by their summary alone. */
async function program(args: readonly string[]): Promise<Command> {
  const emdc = new Command('emdc')
    .description('Energy Meter Data Collector: reads energy meters over Modbus TCP and keeps every reading in SQL.')
    .version(version, '-V, --version')
    .showHelpAfterError('(emdc --help shows what there is)')
    .exitOverride();
  for (const { name, summary, load } of commands) {
    const command = args.includes(name) ? await load() : new Command(name);
    emdc.addCommand(command.summary(summary).copyInheritedSettings(emdc));
  }
  return emdc;
}

/** Runs one command line. Resolves to its exit code: 0 done, 1 failed, 2 wrong usage or configuration. */
async function main(args: readonly string[]): Promise<number> {
  try {
    await (await program(args)).parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usage;
    const { text, exitCode } = explainError(error);
    process.stderr.write(`${text}\n`);
    return exitCode ?? failed;
  }
}

process.exitCode = await main(process.argv.slice(2));
