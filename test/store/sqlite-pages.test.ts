import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import { openBulk } from '../../src/store/bulk.js';
import { openStore } from '../../src/store/open.js';
import { makeSqliteDatabase } from './sqlite-database.js';

test('a new file gets pages that suit the number of meters, whoever makes it, and keeps them', async (t) => {
  for (const open of [openStore, openBulk]) {
    for (const [meters, pageSize] of [
      [1, 512],
      [5, 1024],
      [50, 4096],
    ] as const) {
      const database = makeSqliteDatabase();
      t.after(() => database.drop());
      for (const now of [meters, 1]) {
        await (await open({ url: database.url, meters: now, log: silentLog })).close();
        assert.deepEqual((await database.rows('PRAGMA page_size'))[0]?.map(Number), [pageSize]);
      }
    }
  }
});
