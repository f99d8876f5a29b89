// A collector's everyday work, held to starting no query compiler: that would cost it 15 MB that it does not get back.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import type { PrismaBackend } from '../../src/store/backend.js';
import { StoreFront } from '../../src/store/front.js';
import { openMysql } from '../../src/store/mysql/open.js';
import { sqlitePath } from '../../src/store/open.js';
import { openPostgresql } from '../../src/store/postgresql/open.js';
import { openSqlite } from '../../src/store/sqlite/open.js';
import type { Dialect } from '../../src/store/store.js';
import type { TestDatabase } from '../contract/database.js';
import { maintainAll } from '../contract/upkeep.js';
import { counter, gauge, HOUR_MS, noon, sampleMeter, samplePoll } from './sample.js';
import { makeMysqlDatabase, makePostgresDatabase, skipMysql, skipPostgres } from './server-databases.js';
import { makeSqliteDatabase } from './sqlite-database.js';

interface Provider {
  readonly make: () => TestDatabase | Promise<TestDatabase>;
  readonly open: (url: string) => Promise<PrismaBackend>;
  readonly skip: string | false;
}

const log = silentLog;
const retention = { readingsMs: 48 * HOUR_MS, rollupsMs: 48 * HOUR_MS };
const providers: Readonly<Record<Dialect, Provider>> = {
  sqlite: {
    make: makeSqliteDatabase,
    open: (url) => openSqlite({ path: sqlitePath(url), retention, meters: 1, log }),
    skip: false,
  },
  postgresql: {
    make: makePostgresDatabase,
    open: (url) => openPostgresql({ url, retention, log }),
    skip: skipPostgres,
  },
  mysql: {
    make: makeMysqlDatabase,
    open: (url) => openMysql({ url, retention, log }),
    skip: skipMysql,
  },
};

for (const [dialect, { make, open, skip }] of Object.entries(providers) as [Dialect, Provider][]) {
  describe(`the query compiler on ${dialect}`, { skip }, () => {
    it('is not started by writing, upkeep and retention, and is there for a query that needs it', async (t) => {
      const runtime = await import(`@prisma/client/runtime/query_compiler_small_bg.${dialect}.mjs`);
      const database = await make();
      t.after(() => database.drop());
      const backend = await open(database.url);
      t.after(() => backend.close());
      const store = new StoreFront(dialect, backend);
      const meter = sampleMeter('A', [gauge('V'), counter('kWh', 1000)]);
      const polls = [0, 1, 2, 3].map((hour) => samplePoll(meter, noon + hour * HOUR_MS, [230, hour]));
      await store.write({ polls: polls.slice(0, 2), gaps: [] });
      await store.write({ polls: polls.slice(2), gaps: [] });
      assert.equal((await store.lastSlots()).get('A'), noon + 3 * HOUR_MS);
      await maintainAll(store, noon + 5 * HOUR_MS);
      await maintainAll(store, noon + 100 * HOUR_MS);
      assert.equal(started(runtime), false);

      const [found] = await backend.db.meter.findMany();
      assert.equal(found?.name, 'A');
      assert.equal(started(runtime), true);
    });
  });
}

/** Prisma's module cannot make a compiler before it has been given one's exports. */
function started({ QueryCompiler }: { readonly QueryCompiler: new (options: unknown) => unknown }): boolean {
  try {
    new QueryCompiler({});
    return true;
  } catch (error) {
    return !(error instanceof TypeError);
  }
}
