// Opens a PostgreSQL database: pool, session settings, schema.

import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { messageOf } from '../../model/errors.js';
import type { Log } from '../../model/log.js';
import { type Db, ERROR_FORMAT } from '../db.js';
import { toOpenFailure, whereOf } from '../failure.js';
import { PrismaClient } from '../generated/postgresql/client.js';
import { type MigrationSession, migrate } from '../migrate.js';
import { PrismaStore } from '../prisma-store.js';
import type { UpkeepOptions } from '../upkeep.js';
import { postgresqlStatements } from './statements.js';

/** A server that takes longer counts as away: the spool takes over. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;

/** Rejects with an EmdcError. */
export async function openPostgresql(
  options: UpkeepOptions & {
    readonly url: string;
    readonly collector: string;
    readonly connections: number;
    readonly log: Log;
  },
): Promise<PrismaStore> {
  const { config, schema } = connectionOf(options.url);
  try {
    await withSession(config, schema, (session) => migrate(session, { log: options.log }));
  } catch (error) {
    throw toOpenFailure(error, 'postgresql', whereOf(options.url));
  }
  const pool = new pg.Pool({ ...config, max: options.connections });
  // A connection that breaks while idle: without a listener the process would end.
  pool.on('error', (error) => options.log.debug('database connection lost', { error: messageOf(error) }));
  const adapter = new PrismaPg(pool, { disposeExternalPool: true, ...(schema === null ? {} : { schema }) });
  const db = new PrismaClient({ adapter, errorFormat: ERROR_FORMAT }) as unknown as Db;
  return new PrismaStore({ ...options, db, statements: postgresqlStatements, where: whereOf(options.url) });
}

/** Prisma's `schema` is not known to the driver; session settings join those of the URL. */
export function connectionOf(url: string): { readonly config: pg.ClientConfig; readonly schema: string | null } {
  const parsed = new URL(url);
  const schema = parsed.searchParams.get('schema');
  const given = parsed.searchParams.get('options') ?? '';
  parsed.searchParams.delete('schema');
  parsed.searchParams.delete('options');
  // Prisma's adapter writes wrong times where the session's time zone is another one.
  const settings = ['-c TimeZone=UTC', `-c statement_timeout=${STATEMENT_TIMEOUT_MS}`, '-c lock_timeout=10000'];
  if (schema !== null) settings.push(`-c search_path=${schema.replaceAll(/[\\ ]/g, '\\$&')}`);
  return {
    schema,
    config: {
      connectionString: parsed.href,
      options: [given, ...settings].join(' ').trim(),
      application_name: 'emdc',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      // The server's own timeout comes first, unless the network swallows its answer.
      query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
      keepAlive: true,
    },
  };
}

async function withSession<T>(
  config: pg.ClientConfig,
  schema: string | null,
  work: (session: MigrationSession) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(config);
  client.on('error', () => {});
  await client.connect();
  try {
    if (schema !== null) await client.query(`CREATE SCHEMA IF NOT EXISTS ${client.escapeIdentifier(schema)}`);
    return await work(migrationSession(client));
  } finally {
    await client.end();
  }
}

/** The id that Prisma's own engine locks. */
const MIGRATION_LOCK = 72_707_369;

export function migrationSession(client: pg.Client): MigrationSession {
  return {
    dialect: 'postgresql',
    async exclusively(work) {
      // Another collector may be at it for longer than a statement may take.
      await client.query('SET statement_timeout = 0; SET lock_timeout = 0');
      await client.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
      try {
        return await work();
      } finally {
        // Where the connection has broken the lock has gone with it.
        await client.query(`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`).catch(() => {});
      }
    },
    rows: async (sql) => (await client.query(sql)).rows,
    run: async (sql) => {
      await client.query(sql);
    },
    async transaction(work) {
      await client.query('BEGIN');
      try {
        await work();
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        throw error;
      }
    },
    // Its own shutdown and lost connections come as errors of classes 57 and 08.
    refusal: (error) =>
      error instanceof pg.DatabaseError && !/^(57|08|53)/.test(error.code ?? '57') ? error.message : null,
  };
}
