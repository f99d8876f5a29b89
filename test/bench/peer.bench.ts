// How users read meters without a collector: modbus-serial in a loop, one request per metric, as its README shows it.

import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import modbusSerial from 'modbus-serial';
import { startChild } from './child.js';
import { type Figure, median } from './figure.js';
import type { Context } from './main.js';
import type { MetersSetup } from './meters-process.js';
import { BLOCKS, type Endpoint, METRICS, metrics } from './site.js';

export async function peerFigures({ say }: Context): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const latencyMs of [0, 20]) {
    say(`peer: modbus-serial, one request per metric, ${latencyMs} ms`);
    const meters = await startChild<MetersSetup, Endpoint[]>('meters-process', {
      links: 1,
      unitsPerLink: 1,
      latencyMs,
    });
    const client = new modbusSerial.default();
    await client.connectTCP('127.0.0.1', { port: meters.first[0]?.port ?? 0 });
    client.setID(1);
    const single: number[] = [];
    const blocks: number[] = [];
    const cpu = process.cpuUsage();
    for (let cycle = 0; cycle < 10; cycle++) {
      const start = performance.now();
      for (const { address } of metrics) (await client.readHoldingRegisters(address, 2)).buffer.readFloatBE(0);
      const middle = performance.now();
      for (const { start: first, count } of BLOCKS) await client.readHoldingRegisters(first, count);
      single.push(middle - start);
      blocks.push(performance.now() - middle);
      await sleep(20);
    }
    const { user, system } = process.cpuUsage(cpu);
    client.close(() => {});
    await meters.stop();
    const shared = {
      group: `A script with modbus-serial on the same meter, ${latencyMs} ms`,
      unit: 'ms',
      limit: null,
      target: null,
      columns: { value: 'the script', limit: '' },
    } as const;
    figures.push(
      { ...shared, name: `cycle, ${METRICS} requests`, value: median(single) },
      { ...shared, name: `cycle, ${BLOCKS.length} hand-made blocks`, value: median(blocks) },
      { ...shared, name: 'CPU of both, per cycle', value: (user + system) / 1000 / 10 },
    );
  }
  return figures;
}
