import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands } from '../../src/cli/commands.js';
import { version } from '../../src/model/paths.js';
import { emdc } from '../support/emdc.js';

test('--version says the version of package.json', async () => {
  assert.deepEqual(await emdc(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('--help lists every command with its one line, and every command has a --help of its own; all end with 0', async () => {
  const { code, stdout } = await emdc(['--help']);
  assert.equal(code, 0);
  for (const { name, summary } of commands) {
    assert.ok(stdout.replaceAll(/\s+/g, ' ').includes(` ${name} ${summary}`), name);
    const own = await emdc([name, '--help']);
    assert.deepEqual([own.code, own.stderr], [0, ''], name);
    assert.match(own.stdout, new RegExp(`^Usage: emdc ${name} `));
  }
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
