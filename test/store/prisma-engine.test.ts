// Agreement with Prisma's own migrate engine, the WebAssembly one that `prisma` 7.10 carries: a database that EMDC has made
// is up to date for `prisma migrate status` and `deploy`, and one that `deploy` has made is up to date for EMDC. The engine
// has no way to MySQL: @prisma/adapter-mariadb does not implement `executeScript`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlDriverAdapter, SqlQuery } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import { silentLog } from '../../src/model/log.js';
import { packageRoot } from '../../src/model/paths.js';
import { readMigrations } from '../../src/store/migrate.js';
import { openStore } from '../../src/store/open.js';
import { openConnection, sqliteAdapter } from '../../src/store/sqlite/driver.js';
import type { TestDatabase } from '../contract/database.js';
import { type MigrateEngine, startEngine } from '../support/prisma-engine.js';
import { makePostgresDatabase, skipPostgres } from './server-databases.js';
import { makeSqliteDatabase, type SqliteDatabase } from './sqlite-database.js';

interface Kind<D extends TestDatabase> {
  readonly dialect: 'sqlite' | 'postgresql';
  readonly make: () => D | Promise<D>;
  readonly connect: (database: D) => Promise<SqlDriverAdapter>;
  /** The engine can compare the schema with the migrations through this adapter. */
  readonly compares: boolean;
}

agreement<SqliteDatabase>(false, {
  dialect: 'sqlite',
  make: makeSqliteDatabase,
  compares: true,
  async connect({ path }) {
    const adapter = await sqliteAdapter(openConnection(path, 5_000), () => {}).connect();
    return withScripts(adapter, async (script) => {
      // It would lock the file for good: libSQL closes one only when its statements have been collected.
      if (!script.includes('locking_mode')) await adapter.executeScript(script);
    });
  },
});

agreement<TestDatabase>(skipPostgres, {
  dialect: 'postgresql',
  make: makePostgresDatabase,
  // To look for drift it asks PostgreSQL for values of the type "char", which Prisma's adapter cannot read.
  compares: false,
  async connect(database) {
    const pool = new pg.Pool({ connectionString: database.url, allowExitOnIdle: true });
    pool.on('error', () => {});
    const adapter = await new PrismaPg(pool, { disposeExternalPool: true }).connect();
    // Its own way with a script is to split it at every semicolon, in the middle of a function's body, too.
    return withScripts(adapter, async (script) => {
      await pool.query(script);
    });
  },
});

/** The engine sends scripts as statements, too, where it applies migrations to a shadow database. */
const withScripts = (adapter: SqlDriverAdapter, run: (script: string) => Promise<void>): SqlDriverAdapter =>
  Object.assign(Object.create(adapter), {
    async executeRaw(query: SqlQuery) {
      if (query.args.length > 0) return adapter.executeRaw(query);
      await run(query.sql);
      return 0;
    },
    executeScript: run,
  });

function agreement<D extends TestDatabase>(skip: string | false, { dialect, make, connect, compares }: Kind<D>): void {
  const names = readMigrations(dialect).map(({ name }) => name);

  async function withDatabase(work: (database: D) => Promise<void>): Promise<void> {
    const database = await make();
    try {
      await work(database);
    } finally {
      await database.drop();
    }
  }
  /** An engine for each thing to do, as Prisma's command line has: it holds its lock until it is closed. */
  const prisma = async <T>(database: D, work: (engine: MigrateEngine) => Promise<T>): Promise<T> => {
    const shadows: D[] = [];
    const engine = await startEngine({
      dialect,
      schema: readFileSync(`${packageRoot}build/schema/${dialect}/schema.prisma`, 'utf8'),
      connect: () => connect(database),
      async connectToShadow() {
        const shadow = await make();
        shadows.push(shadow);
        return connect(shadow);
      },
    });
    try {
      return await work(engine);
    } finally {
      await engine.close();
      for (const shadow of shadows) await shadow.drop();
    }
  };
  const deploy = (database: D, count?: number) => prisma(database, (engine) => engine.apply(count));
  const drift = (database: D) => prisma(database, (engine) => engine.devDiagnostic());
  const diagnose = (database: D) => prisma(database, (engine) => engine.diagnose());
  const openOnce = async ({ url }: TestDatabase) => (await openStore({ url, log: silentLog })).close();
  const records = ({ rows }: TestDatabase) =>
    rows('SELECT id, migration_name, checksum, applied_steps_count FROM _prisma_migrations ORDER BY migration_name');

  describe(`Prisma's migrate engine and EMDC on ${dialect}`, { skip }, () => {
    test(`a database that EMDC has made: nothing to apply, edited or failed${compares ? ', no drift' : ''}`, () =>
      withDatabase(async (database) => {
        await openOnce(database);
        const before = await records(database);
        assert.deepEqual(await diagnose(database), {
          history: null,
          failedMigrationNames: [],
          editedMigrationNames: [],
          hasMigrationsTable: true,
        });
        if (compares) assert.deepEqual(await drift(database), { tag: 'createMigration' });
        assert.deepEqual(await deploy(database), []);
        assert.deepEqual(await records(database), before);
      }));

    test('a database that the engine has made: EMDC starts and has nothing to apply', () =>
      withDatabase(async (database) => {
        assert.deepEqual(await deploy(database), names);
        const before = await records(database);
        await openOnce(database);
        assert.deepEqual(await records(database), before);
      }));

    test('begun by the engine, finished by EMDC: nothing to apply for either', () =>
      withDatabase(async (database) => {
        assert.deepEqual(await deploy(database, 1), names.slice(0, 1));
        await openOnce(database);
        assert.deepEqual(await deploy(database), []);
        await openOnce(database);
      }));

    test('the engine notices what EMDC does not have', () =>
      withDatabase(async (database) => {
        await openOnce(database);
        await database.run('CREATE TABLE stranger (id INTEGER PRIMARY KEY)');
        if (compares) assert.match((await drift(database)).reason ?? '', /stranger/);
        await database.run(`UPDATE _prisma_migrations SET checksum = 'other' WHERE migration_name = '${names[0]}'`);
        const { editedMigrationNames } = await diagnose(database);
        assert.deepEqual(editedMigrationNames, names.slice(0, 1));
      }));
  });
}
