// How near a cycle comes to requests × latency: the same meters, read by a bare socket and by the collector.

import type { BareAnswer, BareQuestion } from './bare-process.js';
import { startChild } from './child.js';
import type { CollectorAnswer, CollectorQuestion } from './collector-process.js';
import { type Figure, median, middleOf, type Pair } from './figure.js';
import type { Context } from './main.js';
import type { MetersSetup } from './meters-process.js';
import { shareOut } from './processors.js';
import { BLOCKS, type Endpoint } from './site.js';

const SEPARATE = [1, 10, 100, 1000];
const LATENCIES_MS = [0, 5, 20, 50];
const GATEWAYS = [
  { units: 10, latencyMs: 5 },
  { units: 32, latencyMs: 20 },
];
/** At least, and as many as there is time for: short ones differ more. */
const CYCLES = 9;
/**
 * Where asking keeps the processor busy for a good part of the time that the meters take, what V8 made of a process shows,
 * all through its life, and so does whatever else the host's processors do, for half a minute at a time. So several
 * processes are asked, a while apart, and the middle one counts.
 */
const ROUNDS = 3;
const BUSY_METERS_PER_MS = 20;
/** Until V8 has compiled what runs often, in both processes by turns; less where the meters take nearly all of the time. */
const WARM_UP_MS = { busy: 3500, waiting: 2500 };
const CYCLES_MS = { busy: 3000, waiting: 1500 };

interface Case {
  readonly name: string;
  readonly setup: MetersSetup;
  readonly target: number | null;
  readonly inEveryRound: boolean;
  readonly measured: Pair[];
}

export async function cycleFigures(context: Context): Promise<Figure[]> {
  const cases: Case[] = [];
  for (const links of SEPARATE) {
    for (const latencyMs of LATENCIES_MS) {
      const name = `${links} meter${links > 1 ? 's' : ''}, each on its own link, ${latencyMs} ms`;
      // Faster or more meters at once than this, the limit is the processor; nothing is promised there.
      const target = latencyMs >= 20 && links <= 100 ? 1.1 : null;
      const inEveryRound = latencyMs > 0 && links / latencyMs >= BUSY_METERS_PER_MS;
      cases.push({ name, setup: { links, unitsPerLink: 1, latencyMs }, target, inEveryRound, measured: [] });
    }
  }
  for (const { units, latencyMs } of GATEWAYS) {
    const name = `${units} meters behind one gateway, ${latencyMs} ms`;
    const setup = { links: 1, unitsPerLink: units, latencyMs };
    cases.push({ name, setup, target: 1.05, inEveryRound: false, measured: [] });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { name, setup, inEveryRound, measured }] of cases.entries()) {
      if (!inEveryRound && index % ROUNDS !== round) continue;
      context.say(`cycle: ${name}${inEveryRound ? `, ${round + 1} of ${ROUNDS}` : ''}`);
      measured.push(await measure(context, setup));
    }
  }
  return cases.map(({ name, target, measured }) => {
    const { own, limit } = middleOf(measured);
    return { group: 'Cycle time', name, value: own, unit: 'ms', limit, target };
  });
}

async function measure({ folder }: Context, setup: MetersSetup): Promise<Pair> {
  const processors = shareOut();
  const meters = await startChild<MetersSetup, Endpoint[]>('meters-process', setup, processors?.meters);
  const endpoints = meters.first;
  const bareSetup: BareQuestion = { do: 'setup', endpoints, database: null };
  const bare = await startChild<BareQuestion, BareAnswer>('bare-process', bareSetup, processors?.measured);
  const directory = folder();
  const collectorSetup: CollectorQuestion = {
    do: 'setup',
    endpoints,
    databaseUrl: `file:${directory}/emdc.db`,
    directory,
    // Its own slots stay out of the way: the cycles are asked for.
    intervalMs: 86_400_000,
  };
  const collector = await startChild<CollectorQuestion, CollectorAnswer>(
    'collector-process',
    collectorSetup,
    processors?.measured,
  );
  try {
    const limits: number[] = [];
    const own: number[] = [];
    let requests = 0;
    const count = setup.links * setup.unitsPerLink;
    const pace = count > setup.latencyMs ? 'busy' : 'waiting';
    for (const end = performance.now() + WARM_UP_MS[pace]; performance.now() < end; ) {
      await bare.ask({ do: 'cycles', cycles: 1 });
      await collector.ask({ do: 'collect', cycles: 1 });
    }
    // By turns, so that whatever else the machine does meets both.
    const end = performance.now() + CYCLES_MS[pace];
    for (let cycle = 0; cycle < CYCLES || performance.now() < end; cycle++) {
      const limit = await bare.ask({ do: 'cycles', cycles: 1 });
      const answer = await collector.ask({ do: 'collect', cycles: 1 });
      limits.push(...limit.durationsMs);
      own.push(...answer.durationsMs);
      requests = answer.requests;
    }
    if (requests !== count * BLOCKS.length) throw new Error(`${requests} requests for ${count} meters`);
    return { own: median(own), limit: median(limits) };
  } finally {
    await Promise.all([bare.stop(), collector.stop()]);
    await meters.stop();
  }
}
