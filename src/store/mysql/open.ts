// Opens a MySQL or MariaDB database: pool, session settings, schema.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import * as mariadb from 'mariadb';
import type { Log } from '../../model/log.js';
import { type Db, ERROR_FORMAT } from '../db.js';
import { toOpenFailure, whereOf } from '../failure.js';
import { PrismaClient } from '../generated/mysql/client.js';
import { type MigrationSession, migrate } from '../migrate.js';
import { PrismaStore } from '../prisma-store.js';
import type { UpkeepOptions } from '../upkeep.js';
import { mysqlStatements } from './statements.js';

/** A server that takes longer counts as away: the spool takes over. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;

/** Strict, so that a value that does not fit is an error and not another value. */
const SESSION = [
  "SET time_zone = '+00:00'",
  "SET sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

/** Rejects with an EmdcError. */
export async function openMysql(
  options: UpkeepOptions & {
    readonly url: string;
    readonly collector: string;
    readonly connections: number;
    readonly log: Log;
  },
): Promise<PrismaStore> {
  process.off('unhandledRejection', passOver);
  process.on('unhandledRejection', passOver);
  let config: mariadb.ConnectionConfig;
  try {
    config = connectionOf(options.url);
    // The pool hides why it cannot connect: the first connection is made without it.
    await withSession(config, (session) => migrate(session, { log: options.log }));
  } catch (error) {
    throw toOpenFailure(asCause(error), 'mysql', whereOf(options.url));
  }
  const adapter = new PrismaMariaDb({
    ...config,
    connectionLimit: options.connections,
    // None is made ahead of need, to be in the making when the server or this process ends.
    minimumIdle: 1,
    acquireTimeout: CONNECT_TIMEOUT_MS + 1_000,
  });
  const db = new PrismaClient({ adapter, errorFormat: ERROR_FORMAT }) as unknown as Db;
  return new PrismaStore({ ...options, db, statements: mysqlStatements, where: whereOf(options.url) });
}

/**
 * Where a connection breaks after log-in, before the last statement of SESSION (the connector's own SET NAMES comes first,
 * where the server has another character set), the connector rejects twice, and the second time nobody can catch it: the
 * process would end for a server that restarts. Its errors have these fields, also those that came from the socket.
 */
function passOver(reason: unknown): void {
  if (reason instanceof Error && 'fatal' in reason && 'sqlState' in reason) return;
  throw reason;
}

/** Options of the URL go to the driver: `ssl=true`, `ssl={"rejectUnauthorized":false}`, `sslca=/path/ca.pem`, `socketPath=…`. */
export function connectionOf(url: string): mariadb.ConnectionConfig {
  const parsed = new URL(url);
  const given: Record<string, unknown> = {};
  for (const [name, value] of parsed.searchParams) given[name] = parsedOption(value);
  const { sslca, ...others } = given;
  if (typeof sslca === 'string') others['ssl'] = { ca: readFileSync(sslca, 'utf8') };
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: STATEMENT_TIMEOUT_MS,
    ...others,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? 3306 : Number(parsed.port),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)),
    initSql: SESSION,
  };
}

function parsedOption(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The driver's own errors, in the form of Prisma's. */
export function asCause(error: unknown): unknown {
  if (!(error instanceof mariadb.SqlError)) return error;
  return { kind: 'mysql', originalCode: String(error.errno), originalMessage: error.sqlMessage ?? error.message };
}

async function withSession<T>(
  config: mariadb.ConnectionConfig,
  work: (session: MigrationSession) => Promise<T>,
): Promise<T> {
  const connection = await mariadb.createConnection({ ...config, multipleStatements: true, socketTimeout: 0 });
  connection.on('error', () => {});
  try {
    return await work(migrationSession(connection));
  } finally {
    await connection.end();
  }
}

export function migrationSession(connection: mariadb.Connection): MigrationSession {
  return {
    dialect: 'mysql',
    async exclusively(work) {
      // Named after the database: the server has one name space for all of them.
      await connection.query("SELECT GET_LOCK(CONCAT('emdc ', LEFT(DATABASE(), 50)), 600)");
      try {
        return await work();
      } finally {
        // Where the connection has broken the lock has gone with it.
        await connection.query("SELECT RELEASE_LOCK(CONCAT('emdc ', LEFT(DATABASE(), 50)))").catch(() => {});
      }
    },
    rows: (sql) => connection.query(sql),
    run: async (sql) => {
      await connection.query(sql);
    },
    // Every DDL statement commits: there is nothing to undo.
    transaction: (work) => work(),
    // The driver's own errors have numbers from 45000 on; 1053 and 1927 are a server that shuts down.
    refusal: (error) =>
      error instanceof mariadb.SqlError && error.errno < 45_000 && error.errno !== 1053 && error.errno !== 1927
        ? (error.sqlMessage ?? error.message)
        : null,
  };
}
