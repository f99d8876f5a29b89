import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import { packageRoot } from '../../src/model/paths.js';
import { openStore } from '../../src/store/open.js';
import { noon, sampleMeter, samplePoll } from './sample.js';
import { makePostgresDatabase, skipPostgres } from './server-databases.js';

describe('optional SQL', { skip: skipPostgres }, () => {
  for (const name of ['timescaledb']) {
    it(`${name}: on a server without it says so and changes nothing`, async (test) => {
      const database = await makePostgresDatabase();
      const store = await openStore({ url: database.url, log: silentLog });
      try {
        const available = await database.rows(`SELECT 1 FROM pg_available_extensions WHERE name = '${name}'`);
        if (available.length > 0) return test.skip('this server has it');
        await store.write({ polls: [samplePoll(sampleMeter('Site'), noon, [1, 2])], gaps: [] });
        const sql = readFileSync(`${packageRoot}prisma/optional/${name}.sql`, 'utf8');
        await assert.rejects(database.run(sql), /is not installed on this server/);
        assert.deepEqual(await database.rows('SELECT value FROM measurement ORDER BY 1'), [[1], [2]]);
      } finally {
        await store.close();
        await database.drop();
      }
    });
  }
});
