// Stops and starts a real database server under load, and checks that every slot of every meter is there once, on the grid.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseServer } from '../support/database-server.js';
import type { Load } from './load.js';
import { RecordingProcess } from './recording-process.js';
import { assertWritten, type Written } from './written.js';

export interface OutageResult extends Written {
  readonly stored: number;
  readonly spooled: number;
  /** From the last start of the server to an empty spool. */
  readonly replayMs: number;
  /** The longest that a slot took to be durable. */
  readonly longestMs: number;
}

/** Each outage lasts `awaySlots` slots, with as many before and after it. */
export async function outageRun(options: {
  readonly outages: number;
  readonly awaySlots: number;
  readonly load: Load;
  readonly server: DatabaseServer;
}): Promise<OutageResult> {
  const { outages, awaySlots, load, server } = options;
  const spool = await mkdtemp(join(tmpdir(), 'emdc-outage-'));
  const acknowledged = new Set<number>();
  const child = new RecordingProcess({ load, url: server.url, spool, acknowledged });
  const slots = (count: number) => child.until('', child.count('') + count);
  let replayMs = 0;
  let ended = false;
  try {
    await child.until('stored', awaySlots);
    for (let outage = 0; outage < outages; outage++) {
      const replayed = child.count('spool replayed');
      await server.stop();
      await slots(awaySlots);
      await server.start();
      const started = performance.now();
      await child.until('spool replayed', replayed + 1);
      replayMs = performance.now() - started;
      await child.until('stored', child.count('stored') + awaySlots);
    }
    await child.end();
    ended = true;
  } finally {
    if (!ended) await child.kill();
    await rm(spool, { recursive: true, force: true });
  }
  const written = await assertWritten(server.url, load, acknowledged);
  const [first, last] = [Math.min(...acknowledged), Math.max(...acknowledged)];
  assert.equal(acknowledged.size, (last - first) / load.intervalMs + 1, 'every slot of the grid, none twice');
  assert.equal(child.count('lost'), 0);
  return {
    ...written,
    stored: child.count('stored'),
    spooled: child.count('spooled'),
    replayMs,
    longestMs: child.longestMs,
  };
}
