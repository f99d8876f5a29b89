// What a cycle may cost, in counts that are the same on every machine: requests, database statements, bytes written, memory
// kept. The speeds themselves are `npm run bench`'s.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { silentLog } from '../../src/model/log.js';
import type { Poll } from '../../src/model/poll.js';
import { PrismaBackend } from '../../src/store/backend.js';
import type { Db } from '../../src/store/db.js';
import { StoreFront } from '../../src/store/front.js';
import { PrismaClient } from '../../src/store/generated/sqlite/client.js';
import { migrate } from '../../src/store/migrate.js';
import { mysqlSql } from '../../src/store/mysql/statements.js';
import { openStore } from '../../src/store/open.js';
import { postgresqlSql } from '../../src/store/postgresql/statements.js';
import type { Rows, Sql } from '../../src/store/sql.js';
import { openConnection, type SqliteConnection, sqliteAdapter } from '../../src/store/sqlite/driver.js';
import { migrationSession } from '../../src/store/sqlite/open.js';
import { sqliteSql } from '../../src/store/sqlite/statements.js';
import { meterInfo, temporaryFolder } from '../support/polls.js';
import type { Retained } from './retained-process.js';

// Now: what lies in an hour before the database was made is late.
const SLOT = Math.ceil(Date.now() / 1000) * 1000;

const pollsOf = (meters: readonly Poll['meter'][], slot: number): Poll[] =>
  meters.map((meter, index) => ({
    meter,
    slot,
    readAt: slot + 2,
    durationMs: 5,
    requests: 2,
    values: Float64Array.from({ length: meter.metrics.length }, (_, i) => Math.fround(230 + index + i / 7)),
    missing: new Map(),
    error: null,
  }));

const metersOf = (count: number) => Array.from({ length: count }, (_, i) => meterInfo(`guard/meter_${i}`, 21));

/** The connection, and how many statements it has been given so far. */
function counted(connection: SqliteConnection): { connection: SqliteConnection; statements: () => number } {
  let statements = 0;
  return {
    statements: () => statements,
    connection: {
      close: () => connection.close(),
      exec: (sql) => {
        statements++;
        connection.exec(sql);
      },
      prepare: (sql) => {
        const statement = connection.prepare(sql);
        const { run, all } = statement;
        statement.run = (parameters) => {
          statements++;
          return run.call(statement, parameters);
        };
        statement.all = (parameters) => {
          statements++;
          return all.call(statement, parameters);
        };
        return statement;
      },
    },
  };
}

async function statementsPerWrite(t: TestContext, meterCount: number): Promise<number> {
  const plain = openConnection(join(await temporaryFolder(t), 'guard.db'), 1000);
  await migrate(migrationSession(plain), { log: silentLog });
  const { connection, statements } = counted(plain);
  const db = new PrismaClient({ adapter: sqliteAdapter(connection, () => {}) });
  const store = new StoreFront('sqlite', new PrismaBackend({ db, sql: sqliteSql, upkeep: async () => false }));
  const meters = metersOf(meterCount);
  await store.write({ polls: pollsOf(meters, SLOT), gaps: [] });
  const before = statements();
  for (let i = 1; i <= 5; i++) await store.write({ polls: pollsOf(meters, SLOT + i * 1000), gaps: [] });
  const perWrite = (statements() - before) / 5;
  await store.close();
  return perWrite;
}

test('a cycle is one transaction of three statements, and one more for every 1,000 polls and readings', async (t) => {
  // BEGIN, is any of it late, polls and readings (1,000, 100, 20, 5 or 1 row each), COMMIT.
  assert.equal(await statementsPerWrite(t, 1), 3 + 1 + 2);
  assert.equal(await statementsPerWrite(t, 200), 3 + 2 + 4 + 2);
});

test('a cycle is one statement on PostgreSQL and three on MySQL, and four where readings are missing', async () => {
  const readings = {
    topicIds: Int32Array.of(1, 2),
    slots: Float64Array.of(SLOT, SLOT),
    values: Float64Array.of(1, 2),
  };
  const polls = { slots: Float64Array.of(SLOT), numbers: Float64Array.of(1, SLOT + 2, 5, 2, 2, 2), errors: new Map() };
  const rows = { polls, gaps: null, buckets: () => '[{}]', readings };
  const statements = async ({ write }: Sql, rows: Rows) => {
    let count = 0;
    const $executeRawUnsafe = async () => ++count;
    await write({ $executeRawUnsafe, $transaction: async () => [] } as unknown as Db, rows);
    return count;
  };
  assert.equal(await statements(postgresqlSql(), rows), 1);
  assert.equal(await statements(mysqlSql, rows), 3);
  assert.equal(await statements(postgresqlSql(), { ...rows, gaps: '[{}]' }), 1);
  assert.equal(await statements(mysqlSql, { ...rows, gaps: '[{}]' }), 4);
});

test('a committed cycle writes at most 100 bytes per reading to the log at 2,100 topics', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await openStore({ url: `file:${folder}/guard.db`, meters: 100, log: silentLog });
  const meters = metersOf(100);
  const cycles = 12;
  const logBytes = () => statSync(`${folder}/guard.db-wal`).size;
  await store.write({ polls: pollsOf(meters, SLOT), gaps: [] });
  const before = logBytes();
  for (let i = 1; i <= cycles; i++) await store.write({ polls: pollsOf(meters, SLOT + i * 10_000), gaps: [] });
  const perReading = (logBytes() - before) / (cycles * meters.length * 21);
  await store.close();
  assert.ok(perReading > 8, `${perReading} bytes: the log was started anew meanwhile`);
  assert.ok(perReading <= 100, `${perReading} bytes per reading`);
});

test('nothing of a cycle stays in memory', async () => {
  const path = fileURLToPath(new URL('./retained-process.js', import.meta.url));
  const child = fork(path, [], { execArgv: ['--expose-gc'] });
  const [retained] = (await once(child, 'message')) as [Retained];
  // One poll kept per meter and cycle would be more than 400 bytes.
  const perPoll = retained.bytes / (retained.cycles * retained.meters);
  assert.ok(perPoll < 100, `${perPoll} bytes kept per poll`);
  // At one write a second, 10 bytes are 300 MB a year.
  const perWrite = retained.bytesOfWrites / retained.writes;
  assert.ok(perWrite < 10, `${perWrite} bytes kept per write`);
});
