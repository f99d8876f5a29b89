import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { silentLog } from '../../src/model/log.js';
import { openBulk } from '../../src/store/bulk.js';
import { Large, named, withLarge } from '../../src/store/large.js';
import { openConnection, sqliteAdapter } from '../../src/store/sqlite/driver.js';
import { meterInfo } from '../support/polls.js';
import { makeMysqlDatabase, makePostgresDatabase, skipMysql, skipPostgres } from './server-databases.js';
import { makeSqliteDatabase } from './sqlite-database.js';

test('a large parameter reaches the database under its name until its statement has ended, also one that fails', async () => {
  const connection = openConnection(':memory:', 0);
  connection.exec('CREATE TABLE t (a TEXT NOT NULL, b TEXT)');
  const adapter = await withLarge(sqliteAdapter(connection, () => {})).connect();
  const seen: string[] = [];
  const insert = (parameters: readonly unknown[]) =>
    named([['INSERT INTO t VALUES (?, ?)', ...parameters]], async ([statement]) => {
      const [sql, ...args] = statement as readonly [string, ...string[]];
      seen.push(...args);
      const argTypes = args.map(() => ({ scalarType: 'string', arity: 'scalar' }) as const);
      return await adapter.executeRaw({ sql, args, argTypes });
    });
  await insert([new Large('large'), 'small']);
  await insert([new Large(''), 'small']);
  const [name, , empty] = seen as [string, string, string];
  assert.notEqual(name, 'large');
  assert.notEqual(name, empty);
  await assert.rejects(insert([null, new Large('lost')]));
  // A name that has ended is a text like any other.
  await insert([name, seen.at(-1)]);
  assert.deepEqual(connection.prepare('SELECT a, b FROM t').raw().all([]), [
    ['large', 'small'],
    ['', 'small'],
    [name, seen.at(-1)],
  ]);
  connection.close();
});

async function withoutBulk() {
  const database = await makeMysqlDatabase();
  return { ...database, url: `${database.url}?bulk=false` };
}

/** Databases to write to in this thread, whose heap can be looked at. */
const DATABASES = [
  { name: 'SQLite', skip: false, make: makeSqliteDatabase },
  { name: 'PostgreSQL', skip: skipPostgres, make: makePostgresDatabase },
  { name: 'MariaDB', skip: skipMysql, make: makeMysqlDatabase },
  { name: 'MySQL, which has no bulk protocol', skip: skipMysql, make: withoutBulk },
] as const;

for (const { name, skip, make } of DATABASES) {
  test(`nothing that was written stays in memory: ${name}`, { skip }, async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const database = await make();
    const bulk = await openBulk({ url: database.url, log: silentLog });
    const ids = [...(await bulk.enter([meterInfo('large', 500)])).values()];
    let slot = Math.ceil(Date.now() / 10_000) * 10_000;
    const write = async (writes: number, topics: number) => {
      for (let i = 0; i < writes; i++) {
        slot += 10_000;
        const rows = ids
          .slice(0, topics)
          .flatMap((id) =>
            Array.from({ length: 10 }, (_, k) => ({ ...id, time: slot + k * 1000, value: Math.random() })),
          );
        await bulk.write(rows);
      }
      gc();
      gc();
      return process.memoryUsage().heapUsed;
    };
    // Each of the first has 200 kB of parameters; whatever keeps the newest hundred of something has none of them left
    // after the others.
    const kept = (await write(40, 500)) - (await write(101, 1));
    await bulk.close();
    await database.drop();
    assert.ok(kept < 2.5e6, `${kept} bytes`);
  });
}
