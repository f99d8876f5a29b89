#!/usr/bin/env node
// The `emdc` command. Knows the commands by name and one line each; a command's own file (and whatever it imports) is
// loaded only when it is asked for, so that `emdc --help` is quick and the daemon carries nothing it does not use.

import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { commands } from './cli/commands.js';
import { explainError, failed, usage } from './cli/exit.js';
import { EmdcError } from './model/errors.js';
import { version } from './model/paths.js';

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

/** Older ones fail later, in ways that say nothing. Debian 12 has 18. */
function refuseOldNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new EmdcError({
    code: 'node-too-old',
    message: `EMDC needs Node.js 20.19 or later, this is ${process.versions.node}`,
    hint: 'npm run bundle -- --with-node packs EMDC together with its Node.js.',
  });
}

/** Runs one command line. Resolves to its exit code: 0 done, 1 failed, 2 wrong usage or configuration. */
async function main(args: readonly string[]): Promise<number> {
  try {
    refuseOldNode();
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
