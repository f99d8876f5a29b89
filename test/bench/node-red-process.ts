// Node-RED under measurement, in a process of its own, embedded as its documentation has it, without editor or HTTP. The
// flow is what its users draw: a Modbus-Read node for each block, at its editor's defaults, and a function that decodes.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveParent } from './child.js';
import type { CollectorAnswer, CollectorQuestion } from './collector-process.js';
import { BLOCKS, type Endpoint } from './site.js';

export type NodeRedQuestion =
  | {
      readonly do: 'setup';
      readonly endpoints: readonly Endpoint[];
      /** Where it is installed, and keeps its own files. */
      readonly directory: string;
    }
  | Extract<CollectorQuestion, { do: 'watch' }>;

export type NodeRedAnswer = Pick<CollectorAnswer, 'readings' | 'cpuMs' | 'rssBytes'>;

interface NodeRed {
  init(settings: object): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const DECODE = `
const bytes = msg.responseBuffer.buffer;
const values = [];
for (let at = 0; at < bytes.length; at += 4) values.push(bytes.readFloatBE(at));
global.get('count')(values.filter(Number.isFinite).length);
msg.payload = values;
return msg;`;

let nodeRed: NodeRed | null = null;
let readings = 0;

function flowOf(endpoints: readonly Endpoint[]): object[] {
  const meters = endpoints.flatMap(({ port, unitId }, meter) => [
    {
      id: `client-${meter}`,
      type: 'modbus-client',
      clienttype: 'tcp',
      bufferCommands: true,
      stateLogEnabled: false,
      queueLogEnabled: false,
      failureLogEnabled: true,
      tcpHost: '127.0.0.1',
      tcpPort: port,
      tcpType: 'DEFAULT',
      unit_id: unitId,
      commandDelay: 1,
      clientTimeout: 1000,
      reconnectOnTimeout: true,
      reconnectTimeout: 2000,
      parallelUnitIdsAllowed: true,
    },
    ...BLOCKS.map(({ start, count }) => ({
      id: `read-${meter}-${start}`,
      type: 'modbus-read',
      z: 'meters',
      topic: `meter_${meter}`,
      unitid: unitId,
      dataType: 'HoldingRegister',
      adr: start,
      quantity: count,
      rate: 1,
      rateUnit: 's',
      server: `client-${meter}`,
      wires: [['decode'], []],
    })),
  ]);
  const decode = { id: 'decode', type: 'function', z: 'meters', func: DECODE, outputs: 1, libs: [], wires: [[]] };
  return [{ id: 'meters', type: 'tab', label: 'Meters' }, ...meters, decode];
}

async function start(endpoints: readonly Endpoint[], directory: string): Promise<void> {
  writeFileSync(join(directory, 'flows.json'), JSON.stringify(flowOf(endpoints)));
  nodeRed = createRequire(join(directory, 'package.json'))('node-red') as NodeRed;
  nodeRed.init({
    userDir: directory,
    flowFile: 'flows.json',
    credentialSecret: false,
    httpAdminRoot: false,
    httpNodeRoot: false,
    telemetry: { enabled: false },
    logging: { console: { level: 'error' } },
    functionGlobalContext: {
      count: (values: number) => {
        readings += values;
      },
    },
  });
  await nodeRed.start();
}

serveParent<NodeRedQuestion, NodeRedAnswer>(
  async (question) => {
    if (question.do === 'setup') await start(question.endpoints, question.directory);
    const before = readings;
    const cpu = process.cpuUsage();
    const rssBytes: number[] = [];
    if (question.do === 'watch') {
      for (let second = 0; second < question.seconds; second++) {
        await sleep(1000);
        rssBytes.push(process.memoryUsage.rss());
      }
    }
    const { user, system } = process.cpuUsage(cpu);
    return { readings: readings - before, cpuMs: (user + system) / 1000, rssBytes };
  },
  async () => {
    await nodeRed?.stop();
  },
);
