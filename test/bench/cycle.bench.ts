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
const CYCLES_MS = 1500;
/**
 * Where asking keeps the processor busy for a good part of the time that the meters take, what V8 made of a process shows,
 * all through its life. So several are asked, and the middle one counts.
 */
const PROCESSES = 3;
const BUSY_METERS_PER_MS = 20;
/** Until V8 has compiled what runs often, in both processes by turns; less where the meters take nearly all of the time. */
const WARM_UP_MS = { busy: 5000, waiting: 2500 };

export async function cycleFigures(context: Context): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const links of SEPARATE) {
    for (const latencyMs of LATENCIES_MS) {
      const name = `${links} meter${links > 1 ? 's' : ''}, each on its own link, ${latencyMs} ms`;
      // Without latency the limit is the bare client's CPU; nothing is promised there.
      const target = latencyMs === 0 ? null : 1.1;
      const busy = latencyMs > 0 && links / latencyMs >= BUSY_METERS_PER_MS;
      const processes = busy ? PROCESSES : 1;
      figures.push(await measure(context, { links, unitsPerLink: 1, latencyMs }, { name, target, processes }));
    }
  }
  for (const { units, latencyMs } of GATEWAYS) {
    const name = `${units} meters behind one gateway, ${latencyMs} ms`;
    const setup = { links: 1, unitsPerLink: units, latencyMs };
    figures.push(await measure(context, setup, { name, target: 1.05, processes: 1 }));
  }
  return figures;
}

async function measure(
  context: Context,
  setup: MetersSetup,
  { name, target, processes }: { name: string; target: number | null; processes: number },
): Promise<Figure> {
  const measured: Pair[] = [];
  while (measured.length < processes) {
    context.say(`cycle: ${name}${processes > 1 ? `, ${measured.length + 1} of ${processes}` : ''}`);
    measured.push(await measureOnce(context, setup));
  }
  const { own, limit } = middleOf(measured);
  return { group: 'Cycle time', name, value: own, unit: 'ms', limit, target };
}

async function measureOnce({ folder }: Context, setup: MetersSetup): Promise<Pair> {
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
    const warmUpMs = count > setup.latencyMs ? WARM_UP_MS.busy : WARM_UP_MS.waiting;
    for (const end = performance.now() + warmUpMs; performance.now() < end; ) {
      await bare.ask({ do: 'cycles', cycles: 1 });
      await collector.ask({ do: 'collect', cycles: 1 });
    }
    // By turns, so that whatever else the machine does meets both.
    const end = performance.now() + CYCLES_MS;
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
