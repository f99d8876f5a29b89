// `emdc run`: the daemon, until a signal stops it. SIGHUP reads configuration and maps again.

import process from 'node:process';
import type { Command } from 'commander';
import { configCommand, configSources, withExamples } from './config-options.js';
import { loadApart } from './config-thread.js';

export const runCommand = (): Command =>
  withExamples(configCommand('run'), [
    'run --config site.yaml',
    'run --host 10.0.0.5 --topic-prefix Site/M1 --map eastron-sdm630',
  ])
    .description(
      'Reads the meters on their schedule, records what they say and serves HTTP, until SIGTERM or SIGINT. SIGHUP reads configuration and register maps again.',
    )
    .action(async (_options: unknown, command: Command) => {
      const sources = configSources(command);
      // At once, since each takes a fifth of a second, the one in a thread of its own.
      const [loaded, { runDaemon }] = await Promise.all([loadApart(sources), import('./run-daemon.js')]);
      process.exitCode = await runDaemon(loaded, sources);
    });
