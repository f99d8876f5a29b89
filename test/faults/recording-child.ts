// A collector's recording half as a process of its own, to be killed: meters that are "read" at every slot, each slot's
// number written to stdout once its readings are durable. A line on stdin ends it when the spool is empty.

import { writeSync } from 'node:fs';
import process from 'node:process';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import { openRecorder } from '../../src/record/recorder.js';
import { openStore } from '../../src/store/open.js';
import { type Load, meterOf, pollAt } from './load.js';

const load = JSON.parse(process.argv[2] ?? '') as Load & { readonly url: string; readonly spool: string };
const meters = Array.from({ length: load.meters }, (_, index) => meterOf(load, index));
const say = (line: string) => writeSync(1, `${line}\n`);

const recorder = await openRecorder({
  dialect: load.dialect,
  openStore: () => openStore({ url: load.url, log: silentLog }),
  spool: { directory: load.spool, maxBytes: 1e9, maxAgeMs: 1e10 },
  clock: systemClock,
  log: { ...silentLog, warn: say, error: say, info: say },
  writeLimitMs: 1000,
});

recorder.setMeters(meters);
await recorder.started();

let ending = false;
process.stdin.once('data', () => {
  ending = true;
});

const under = new Set<Promise<void>>();
let slot = Math.ceil(Date.now() / load.intervalMs) * load.intervalMs;
recorder.begin(meters.map((meter) => ({ meter, slot, intervalMs: load.intervalMs })));
say('started');
while (!ending) {
  await systemClock.sleep(slot - Date.now());
  const now = slot;
  const began = performance.now();
  const work = recorder
    .record({ polls: meters.map((meter, index) => pollAt(meter, index, now)), gaps: [] })
    .then((outcome) => {
      say(`${outcome} ${now} ${Math.round(performance.now() - began)}`);
      under.delete(work);
    });
  under.add(work);
  slot += load.intervalMs;
}
await Promise.all(under);
while (recorder.state().spool.bytes > 0) await systemClock.sleep(50);
await recorder.close({ deadlineMs: 5000 });
say('ended');
process.exit(0);
