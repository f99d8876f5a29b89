// What tests of import, export and sample data share: the three kinds of database, and an import from one into another.

import { importAncestor } from '../../src/import/ancestor.js';
import { importCsv } from '../../src/import/csv.js';
import { importEmdc } from '../../src/import/emdc.js';
import { importFirstEdition } from '../../src/import/emdc-first.js';
import { KnownMetrics, storedMeters } from '../../src/import/known-metrics.js';
import type { Report } from '../../src/import/report.js';
import { silentLog } from '../../src/model/log.js';
import type { MeterInfo } from '../../src/model/meter.js';
import { openStore } from '../../src/store/open.js';
import { kindOf, openReader } from '../../src/store/read.js';
import { type Store, StoreFailure } from '../../src/store/store.js';
import type { TestDatabase } from '../contract/database.js';
import { makeMysqlDatabase, makePostgresDatabase, skipMysql, skipPostgres } from '../store/server-databases.js';
import { makeSqliteDatabase } from '../store/sqlite-database.js';

export interface Kind {
  readonly name: string;
  readonly make: () => Promise<TestDatabase>;
  readonly skip: string | false;
  /** SQL for a time column as ms. */
  readonly ms: (column: string) => string;
}

export const kinds: readonly Kind[] = [
  { name: 'SQLite', make: async () => makeSqliteDatabase(), skip: false, ms: (column) => column },
  {
    name: 'PostgreSQL',
    make: makePostgresDatabase,
    skip: skipPostgres,
    ms: (column) => `(extract(epoch FROM ${column}) * 1000)::bigint`,
  },
  {
    name: 'MySQL',
    make: makeMysqlDatabase,
    skip: skipMysql,
    ms: (column) => `CAST(ROUND(UNIX_TIMESTAMP(${column}) * 1000) AS SIGNED)`,
  },
];

export interface ImportRun {
  readonly configured?: readonly MeterInfo[];
  readonly timezone?: string;
  readonly headers?: ReadonlyMap<string, string>;
  /** The database goes away at this write, 1 for the first one. */
  readonly failAt?: number;
}

/** Imports a database or CSV file as the command does, rollups included. */
export async function runImport(from: string, target: TestDatabase, options: ImportRun = {}): Promise<Report> {
  const { timezone = 'UTC', configured = [], headers = new Map(), failAt = Number.POSITIVE_INFINITY } = options;
  const real = await openStore({ url: target.url, log: silentLog, timezone, collector: 'import' });
  let writes = 0;
  const store: Store = {
    ...real,
    async write(batch) {
      if (++writes >= failAt) throw new StoreFailure({ code: 'away', message: 'away', remedy: 'spool' });
      await real.write(batch);
    },
  };
  try {
    const own = await openReader(target.url);
    const known = new KnownMetrics(configured, await storedMeters(own).finally(() => own.close()));
    const shared = { store, known, note: 'import:test', onProgress: () => {} };
    const report = await (from.endsWith('.csv')
      ? importCsv({ ...shared, file: from, timezone, headers })
      : fromDatabase());
    while (await store.catchUp?.());
    return report;

    async function fromDatabase(): Promise<Report> {
      const reader = await openReader(from);
      try {
        const kind = await kindOf(reader);
        if (kind === 'emdc') return await importEmdc({ ...shared, reader });
        if (kind === 'emdc-0.1') return await importFirstEdition({ ...shared, reader });
        return await importAncestor({ ...shared, reader, timezone });
      } finally {
        await reader.close();
      }
    }
  } finally {
    await real.close();
  }
}

/** [topic, ms, value] of all readings. */
export const readingsOf = async (database: TestDatabase, { ms }: Kind): Promise<unknown[][]> =>
  (
    await database.rows(
      `SELECT t.name, ${ms('r.ts')}, r.value FROM reading r JOIN topic t ON t.id = r.topic_id ORDER BY 1, 2`,
    )
  ).map(([topic, time, value]) => [topic, Number(time), Number(value)]);
