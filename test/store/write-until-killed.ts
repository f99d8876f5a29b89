// A collector that writes one poll after another and says each slot once it is stored, until it is killed.

import process from 'node:process';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import { HOUR_MS, sampleMeter, samplePoll } from './sample.js';

const store = await openStore({ url: process.argv[2] ?? '', log: silentLog });
const meter = sampleMeter('Killed');
const newest = (await store.newestSlots([meter.name])).get(meter.name) ?? Number(process.argv[3]);
await store.setMeters([meter], newest);
// A minute apart, so that quarters pass and upkeep has something to roll up when it is killed.
for (let slot = newest + 60_000; ; slot += 60_000) {
  await store.write({ polls: [samplePoll(meter, slot, [slot, -slot])], gaps: [] });
  process.stdout.write(`${slot}\n`);
  if (slot % (HOUR_MS / 4) === 0) while (await store.maintain(slot + HOUR_MS / 2));
}
