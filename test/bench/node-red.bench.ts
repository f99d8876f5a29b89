// Node-RED, as its users read meters with it, and EMDC after it on the same meters. Node-RED's flow decodes and counts, and
// keeps nothing; EMDC stores all in SQLite. Installed from the registry into a temporary folder, so only when asked for.
// Versions in node-red/package.json: Node-RED 5 needs Node.js 22, and the Modbus nodes from 5.45 on take a dependency from
// elsewhere than the registry (with it replaced by modbus-serial, 5.45.2 took 37 ms of CPU for 1,000 readings of 100 meters
// where 5.23.3 took 41).

import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/paths.js';
import { type Child, startChild } from './child.js';
import type { CollectorAnswer, CollectorQuestion } from './collector-process.js';
import type { Figure } from './figure.js';
import type { Context } from './main.js';
import type { MetersSetup } from './meters-process.js';
import type { NodeRedAnswer, NodeRedQuestion } from './node-red-process.js';
import { type Endpoint, METRICS } from './site.js';

const WARM_UP_S = 20;
const CPU_S = 10;

export async function nodeRedFigures({ folder, say }: Context): Promise<Figure[]> {
  say('node-red: npm ci');
  const directory = folder();
  const version = install(directory);
  const figures: Figure[] = [];
  for (const links of [1, 10, 100]) {
    const meters = await startChild<MetersSetup, Endpoint[]>('meters-process', {
      links,
      unitsPerLink: 1,
      latencyMs: 0,
    });
    const endpoints = meters.first;
    const add = (program: string, { readings, cpuMs, rssBytes }: NodeRedAnswer) => {
      const group = `Node-RED on the same meters, ${links} meter${links > 1 ? 's' : ''} every second`;
      const alone = { limit: null, target: null };
      figures.push(
        { group, name: `CPU per 1,000 readings, ${program}`, value: cpuMs / (readings / 1000), unit: 'ms', ...alone },
        { group, name: `memory, most, ${program}`, value: Math.max(...rssBytes) / 1e6, unit: 'MB', ...alone },
        {
          group,
          name: `readings, of those due, ${program}`,
          value: readings / (links * METRICS * CPU_S),
          unit: '',
          ...alone,
        },
      );
    };
    try {
      say(`node-red: Node-RED, ${links} meters every second`);
      const nodeRed = await startChild<NodeRedQuestion, NodeRedAnswer>('node-red-process', {
        do: 'setup',
        endpoints,
        directory,
      });
      add(`Node-RED ${version}, nothing stored`, await steady(nodeRed));

      say(`node-red: EMDC, ${links} meters every second`);
      const database = folder();
      const collector = await startChild<CollectorQuestion, CollectorAnswer>('collector-process', {
        do: 'setup',
        endpoints,
        databaseUrl: `file:${database}/emdc.db`,
        directory: database,
        intervalMs: 1000,
      });
      add('EMDC, into SQLite', await steady(collector));
    } finally {
      await meters.stop();
    }
  }
  return figures;
}

/** As the lock file has it; returns Node-RED's version. */
function install(directory: string): string {
  cpSync(join(packageRoot, 'test/bench/node-red'), directory, { recursive: true });
  const how = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['ci', ...how], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
  return JSON.parse(readFileSync(join(directory, 'node_modules/node-red/package.json'), 'utf8')).version;
}

/** Both programs are asked alike: what they use once V8 has compiled what runs often. */
async function steady(child: Child<Extract<CollectorQuestion, { do: 'watch' }>, NodeRedAnswer>) {
  try {
    await child.ask({ do: 'watch', seconds: WARM_UP_S, eventLoop: false });
    const usage = await child.ask({ do: 'watch', seconds: CPU_S, eventLoop: false });
    if (usage.readings === 0) throw new Error('no reading came in');
    return usage;
  } finally {
    await child.stop();
  }
}
