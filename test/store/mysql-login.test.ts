import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeMysqlDatabase, skipMysql } from './server-databases.js';

test('a server that dies between log-in and the first statement does not end the process', {
  skip: skipMysql,
}, async () => {
  const database = await makeMysqlDatabase();
  try {
    const script = fileURLToPath(new URL('./broken-login.js', import.meta.url));
    // The first statement is the session's settings, or, where the server's own character set is another, the connector's.
    const ends = [database.url, `${database.url}?collation=UTF8MB4_UNICODE_NOPAD_CI`].map(async (url) => {
      const { stdout } = await promisify(execFile)(process.execPath, [script, url]);
      assert.equal(stdout, 'refused, and lives on');
    });
    await Promise.all(ends);
  } finally {
    await database.drop();
  }
});
