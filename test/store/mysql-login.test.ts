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
    const { stdout } = await promisify(execFile)(process.execPath, [script, database.url]);
    assert.equal(stdout, 'refused, and lives on');
  } finally {
    await database.drop();
  }
});
