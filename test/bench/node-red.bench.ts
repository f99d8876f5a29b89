// Node-RED, as its users read meters with it, beside EMDC on the same meters. Node-RED's flow decodes and counts, and keeps
// nothing; EMDC stores all in SQLite. Installed from the registry into a temporary folder, so only when asked for.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from './child.js';
import type { CollectorAnswer, CollectorQuestion } from './collector-process.js';
import type { Figure } from './figure.js';
import type { Context } from './main.js';
import type { MetersSetup } from './meters-process.js';
import type { NodeRedAnswer, NodeRedQuestion } from './node-red-process.js';
import { type Endpoint, METRICS } from './site.js';

// Node-RED 5 needs Node.js 22, and the Modbus nodes from 5.45 on take a dependency from elsewhere than the registry (with it
// replaced by modbus-serial, 5.45.2 took 37 ms of CPU for 1,000 readings of 100 meters where 5.23.3 took 41).
const NODE_RED = '4.1.8';
const MODBUS_NODES = '5.23.3';

const WARM_UP_S = 20;
const WATCHED_S = 20;

export async function nodeRedFigures({ folder, say }: Context): Promise<Figure[]> {
  say('node-red: npm install');
  const directory = folder();
  install(directory);
  const figures: Figure[] = [];
  for (const links of [1, 10, 100]) {
    const meters = await startChild<MetersSetup, Endpoint[]>('meters-process', {
      links,
      unitsPerLink: 1,
      latencyMs: 0,
    });
    try {
      say(`node-red: Node-RED, ${links} meters every second`);
      const setup = { do: 'setup', endpoints: meters.first } as const;
      const nodeRed = await steady(
        await startChild<NodeRedQuestion, NodeRedAnswer>('node-red-process', { ...setup, directory }),
      );
      say(`node-red: EMDC, ${links} meters every second`);
      const own = folder();
      const emdc = await steady(
        await startChild<CollectorQuestion, CollectorAnswer>('collector-process', {
          ...setup,
          databaseUrl: `file:${own}/emdc.db`,
          directory: own,
          intervalMs: 1000,
        }),
      );
      const add = (name: string, unit: string, of: (usage: NodeRedAnswer) => number) =>
        figures.push({
          group: `A flow of Node-RED that stores nothing, on ${links} meter${links > 1 ? 's' : ''} every second`,
          name,
          value: of(emdc),
          unit,
          limit: of(nodeRed),
          target: null,
          columns: { value: 'EMDC', limit: `Node-RED ${NODE_RED}` },
        });
      add('CPU per 1,000 readings', 'ms', ({ cpuMs, readings }) => cpuMs / (readings / 1000));
      add('memory, most', 'MB', ({ rssBytes }) => Math.max(...rssBytes) / 1e6);
      add('readings, of those due', '', ({ readings }) => readings / (links * METRICS * WATCHED_S));
    } finally {
      await meters.stop();
    }
  }
  return figures;
}

function install(directory: string): void {
  writeFileSync(join(directory, 'package.json'), '{"private":true}');
  const packages = [`node-red@${NODE_RED}`, `node-red-contrib-modbus@${MODBUS_NODES}`];
  const how = ['--save-exact', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', ...how, ...packages], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Both programs are asked alike: what they use once V8 has compiled what runs often. */
async function steady(child: Child<Extract<CollectorQuestion, { do: 'watch' }>, NodeRedAnswer>) {
  try {
    await child.ask({ do: 'watch', seconds: WARM_UP_S, eventLoop: false });
    const usage = await child.ask({ do: 'watch', seconds: WATCHED_S, eventLoop: false });
    if (usage.readings === 0) throw new Error('no reading came in');
    return usage;
  } finally {
    await child.stop();
  }
}
