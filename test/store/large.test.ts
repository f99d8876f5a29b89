import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { silentLog } from '../../src/log.js';
import { openBulk } from '../../src/store/bulk.js';
import { Large, named, withLarge } from '../../src/store/large.js';
import { openConnection, sqliteAdapter } from '../../src/store/sqlite-driver.js';
import { meterInfo } from '../support/polls.js';
import { makePostgresDatabase, skipPostgres } from './server-databases.js';
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

/** Databases to write to in this thread, whose heap can be looked at. */
const DATABASES = [
  { name: 'SQLite', skip: false, make: makeSqliteDatabase },
  { name: 'PostgreSQL', skip: skipPostgres, make: makePostgresDatabase },
] as const;

for (const { name, skip, make } of DATABASES) {
  test(`nothing that was written stays in memory: ${name}`, { skip }, async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const database = await make();
    const bulk = await openBulk({ url: database.url, log: silentLog });
    const ids = [...(await bulk.enter([meterInfo('large', 500)])).values()];
    let slot = Date.UTC(2026, 3, 1);
    const write = async (writes: number) => {
      for (let i = 0; i < writes; i++) {
        slot += 10_000;
        const rows = ids.flatMap((id) =>
          Array.from({ length: 10 }, (_, k) => ({ ...id, time: slot + k * 1000, value: Math.random() })),
        );
        await bulk.write(rows);
      }
      gc();
      gc();
      return process.memoryUsage().heapUsed;
    };
    const before = await write(20);
    const grown = (await write(40)) - before;
    await bulk.close();
    await database.drop();
    // Each write has 200 kB of parameters.
    assert.ok(grown < 2e6, `${grown} bytes`);
  });
}
