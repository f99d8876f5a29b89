// Databases on real servers, named by EMDC_TEST_POSTGRES_URL and EMDC_TEST_MYSQL_URL (any database the user may connect
// to, as a user that may create others). Each test makes its own and drops it.

import { randomBytes } from 'node:crypto';
import process from 'node:process';
import * as mariadb from 'mariadb';
import pg from 'pg';
import type { TestDatabase } from '../contract/database.js';

export const postgresUrl = process.env['EMDC_TEST_POSTGRES_URL'] ?? '';
export const mysqlUrl = process.env['EMDC_TEST_MYSQL_URL'] ?? '';

/** For `describe`'s `skip`: a reason to read, or false. */
export const skipPostgres = postgresUrl === '' && 'did not run: set EMDC_TEST_POSTGRES_URL to a PostgreSQL server';
export const skipMysql = mysqlUrl === '' && 'did not run: set EMDC_TEST_MYSQL_URL to a MySQL or MariaDB server';

const newName = () => `emdc_test_${randomBytes(6).toString('hex')}`;

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

export async function makePostgresDatabase(): Promise<TestDatabase> {
  const name = newName();
  const ask = async (url: string, sql: string): Promise<unknown[][]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const result = await client.query({ text: sql, rowMode: 'array' });
      // bigint and numeric come as text.
      const isNumber = result.fields?.map((field) => field.dataTypeID === 20 || field.dataTypeID === 1700) ?? [];
      return result.rows.map((row: unknown[]) => row.map((v, i) => (isNumber[i] && v !== null ? Number(v) : v)));
    } finally {
      await client.end();
    }
  };
  // Of a server in use, CREATE DATABASE copies template1, which nobody may be connected to.
  await ask(postgresUrl, `CREATE DATABASE ${name} TEMPLATE template0`);
  const url = withDatabase(postgresUrl, name);
  return {
    url,
    rows: (sql) => ask(url, sql),
    run: async (sql) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query(sql).finally(() => client.end());
    },
    drop: async () => {
      await ask(postgresUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

export async function makeMysqlDatabase(): Promise<TestDatabase> {
  const name = newName();
  const ask = async (url: string, sql: string): Promise<unknown[][]> => {
    const { hostname, port, username, password, pathname } = new URL(url);
    const connection = await mariadb.createConnection({
      host: hostname,
      port: Number(port || 3306),
      user: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: pathname.slice(1),
      rowsAsArray: true,
      bigIntAsNumber: true,
      insertIdAsNumber: true,
      decimalAsNumber: true,
      multipleStatements: true,
      autoJsonMap: false,
      initSql: "SET time_zone = '+00:00'",
    });
    try {
      const rows = await connection.query(sql);
      return Array.isArray(rows) ? [...rows] : [];
    } finally {
      await connection.end();
    }
  };
  await ask(mysqlUrl, `CREATE DATABASE ${name}`);
  const url = withDatabase(mysqlUrl, name);
  return {
    url,
    rows: (sql) => ask(url, sql),
    run: async (sql) => {
      await ask(url, sql);
    },
    drop: async () => {
      await ask(mysqlUrl, `DROP DATABASE ${name}`);
    },
  };
}
