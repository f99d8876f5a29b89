import assert from 'node:assert/strict';
import { test } from 'node:test';
import { version } from '../../src/paths.js';
import { emdc } from '../support/emdc.js';

test('--version says the version of package.json', async () => {
  assert.deepEqual(await emdc(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('--help lists every command with one line and ends with 0', async () => {
  const { code, stdout } = await emdc(['--help']);
  assert.equal(code, 0);
  assert.match(stdout, /^ {2}run /m);
});

test('an unknown command, an unknown option and no command at all are wrong usage: 2, and no stack trace', async () => {
  for (const args of [['colect'], ['run', '--nonsense'], []]) {
    const { code, stdout, stderr } = await emdc(args);
    assert.equal(code, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /emdc/);
    assert.doesNotMatch(stderr, /^\s+at /m);
  }
});
