// Brings a database to this program's schema, without Prisma's engine but in agreement with it: the same files, the same
// _prisma_migrations, the same lock on PostgreSQL. All or nothing where the database can; on MySQL, where every DDL
// statement commits, an interrupted migration is run again, and is therefore written so that it may be.

import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { packageRoot } from '../model/paths.js';
import type { Dialect } from './store.js';

/** One connection that migrations run on. */
export interface MigrationSession {
  readonly dialect: Dialect;
  /** Waits until no other collector migrates, then does the work while none can. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  rows(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** One or several statements. */
  run(sql: string): Promise<void>;
  /** Does the work all or not at all, where the database can undo DDL. */
  transaction(work: () => Promise<void>): Promise<void>;
  /** What the database has against a statement; null: the error is of another kind, a connection that broke. */
  refusal(error: unknown): string | null;
}

export interface Migration {
  readonly name: string;
  readonly sql: string;
  /** sha256 of the file, as Prisma records it. */
  readonly checksum: string;
}

/** The migrations of EMDC 0.1 begin so. */
const FIRST_EDITION = '20261123';

/** In the order in which they apply. */
export function readMigrations(dialect: Dialect, folder = `${packageRoot}prisma/migrations`): Migration[] {
  return readdirSync(`${folder}/${dialect}`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => {
      const sql = readFileSync(`${folder}/${dialect}/${name}/migration.sql`, 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

/** Applies what is missing, one collector at a time; resolves to the names of what it applied. */
export async function migrate(
  session: MigrationSession,
  options: { readonly log: Log; readonly migrations?: readonly Migration[] },
): Promise<string[]> {
  const migrations = options.migrations ?? readMigrations(session.dialect);
  return session.exclusively(async () => {
    await session.run(createRecords[session.dialect]);
    const records = await readRecords(session);
    const applied: string[] = [];
    for (const migration of unapplied(migrations, records)) {
      options.log.info('migrating the database', { migration: migration.name });
      await apply(session, migration, records.get(migration.name));
      applied.push(migration.name);
    }
    return applied;
  });
}

interface Record_ {
  readonly name: string;
  readonly checksum: string;
  readonly finished: boolean;
}

async function readRecords(session: MigrationSession): Promise<Map<string, Record_>> {
  const rows = await session.rows(
    'SELECT migration_name AS name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL',
  );
  return new Map(
    rows.map((row) => {
      const record = {
        name: String(row['name']),
        checksum: String(row['checksum']),
        finished: row['finished_at'] !== null,
      };
      return [record.name, record];
    }),
  );
}

function unapplied(migrations: readonly Migration[], records: ReadonlyMap<string, Record_>): Migration[] {
  const known = new Set(migrations.map((migration) => migration.name));
  const older = [...records.keys()].filter((name) => name.startsWith(FIRST_EDITION));
  if (older.length > 0) {
    throw new EmdcError({
      code: 'database-older',
      message: `the database was made by EMDC 0.1 (${older[0]}), whose tables are other ones: nothing was changed`,
      hint: 'Name another database in database.url, and copy this one into it with `emdc import --from` and the URL of this one.',
    });
  }
  const newer = [...records.keys()].filter((name) => !known.has(name)).sort();
  if (newer.length > 0) {
    throw new EmdcError({
      code: 'database-newer',
      message: `the database has been migrated by a newer version of EMDC (${newer.join(', ')})`,
      hint: 'Start that version or a later one, or restore a backup from before.',
    });
  }
  for (const { name, checksum } of migrations) {
    const record = records.get(name);
    if (record?.finished && record.checksum !== checksum) {
      throw new EmdcError({
        code: 'migration-edited',
        message: `migration ${name} is not the one that this database was made with`,
        hint: 'Migrations must never be changed once they have been applied: restore the file.',
      });
    }
  }
  return migrations.filter((migration) => records.get(migration.name)?.finished !== true);
}

async function apply(session: MigrationSession, migration: Migration, started: Record_ | undefined): Promise<void> {
  const { name, checksum, sql } = migration;
  if (!started) {
    // Outside the transaction only where there is none that counts: there it tells the next start to finish the work.
    const open = `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at) VALUES ('${randomUUID()}', '${checksum}', '${name}', ${nowIn[session.dialect]})`;
    if (session.dialect === 'mysql') await session.run(open);
    else migration = { ...migration, sql: `${open};\n${sql}` };
  }
  try {
    await session.transaction(async () => {
      await session.run(migration.sql);
      await session.run(
        `UPDATE _prisma_migrations SET checksum = '${checksum}', finished_at = ${nowIn[session.dialect]}, applied_steps_count = 1 WHERE migration_name = '${name}' AND rolled_back_at IS NULL`,
      );
    });
  } catch (error) {
    const refusal = session.refusal(error);
    if (refusal === null) throw error;
    throw new EmdcError({
      code: 'migration-failed',
      message: `migration ${name} failed: ${refusal}`,
      hint: 'EMDC needs a database of its own, and a user who may create tables and views in it. The next start tries again.',
      cause: error,
    });
  }
}

const nowIn: Record<Dialect, string> = {
  sqlite: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
  postgresql: 'now()',
  mysql: 'CURRENT_TIMESTAMP(3)',
};

/** Exactly the tables that Prisma's own engine makes. */
const createRecords: Record<Dialect, string> = {
  sqlite: `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id"                    TEXT PRIMARY KEY NOT NULL,
    "checksum"              TEXT NOT NULL,
    "finished_at"           DATETIME,
    "migration_name"        TEXT NOT NULL,
    "logs"                  TEXT,
    "rolled_back_at"        DATETIME,
    "started_at"            DATETIME NOT NULL DEFAULT current_timestamp,
    "applied_steps_count"   INTEGER UNSIGNED NOT NULL DEFAULT 0
)`,
  postgresql: `CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)`,
  mysql: `CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             DATETIME(3),
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          DATETIME(3),
    started_at              DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    applied_steps_count     INTEGER UNSIGNED NOT NULL DEFAULT 0
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`,
};
