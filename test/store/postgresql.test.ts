import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import { coverageContract } from '../contract/coverage.js';
import { isolateContract } from '../contract/isolate.js';
import { migrateContract } from '../contract/migrate.js';
import { type ContractOptions, storeContract } from '../contract/store.js';
import { upkeepContract } from '../contract/upkeep.js';
import { sampleMeter, samplePoll } from './sample.js';
import { makePostgresDatabase, skipPostgres } from './server-databases.js';

const options: ContractOptions = {
  skip: skipPostgres,
  make: makePostgresDatabase,
  ms: (column) => `(extract(epoch FROM ${column}) * 1000)::bigint`,
};

storeContract('PostgreSQL', options);
upkeepContract('PostgreSQL', options);
coverageContract('PostgreSQL', options);
isolateContract('PostgreSQL', options);
migrateContract('PostgreSQL', {
  ...options,
  dialect: 'postgresql',
  columns: (table) =>
    `SELECT column_name, (is_nullable = 'YES')::int, data_type || coalesce('(' || datetime_precision || ')', '')
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '${table}' ORDER BY ordinal_position`,
  types: {
    Int: /^integer$/,
    BigInt: /^bigint$/,
    Float: /^double precision$/,
    String: /^text$/,
    DateTime: /^timestamp with time zone\(3\)$/,
  },
});

describe('monthly partitions', { skip: skipPostgres }, () => {
  it('that several collectors need at the same moment are made once', async () => {
    const database = await makePostgresDatabase();
    const open = () => openStore({ url: database.url, log: silentLog });
    const stores = await Promise.all([open(), open(), open(), open()]);
    try {
      for (let month = 0; month < 12; month++) {
        const slot = Date.UTC(2020, month, 15);
        await Promise.all(
          stores.map((store, index) =>
            store.write({ polls: [samplePoll(sampleMeter(`Meter ${index}`), slot, [1, 2])], gaps: [] }),
          ),
        );
      }
      assert.deepEqual(await database.rows('SELECT count(*) FROM reading'), [[96]]);
    } finally {
      await Promise.all(stores.map((store) => store.close()));
      await database.drop();
    }
  });

  it('that somebody has dropped, even of this month, are made again', async () => {
    const database = await makePostgresDatabase();
    const store = await openStore({ url: database.url, log: silentLog });
    try {
      const slot = Date.now();
      const write = (value: number) =>
        store.write({ polls: [samplePoll(sampleMeter('Meter'), slot + value, [value, value])], gaps: [] });
      await write(1);
      // As a collector whose clock is in next month does with what is too old then.
      await database.run(`DROP TABLE reading_${new Date(slot).toISOString().slice(0, 7).replace('-', '_')}`);
      await assert.rejects(write(2), { remedy: 'retry' });
      await write(3);
      assert.deepEqual(await database.rows('SELECT DISTINCT value FROM reading'), [[3]]);
    } finally {
      await store.close();
      await database.drop();
    }
  });
});
