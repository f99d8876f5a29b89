// A collector's start, as a process of its own: opens the store that the first argument names, writes a poll of a meter
// that all of them share, and closes it.

import process from 'node:process';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import { gauge, noon, sampleMeter, samplePoll } from './sample.js';

const [url = '', slot = '0'] = process.argv.slice(2);
const store = await openStore({ url, log: silentLog });
const metrics = Array.from({ length: 20 }, (_, index) => gauge(`m${index}`));
const poll = samplePoll(
  sampleMeter('Shared', metrics),
  noon + Number(slot) * 1000,
  metrics.map((_, index) => index),
);
await store.write({ polls: [poll], gaps: [] });
await store.close();
