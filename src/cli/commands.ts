// The commands there are, each with one line; its own file is loaded only when it is asked for.

import type { Command } from 'commander';

export interface CommandEntry {
  readonly name: string;
  /** One line for `emdc --help`; the command's own description says more. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** In the order of `emdc --help`. A new command is one row here and one file in cli/. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'run',
    summary: 'the daemon: read the meters on their schedule, record, serve HTTP',
    load: async () => (await import('./run.js')).runCommand(),
  },
  {
    name: 'demo',
    summary: 'simulated meters and a collector on this machine, to try everything',
    load: async () => (await import('./demo.js')).demoCommand(),
  },
  {
    name: 'read',
    summary: 'one meter now, as a table of values or as bare registers',
    load: async () => (await import('./read.js')).readCommand(),
  },
  {
    name: 'check',
    summary: 'what is wrong with a register map or a configuration, and the read plan',
    load: async () => (await import('./check.js')).checkCommand(),
  },
  {
    name: 'commission',
    summary: 'what a live meter says to its register map: mistakes, limits, corrected cells',
    load: async () => (await import('./commission.js')).commissionCommand(),
  },
  {
    name: 'scan',
    summary: 'which units answer behind a host, and which register map fits each',
    load: async () => (await import('./scan.js')).scanCommand(),
  },
  {
    name: 'simulate',
    summary: 'meters that are not there, from register maps, with faults if wanted',
    load: async () => (await import('./simulate.js')).simulateCommand(),
  },
  {
    name: 'map',
    summary: 'start a new register map',
    load: async () => (await import('./map.js')).mapCommand(),
  },
  {
    name: 'import',
    summary: "an older EMDC's database, an ancestor's, or a CSV file, into this database",
    load: async () => (await import('./import.js')).importCommand(),
  },
  {
    name: 'export',
    summary: 'readings, energy or coverage as CSV, Excel workbook or Parquet file',
    load: async () => (await import('./export.js')).exportCommand(),
  },
  {
    name: 'gendata',
    summary: 'sample data from a file of series into the database',
    load: async () => (await import('./gendata.js')).gendataCommand(),
  },
  {
    name: 'migrate',
    summary: "bring the database's tables up to date",
    load: async () => (await import('./migrate.js')).migrateCommand(),
  },
];
