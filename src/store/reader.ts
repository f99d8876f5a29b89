// Reads any database, whatever its tables: where import takes data from. Nothing is migrated or written.

import { existsSync } from 'node:fs';
import * as mariadb from 'mariadb';
import pg from 'pg';
import { EmdcError } from '../model/errors.js';
import { toOpenFailure } from './failure.js';
import { connectionOf as mysqlConnection } from './mysql/open.js';
import { sqlitePath } from './open.js';
import { connectionOf as postgresqlConnection } from './postgresql/open.js';
import { openConnection } from './sqlite/driver.js';
import type { Dialect } from './store.js';

export interface Reader {
  readonly dialect: Dialect;
  /** Rows as arrays; times as text in UTC, as the database writes them. `?` stands for a parameter, on every database. */
  rows(sql: string, parameters?: readonly (string | number)[]): Promise<readonly (readonly unknown[])[]>;
  close(): Promise<void>;
}

/** Rejects with an EmdcError. */
export async function openReader(url: string): Promise<Reader> {
  const scheme = /^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'file':
    case 'sqlite':
      return sqliteReader(sqlitePath(url));
    case 'postgres':
    case 'postgresql':
      return postgresqlReader(url).catch((error) => {
        throw toOpenFailure(error, 'postgresql');
      });
    case 'mysql':
    case 'mariadb':
      return mysqlReader(url).catch((error) => {
        throw toOpenFailure(error, 'mysql');
      });
    default:
      throw new EmdcError({ code: 'database-url', message: 'the URL is none of file:…, postgresql://…, mysql://…' });
  }
}

function sqliteReader(path: string): Reader {
  if (!existsSync(path)) throw new EmdcError({ code: 'no-database', message: `there is no file ${path}` });
  const connection = openConnection(path, 10_000);
  connection.exec('PRAGMA query_only = ON');
  return {
    dialect: 'sqlite',
    rows: async (sql, parameters = []) => connection.prepare(sql).raw().all(parameters) as unknown[][],
    close: async () => connection.close(),
  };
}

async function postgresqlReader(url: string): Promise<Reader> {
  const client = new pg.Client({ ...postgresqlConnection(url).config, statement_timeout: 0, query_timeout: 0 });
  client.on('error', () => {});
  await client.connect();
  return {
    dialect: 'postgresql',
    rows: async (sql, parameters = []) => {
      let index = 0;
      const text = sql.replaceAll('?', () => `$${++index}`);
      return (await client.query({ text, values: [...parameters], rowMode: 'array' })).rows as unknown[][];
    },
    close: () => client.end(),
  };
}

async function mysqlReader(url: string): Promise<Reader> {
  const client = await mariadb.createConnection({
    ...mysqlConnection(url),
    socketTimeout: 0,
    dateStrings: true,
    bigIntAsNumber: true,
    decimalAsNumber: true,
  });
  return {
    dialect: 'mysql',
    rows: (sql, parameters = []) => client.query({ sql, rowsAsArray: true }, [...parameters]) as Promise<unknown[][]>,
    close: () => client.end(),
  };
}
