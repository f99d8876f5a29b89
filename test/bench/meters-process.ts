// The simulated meters, in a process of their own: what they cost is not the collector's.

import { encodeMetric } from '../../src/codec/encode.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { serveParent } from './child.js';
import { BLOCKS, type Endpoint, metrics } from './site.js';

export interface MetersSetup {
  readonly links: number;
  readonly unitsPerLink: number;
  readonly latencyMs: number;
}

const servers: MeterServer[] = [];

function image(seed: number): RegisterImage {
  const registers = new RegisterImage();
  for (const { start, count } of BLOCKS) registers.set('holding', start, new Array<number>(count).fill(0));
  metrics.forEach((metric, index) => {
    registers.set('holding', metric.address, encodeMetric(metric, 100 + seed * 0.731 + index * 1.37));
  });
  return registers;
}

serveParent<MetersSetup, Endpoint[]>(
  async ({ links, unitsPerLink, latencyMs }) => {
    for (let link = 0; link < links; link++) {
      const units = Array.from({ length: unitsPerLink }, (_, i) => ({
        unitId: i + 1,
        image: image(link * unitsPerLink + i),
      }));
      servers.push(await startMeterServer({ units, latencyMs, logged: 0 }));
    }
    return servers.flatMap(({ port }) => Array.from({ length: unitsPerLink }, (_, i) => ({ port, unitId: i + 1 })));
  },
  async () => {
    await Promise.all(servers.map((server) => server.close()));
  },
);
