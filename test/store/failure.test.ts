import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import process from 'node:process';
import { describe, it } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { EmdcError } from '../../src/model/errors.js';
import { silentLog } from '../../src/model/log.js';
import { toStoreFailure } from '../../src/store/failure.js';
import { openStore, redactUrl } from '../../src/store/open.js';
import { openConnection } from '../../src/store/sqlite/driver.js';
import { StoreFailure } from '../../src/store/store.js';
import { noon, sampleMeter, samplePoll } from './sample.js';
import { makeMysqlDatabase, makePostgresDatabase, skipMysql, skipPostgres } from './server-databases.js';
import { makeSqliteDatabase } from './sqlite-database.js';

const opening = async (url: string): Promise<EmdcError> => {
  try {
    await (await openStore({ url, log: silentLog })).close();
  } catch (error) {
    assert.ok(error instanceof EmdcError, String(error));
    return error;
  }
  throw new Error('it opened');
};

describe('opening a store', () => {
  it('says what is wrong with a URL, and never its password', async () => {
    for (const url of [
      '',
      'emdc.db',
      'oracle://u:secret@h/d',
      'postgresql://u:secret@h',
      'mysql://u:sec/ret@h',
      'file:',
    ]) {
      const error = await opening(url);
      assert.equal(error.code, 'database-url', url);
      assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause ?? ''}`, /sec\/?ret/);
    }
    assert.equal(redactUrl('mysql://u:a@b:c@host/d?x=1&password=p'), 'mysql://u:***@host/d?x=1&password=***');
  });

  it('a server that is away is worth waiting for', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    server.close();
    for (const scheme of ['postgresql', 'mysql']) {
      const error = await opening(`${scheme}://u:secret@127.0.0.1:${port}/d`);
      assert.equal(error.remedy, 'spool');
      assert.match(error.message, /ECONNREFUSED/);
      assert.doesNotMatch(error.message, /secret/);
    }
  });

  it('a file that is no database is said to be damaged, and left alone', async () => {
    const database = makeSqliteDatabase();
    writeFileSync(database.path, 'This is not a database, but long enough to be taken for the head of one.'.repeat(20));
    const error = await opening(database.url);
    assert.equal(error.remedy, 'spool');
    assert.match(error.message, /not a database/);
    assert.match(error.message, new RegExp(database.path));
    await database.drop();
  });

  it('a folder that cannot be written to is named', {
    skip: process.getuid?.() === 0 && 'root may write anywhere',
  }, async () => {
    const database = makeSqliteDatabase();
    mkdirSync(`${dirname(database.path)}/closed`);
    chmodSync(`${dirname(database.path)}/closed`, 0o500);
    const error = await opening(`file:${dirname(database.path)}/closed/emdc.db`);
    assert.equal(error.remedy, 'spool');
    await database.drop();
  });

  it('a wrong password is told with what to check', { skip: skipPostgres || skipMysql }, async () => {
    const database = await makeMysqlDatabase();
    const url = new URL(database.url);
    url.username = 'nobody_there';
    url.password = 'secret';
    const error = await opening(url.href);
    assert.equal(error.remedy, 'spool');
    assert.doesNotMatch(error.message, /secret/);
    await database.drop();
  });
});

