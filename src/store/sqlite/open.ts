// Opens the embedded database file: made where there is none, brought to this program's schema, and ready to write so
// that a commit is on the disk when it returns. Runs in the store's worker thread.

import { fdatasyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { EmdcError } from '../../model/errors.js';
import type { Log } from '../../model/log.js';
import { type Db, ERROR_FORMAT } from '../db.js';
import { toOpenFailure } from '../failure.js';
import { PrismaClient } from '../generated/sqlite/client.js';
import { type MigrationSession, migrate } from '../migrate.js';
import { PrismaStore } from '../prisma-store.js';
import type { UpkeepOptions } from '../upkeep.js';
import { openConnection, type SqliteConnection, sqliteAdapter } from './driver.js';
import { sqliteStatements } from './statements.js';

export interface SqliteOptions extends UpkeepOptions {
  readonly path: string;
  readonly collector: string;
  /** How many there are to be: a file that is made now gets pages of a size that suits them, and keeps it. */
  readonly meters: number;
}

/** Another process may hold the write lock: an import, a migration, a backup. */
const BUSY_TIMEOUT_MS = 5_000;

// With `synchronous = FULL` libSQL calls fsync, which writes the file's changed time as well: three blocks of the file
// system's journal for every commit, more than the commit itself. fdatasync after each commit is just as durable.
const PRAGMAS = `
PRAGMA wal_autocheckpoint = 4000;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA temp_store = MEMORY;
PRAGMA journal_size_limit = 67108864;
`;

/**
 * A commit writes whole pages: 21 readings every 10 s cost half as much of an SD card with pages of 512 bytes as with 4 KB,
 * and 2,100 readings take less room with 4 KB (measured in test/bench).
 */
const pageSizeFor = (meters: number): number => (meters < 5 ? 512 : meters < 50 ? 1024 : 4096);

/** Rejects with an EmdcError. */
export async function openSqlite(options: SqliteOptions & { readonly log: Log }): Promise<PrismaStore> {
  let connection: SqliteConnection | null = null;
  try {
    mkdirSync(dirname(options.path), { recursive: true });
    connection = openConnection(options.path, BUSY_TIMEOUT_MS);
    connection.exec(`PRAGMA page_size = ${pageSizeFor(options.meters)}`);
    connection.exec(PRAGMAS);
  } catch (error) {
    connection?.close();
    throw toOpenFailure(withPath(error, options.path), 'sqlite', options.path);
  }
  try {
    await migrate(migrationSession(connection), { log: options.log });
    const log = openSync(`${options.path}-wal`, 'r');
    const db: Db = new PrismaClient({
      adapter: sqliteAdapter(connection, () => fdatasyncSync(log)),
      errorFormat: ERROR_FORMAT,
    });
    return new PrismaStore({ ...options, db, statements: sqliteStatements, where: options.path });
  } catch (error) {
    connection.close();
    throw toOpenFailure(withPath(error, options.path), 'sqlite', options.path);
  }
}

/** libSQL reports a file that cannot be opened without a code: `… /x/y.db: 14`. */
function withPath(error: unknown, path: string): unknown {
  if (error instanceof EmdcError || !(error instanceof Error) || !('code' in error)) return error;
  const code = error.code === '' && error.message.includes(': 14') ? 'SQLITE_CANTOPEN' : error.code;
  return { kind: 'sqlite', originalCode: code, originalMessage: `${path}: ${error.message}` };
}

export function migrationSession(connection: SqliteConnection): MigrationSession {
  return {
    dialect: 'sqlite',
    async exclusively(work) {
      // Rebuilding a table would cascade to the tables that refer to it; inside a transaction the pragma does nothing.
      connection.exec('PRAGMA foreign_keys = OFF');
      connection.exec('BEGIN IMMEDIATE');
      try {
        const result = await work();
        const orphans = connection.prepare('PRAGMA foreign_key_check').all([]);
        if (orphans.length > 0) throw new Error(`${orphans.length} rows refer to rows that do not exist`);
        connection.exec('COMMIT');
        return result;
      } catch (error) {
        // Some errors have rolled back already.
        try {
          connection.exec('ROLLBACK');
        } catch {}
        throw error;
      }
    },
    rows: async (sql) => connection.prepare(sql).all([]) as Record<string, unknown>[],
    run: async (sql) => connection.exec(sql),
    transaction: (work) => work(),
    refusal: (error) =>
      error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_ERROR') ? error.message : null,
  };
}
