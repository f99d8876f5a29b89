// A migration that is killed half way on MySQL, where every DDL statement commits: the next start finishes it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as mariadb from 'mariadb';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import { readMigrations } from '../../src/store/migrate.js';
import { openStore } from '../../src/store/open.js';
import type { TestDatabase } from '../contract/database.js';
import { makeMysqlDatabase, skipMysql } from './server-databases.js';

const startOnce = fileURLToPath(new URL('./start-once.js', import.meta.url));

const OPEN = `SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL`;
const WAITING = `SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE 'Waiting for table%'`;

describe('a migration of MySQL or MariaDB that is killed', { skip: skipMysql }, () => {
  it('between two statements is finished by the next start', async () => {
    const [database, whole] = [await makeMysqlDatabase(), await makeMysqlDatabase()];
    try {
      await (await openStore({ url: whole.url, log: silentLog })).close();
      // A table in the midst of the migration, which it finds there and has to wait for.
      const [[, poll] = []] = await whole.rows('SHOW CREATE TABLE poll');
      await database.run(String(poll));
      const release = await holdTable(database, 'poll');
      const collector = spawn(process.execPath, [startOnce, database.url], { stdio: 'ignore' });
      const exited = once(collector, 'exit');
      const session = await Promise.race([waitingSession(database), exited.then(() => assert.fail('it did not wait'))]);
      collector.kill('SIGKILL');
      await exited;
      await database.run(`KILL ${session}`);
      await release();

      const tables = (await database.rows('SHOW TABLES')).flat().sort();
      assert.deepEqual(tables, ['_prisma_migrations', 'meter', 'poll', 'topic'], 'killed half way');
      assert.deepEqual(await database.rows(OPEN), [[1]]);

      await (await openStore({ url: database.url, log: silentLog })).close();
      assert.deepEqual(await schemaOf(database), await schemaOf(whole));
      assert.deepEqual(await database.rows(OPEN), [[0]]);
    } finally {
      await database.drop();
      await whole.drop();
    }
  });

  it('after any of its statements is finished by the next start', async () => {
    const migrations = readMigrations('mysql');
    const whole = await makeMysqlDatabase();
    try {
      await (await openStore({ url: whole.url, log: silentLog })).close();
      const records = String((await whole.rows('SHOW CREATE TABLE _prisma_migrations'))[0]?.[1]);
      const expected = await schemaOf(whole);
      const before: string[] = [records];
      for (const { name, checksum, sql } of migrations) {
        const record = (finished: string, steps: number) =>
          `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ('${name}', '${checksum}', '${name}', ${finished}, ${steps})`;
        const statements = sql.split(/;\n/).filter((text) => text.replaceAll(/^--.*$/gm, '').trim() !== '');
        for (let done = 0; done <= statements.length; done += statements.length > 10 ? 3 : 1) {
          const database = await makeMysqlDatabase();
          try {
            await database.run([...before, record('NULL', 0), ...statements.slice(0, done)].join(';\n'));
            await (await openStore({ url: database.url, log: silentLog })).close();
            assert.deepEqual(await schemaOf(database), expected, `${name}, after ${done} statements`);
            assert.deepEqual(await database.rows(OPEN), [[0]]);
          } finally {
            await database.drop();
          }
        }
        before.push(...statements, record('CURRENT_TIMESTAMP(3)', 1));
      }
    } finally {
      await whole.drop();
    }
  });
});

/** Nobody else can use the table; the function returned lets go. */
async function holdTable(database: TestDatabase, table: string): Promise<() => Promise<void>> {
  const { hostname, port, username, password, pathname } = new URL(database.url);
  const connection = await mariadb.createConnection({
    host: hostname,
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: pathname.slice(1),
  });
  await connection.query(`LOCK TABLES ${table} WRITE`);
  return () => connection.end();
}

async function waitingSession(database: TestDatabase): Promise<number> {
  for (;;) {
    const [row] = await database.rows(WAITING);
    if (row) return Number(row[0]);
    await systemClock.sleep(20);
  }
}

async function schemaOf(database: TestDatabase): Promise<unknown> {
  return [
    await database.rows(`SELECT table_name, column_name, column_type, is_nullable, column_key FROM information_schema.columns
      WHERE table_schema = DATABASE() ORDER BY 1, ordinal_position`),
    await database.rows('SELECT migration_name, checksum, applied_steps_count FROM _prisma_migrations ORDER BY 1'),
  ];
}
