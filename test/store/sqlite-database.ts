// A SQLite file in a folder of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openConnection } from '../../src/store/sqlite/driver.js';
import type { TestDatabase } from '../contract/database.js';

export interface SqliteDatabase extends TestDatabase {
  readonly path: string;
}

export function makeSqliteDatabase(): SqliteDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-store-'));
  const path = join(folder, 'emdc.db');
  return {
    url: `file:${path}`,
    path,
    async rows(sql) {
      const connection = openConnection(path, 5_000);
      try {
        return connection.prepare(sql).raw().all([]) as unknown[][];
      } finally {
        connection.close();
      }
    },
    async run(sql) {
      const connection = openConnection(path, 5_000);
      try {
        connection.exec(sql);
      } finally {
        connection.close();
      }
    },
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}
