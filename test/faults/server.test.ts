import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findServer, type ServerKind } from '../support/database-server.js';
import { crashRun } from './crash.js';
import { outageRun } from './outage.js';

const kinds: readonly ServerKind[] = ['postgresql', 'mysql'];

for (const kind of kinds) {
  const make = findServer(kind);
  const skip = make ? false : `no ${kind} server program on this machine`;
  describe(`a real ${kind} server`, { skip }, () => {
    test('stopped and started under load: every reading is there once, every slot on the grid', async (t) => {
      const server = await make?.();
      if (!server) return;
      t.after(() => server.close());
      await server.start();
      const load = { dialect: kind, meters: 20, metrics: 5, intervalMs: 50, prefix: 'outage' } as const;
      const { stored, spooled } = await outageRun({ outages: 1, awaySlots: 20, load, server });
      assert.ok(stored >= 20 && spooled >= 10, `${stored} stored, ${spooled} spooled`);
    });

    test('killed with -9 together with the collector, at random: all that was acknowledged is there, once', async (t) => {
      const server = await make?.();
      if (!server) return;
      t.after(() => server.close());
      await server.start();
      const load = { dialect: kind, meters: 10, metrics: 5, intervalMs: 20, prefix: 'crash' } as const;
      const result = await crashRun({ kills: 3, load, url: server.url, server });
      assert.ok(result.acknowledged > 10);
    });
  });
}
