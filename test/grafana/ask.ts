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

/** By their aliases in the queries. */
const BIG_TABLES = { p: 'poll', n: 'poll', r: 'rollup', c: 'coverage_quarter' };

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
  const sizes = new Map<string, number>();
  for (const [alias, table] of Object.entries(BIG_TABLES)) {
    const [{ count }] = await connection.query(`SELECT count(*) AS count FROM ${table}`);
    sizes.set(alias, count);
  }
  return {
    async ask(sql) {
      const rows: unknown[][] & { meta: readonly mariadb.FieldInfo[] } = await connection.query({
        sql,
        rowsAsArray: true,
      });
      return { columns: rows.meta.map((column) => column.name()), rows: [...rows] };
    },
    async fullScans(sql) {
      // What was read, and not what EXPLAIN says of it: "ref" may be a meter's whole history.
      const [analyzed]: { ANALYZE: string }[] = await connection.query(`ANALYZE FORMAT=JSON ${sql}`);
      const read = new Map<string, number>();
      // MariaDB escapes quotes as JSON does not know it.
      JSON.parse((analyzed?.ANALYZE ?? '{}').replaceAll("\\'", "'"), (_, node) => {
        const { table_name: table, r_loops: loops, r_rows: rows } = node ?? {};
        if (sizes.has(table) && loops && rows) read.set(table, (read.get(table) ?? 0) + loops * rows);
        return node;
      });
      return [...read].flatMap(([alias, rows]) => {
        const all = sizes.get(alias) ?? 0;
        return all >= BIG && rows > all / 2 ? [`${alias}: ${Math.round(rows)} rows read, of ${all}`] : [];
      });
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
