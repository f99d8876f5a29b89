import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../support/polls.js';
import { crashRun } from './crash.js';

describe('kill -9', () => {
  test('of a collector on SQLite, at random instants: all that was acknowledged is there, once', async (t) => {
    const url = `file:${join(await temporaryFolder(t), 'emdc.db')}`;
    const load = { dialect: 'sqlite', meters: 10, metrics: 5, intervalMs: 20, prefix: 'crash' } as const;
    const { acknowledged, collectorKills } = await crashRun({ kills: 4, load, url, server: null });
    assert.equal(collectorKills, 4);
    assert.ok(acknowledged > 20);
  });
});