describe('writing', () => {
  it('waits for a lock, and then asks to try again', async () => {
    const database = makeSqliteDatabase();
    const store = await openStore({ url: database.url, log: silentLog });
    const other = openConnection(database.path, 100);
    try {
      other.exec('BEGIN IMMEDIATE');
      const poll = samplePoll(sampleMeter('Locked'), noon, [1, 2]);
      const failed = store.write({ polls: [poll], gaps: [] }).catch((error: unknown) => error);
      const error = await failed;
      assert.ok(error instanceof StoreFailure);
      assert.equal(error.remedy, 'retry');
      other.exec('ROLLBACK');
      await store.write({ polls: [poll], gaps: [] });
      assert.equal((await database.rows('SELECT * FROM reading')).length, 2);
    } finally {
      other.close();
      await store.close();
      await database.drop();
    }
  });

  it('to a PostgreSQL that broke off fails with spool, and goes on when it is back', {
    skip: skipPostgres,
  }, async () => {
    const database = await makePostgresDatabase();
    const store = await openStore({ url: database.url, log: silentLog });
    try {
      const poll = (slot: number) => ({ polls: [samplePoll(sampleMeter('Cut'), slot, [1, 2])], gaps: [] });
      await store.write(poll(noon));
      await database.run('ALTER TABLE poll RENAME TO poll_away');
      await assert.rejects(store.write(poll(noon + 1000)), (e) => e instanceof StoreFailure && e.remedy === 'spool');
      await database.run('ALTER TABLE poll_away RENAME TO poll');
      await database
        .run('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()')
        .catch(() => {});
      // The pool may hand out a connection that it has not yet seen break.
      await store.write(poll(noon + 1000)).catch((e) => assert.equal((e as StoreFailure).remedy, 'spool'));
      await store.write(poll(noon + 1000));
      assert.deepEqual(await database.rows('SELECT count(*) FROM reading'), [[4]]);
    } finally {
      await store.close();
      await database.drop();
    }
  });

  it('what the database will never take is said to be so', { skip: skipMysql }, async () => {
    const database = await makeMysqlDatabase();
    const store = await openStore({ url: database.url, log: silentLog });
    try {
      const poll = samplePoll(sampleMeter('x'.repeat(300)), noon, [1, 2]);
      await assert.rejects(
        store.write({ polls: [poll], gaps: [] }),
        (e) => e instanceof StoreFailure && e.remedy === 'stop',
      );
      await store.write({ polls: [samplePoll(sampleMeter('short'), noon, [1, 2])], gaps: [] });
    } finally {
      await store.close();
      await database.drop();
    }
  });

  it('survives the death of the thread that the database works in', async () => {
    const database = makeSqliteDatabase();
    let thread: Worker | null = null;
    process.once('worker', (worker) => {
      thread = worker;
    });
    const store = await openStore({ url: database.url, log: silentLog });
    try {
      const poll = (slot: number) => ({ polls: [samplePoll(sampleMeter('Thread'), slot, [1, 2])], gaps: [] });
      await store.write(poll(noon));
      const interrupted = store.write(poll(noon + 1000)).catch((error: unknown) => error);
      await (thread as Worker | null)?.terminate();
      const error = await interrupted;
      if (error !== undefined) assert.ok(error instanceof StoreFailure && error.remedy === 'spool');
      await store.write(poll(noon + 1000));
      await store.write(poll(noon + 2000));
      assert.equal((await database.rows('SELECT * FROM reading')).length, 6);
    } finally {
      await store.close();
      await database.drop();
    }
  });
});

describe('the judgement of errors', () => {
  const of = (dialect: 'sqlite' | 'postgresql' | 'mysql', originalCode: string) =>
    toStoreFailure({ kind: 'x', originalCode, originalMessage: 'm' }, dialect, 'db').remedy;

  it('retries lost races, stops at bad data, and spools everything else', () => {
    for (const code of ['SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_LOCKED'])
      assert.equal(of('sqlite', code), 'retry');
    for (const code of ['40001', '40P01', '55P03', '23514']) assert.equal(of('postgresql', code), 'retry');
    for (const code of ['1205', '1213']) assert.equal(of('mysql', code), 'retry');
    for (const code of ['22003', '23505', '22P02']) assert.equal(of('postgresql', code), 'stop');
    for (const code of ['1406', '1264']) assert.equal(of('mysql', code), 'stop');
    assert.equal(of('sqlite', 'SQLITE_CONSTRAINT_NOTNULL'), 'stop');
    for (const code of ['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_CORRUPT', 'SQLITE_ERROR', ''])
      assert.equal(of('sqlite', code), 'spool');
    for (const code of ['53100', '57P01', '08006', '42P01', '28P01', 'ECONNRESET', ''])
      assert.equal(of('postgresql', code), 'spool');
    for (const code of ['1045', '1049', '45012', '1114', '']) assert.equal(of('mysql', code), 'spool');
  });
});
