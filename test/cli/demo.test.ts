import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { packageRoot } from '../../src/model/paths.js';

test('the demo prints three curl lines that work, and leaves a database behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'emdc-demo-'));
  const child = spawn(process.execPath, [`${packageRoot}dist/src/main.js`, 'demo', '--http.port', '0'], {
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let out = '';
    child.stdout.setEncoding('utf8');
    for await (const text of child.stdout.iterator({ destroyOnReturn: false })) {
      out += text;
      if (out.includes('Ctrl-C')) break;
    }
    const lines = [...out.matchAll(/^ {2}curl (-X POST )?'?(http:[^'\s]+)'?$/gm)];
    assert.equal(lines.length, 3, out);
    for (const [line, post, url = ''] of lines) {
      // The first slot may still be to come.
      const answer = await fetch(
        post ? url.replace('wait_time=1', 'wait_time=0') : `${url}${url.includes('?') ? '&max_age=60' : ''}`,
        {
          method: post ? 'POST' : 'GET',
        },
      );
      assert.equal(answer.status, 200, `${line}: ${await answer.text()}`);
    }
    child.stdout.resume();
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    assert.ok((await stat(join(folder, 'data', 'demo', 'emdc.db'))).size > 0);
  } finally {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  }
});
