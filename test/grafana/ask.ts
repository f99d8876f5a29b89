// Asks a database as Grafana's data source does, and looks at how the database goes about it.

import * as mariadb from 'mariadb';
import pg from 'pg';
import { openConnection } from '../../src/store/sqlite/driver.js';
import type { Dialect } from '../../src/store/store.js';

export interface Answer {
  readonly columns: readonly string[];
  /** Numbers as numbers, whatever the driver makes of them. */
  readonly rows: readonly (readonly unknown[])[];
}

export interface Session {
  ask(sql: string): Promise<Answer>;
  /** Steps of the plan that read a big table from end to end. */
  fullScans(sql: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Rows; what is smaller may be read whole. */
const BIG = 2_000;

export async function openSession(dialect: Dialect, url: string): Promise<Session> {
  switch (dialect) {
    case 'sqlite':
      return sqliteSession(url);
    case 'postgresql':
      return postgresSession(url);
    case 'mysql':
      return mysqlSession(url);
  }
}

const NUMERIC_OIDS = new Set([20, 21, 23, 700, 701, 1700]);

async function postgresSession(url: string): Promise<Session> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('ANALYZE');
  const big = await client.query<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= ${BIG}`,
  );
  const names = new Set(big.rows.map((row) => row.relname));
  return {
    async ask(text) {
      const result = await client.query({ text, rowMode: 'array' });
      const numeric = result.fields.map((field) => NUMERIC_OIDS.has(field.dataTypeID));
      return {
        columns: result.fields.map((field) => field.name),
        rows: result.rows.map((row: unknown[]) => row.map((v, i) => (numeric[i] && v !== null ? Number(v) : v))),
      };
    },
    async fullScans(sql) {
      const result = await client.query(`EXPLAIN (FORMAT JSON) ${sql}`);
      const found: string[] = [];
      JSON.stringify(result.rows[0]['QUERY PLAN'], (_, node: unknown) => {
        const { 'Node Type': type, 'Relation Name': relation } = (node ?? {}) as Record<string, unknown>;
        if (type === 'Seq Scan' && names.has(String(relation))) found.push(`${type} on ${relation}`);
        return node;
      });
      return found;
    },
    close: () => client.end(),
  };
}

async function mysqlSession(url: string): Promise<Session> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const connection = await mariadb.createConnection({
    host: hostname,
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: pathname.slice(1),
    bigIntAsNumber: true,
    decimalAsNumber: true,
    initSql: ["SET time_zone = '+00:00'", 'SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci'],
  });
  await connection.query('ANALYZE TABLE rollup, poll, gap, topic, meter, coverage_quarter');
  const [{ count }] = await connection.query('SELECT count(*) AS count FROM rollup');
  return {
    async ask(sql) {
      const rows: unknown[][] & { meta: readonly mariadb.FieldInfo[] } = await connection.query({
        sql,
        rowsAsArray: true,
      });
      return { columns: rows.meta.map((column) => column.name()), rows: [...rows] };
    },
    async fullScans(sql) {
      const plan: { table: string | null; type: string | null }[] = await connection.query(`EXPLAIN ${sql}`);
      const whole = plan.filter(({ table, type }) => /^[rpcgn]$/.test(table ?? '') && type === 'ALL');
      // What was read by index, and not what EXPLAIN says of it: "ref" may be a topic's whole history.
      const read = async () => {
        const rows: { Variable_name: string; Value: string }[] = await connection.query(
          "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_next', 'Handler_read_prev', 'Handler_read_key')",
        );
        return rows.reduce((sum, row) => sum + Number(row.Value), 0);
      };
      const before = await read();
      await connection.query(sql);
      const steps = (await read()) - before;
      const scans = whole.map(({ table }) => `ALL on ${table}`);
      return steps > count / 3 ? [...scans, `${steps} rows read where the database has ${count} rollups`] : scans;
    },
    close: () => connection.end(),
  };
}

function sqliteSession(url: string): Session {
  const connection = openConnection(url.replace(/^file:/, ''), 5_000);
  const ask = (sql: string): Answer => {
    const statement = connection.prepare(sql);
    const columns = statement.columns().map((column) => column.name);
    return { columns, rows: statement.raw().all([]) as unknown[][] };
  };
  return {
    ask: async (sql) => ask(sql),
    async fullScans(sql) {
      const steps = ask(`EXPLAIN QUERY PLAN ${sql}`).rows.map((row) => String(row[3]));
      return steps.filter((step) => /^SCAN (r|p|c|g|rollup|poll|gap|coverage_quarter)\b/.test(step));
    },
    close: async () => connection.close(),
  };
}
