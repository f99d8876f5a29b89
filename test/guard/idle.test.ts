// A collector with nothing to do lets its thread sleep: a gateway has one small processor for everything. How often the event
// loop turned is a count of libuv's, which a slow machine can only lower.

import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSite } from '../support/site.js';

test('between two slots the event loop turns a few times a second, not a hundred', async (t) => {
  const { daemon } = await openSite(t, { meters: 1, schedule: '1d' });
  await daemon.service.collect({ iterations: 1, waitMs: 0, meters: null, signal: new AbortController().signal });
  // What the cycle left behind: the spool's and the database's last word.
  await sleep(500);
  const turns = () => performance.nodeTiming.uvMetricsInfo.loopCount;
  const before = turns();
  await sleep(1000);
  const turned = turns() - before;
  assert.ok(turned > 0 && turned <= 20, `${turned} turns in a second`);
});
