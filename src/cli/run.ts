// `emdc run`: the daemon, until a signal stops it.

import { Command } from 'commander';

export const runCommand = (): Command =>
  new Command('run').description('Reads the meters on their schedule, records what they say and serves HTTP.');
