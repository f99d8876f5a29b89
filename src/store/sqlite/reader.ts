// Reads a SQLite file, for imports and exports.

import { existsSync } from 'node:fs';
import { EmdcError } from '../../model/errors.js';
import { toOpenFailure } from '../failure.js';
import type { Reader } from '../reader.js';
import { openConnection, type SqliteStatement } from './driver.js';

/** Rejects with an EmdcError: `no-database` where there is no file. */
export async function openSqliteReader(path: string): Promise<Reader> {
  if (!existsSync(path)) throw new EmdcError({ code: 'no-database', message: `there is no file ${path}` });
  try {
    const connection = openConnection(path, 10_000);
    connection.exec('PRAGMA query_only = ON');
    const prepared = new Map<string, SqliteStatement>();
    const prepare = (sql: string): SqliteStatement => {
      const statement = prepared.get(sql) ?? connection.prepare(sql).raw();
      prepared.set(sql, statement);
      return statement;
    };
    return {
      dialect: 'sqlite',
      rows: async (sql, parameters = []) => prepare(sql).all(parameters) as unknown[][],
      text: (column) => column,
      ms: (column) => column,
      time: '?',
      readings: 'readings',
      missing: 'missing',
      quoted: (name) => `"${name}"`,
      close: async () => connection.close(),
    };
  } catch (error) {
    throw toOpenFailure(error, 'sqlite', path);
  }
}
