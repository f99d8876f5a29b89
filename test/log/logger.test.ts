import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { LogFile } from '../../src/log/log-file.js';
import { createLogger, type LoggerOptions } from '../../src/log/logger.js';
import { EmdcError } from '../../src/model/errors.js';
import type { UncheckedLog as Log } from '../../src/model/log.js';

const defaults = { level: 'info', format: 'auto', file: '', maxBytes: 1e6, maxFiles: 3 } as const;

async function written(
  options: Partial<LoggerOptions> & { readonly isTTY?: boolean },
  use: (log: Log) => void | Promise<void>,
) {
  const stream = Object.assign(new PassThrough(), { isTTY: options.isTTY === true });
  let out = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  const { log, close } = createLogger({ ...defaults, env: {}, stream, ...options });
  use(log);
  await close();
  await close();
  await new Promise((resolve) => stream.end(resolve));
  return out;
}

test('a machine gets one JSON object per line', async () => {
  const out = await written({}, (log) => log.warn('meter is offline', { meter: 'A', since: 5, level: 'x' }));
  const { time, ...rest } = JSON.parse(out);
  assert.deepEqual(rest, { level: 'warn', message: 'meter is offline', meter: 'A', since: 5 });
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
});

test('a person at a terminal gets text with colours, without them where NO_COLOR is set', async () => {
  const say = (log: Log) => log.info('started', { meters: 2, host: 'a b' });
  const coloured = (await written({ isTTY: true }, say)).replaceAll('\u001b', 'ESC');
  assert.match(coloured, /^ESC\[90m\d\d:\d\d:\d\d\.\d{3}ESC\[0m ESC\[32minfo ESC\[39m started meters=2 host="a b"\n$/);
  assert.match(
    await written({ isTTY: true, env: { NO_COLOR: '1' } }, say),
    /^\d{4}-\d\d-\d\dT[\d:.]+Z info {2}started meters=2 host="a b"\n$/,
  );
});

test('the journal gets priorities and no second time stamp, on every line of a message', async () => {
  const out = await written({ env: { JOURNAL_STREAM: '8:1' } }, (log) => {
    log.error('bad file\n  line 1');
    log.info('ok');
  });
  assert.equal(out, '<3>bad file\n<3>  line 1\n<6>ok\n');
});

test('what is less important than the level is not logged', async () => {
  const all = (log: Log) => {
    log.error('e');
    log.warn('w');
    log.info('i');
    log.debug('d');
  };
  const messages = (out: string) =>
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).message)
      .join('');
  assert.equal(messages(await written({ level: 'warn' }, all)), 'ew');
  assert.equal(messages(await written({ level: 'debug' }, all)), 'ewid');
});

test('no secret passes: passwords in URLs, tokens, fields named like secrets, and texts named as secrets', async () => {
  const url = 'postgresql://emdc:s3cr:t@p@db/emdc';
  for (const format of ['json', 'text'] as const) {
    const out = await written({ format, secrets: ['hunter22', 'a/b c', '1'] }, (log) => {
      log.info(`opening ${url}`, {
        url,
        token: 'tok1',
        deep: { password: 'pw1', list: [url, 'Authorization: Bearer abc.def'] },
      });
      log.error('failed', {
        error: new Error(`no ${url}`),
        coded: new EmdcError({ code: 'c', message: 'hunter22' }),
        path: '?token=abc',
      });
      log.error('value a%2Fb%20c and 1');
    });
    for (const secret of ['s3cr', 'tok1', 'pw1', 'abc', 'hunter22', 'a%2Fb'])
      assert.ok(!out.includes(secret), `${secret} in ${out}`);
    assert.ok(out.includes('postgresql://emdc:***@db/emdc'));
    assert.ok(out.includes('and 1'));
  }
});

test('values that JSON cannot say, and circles, are logged all the same', async () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const out = await written({}, (log) => log.info('x', { big: 5n, circle, map: new Map([['a', 1]]), none: undefined }));
  assert.equal(JSON.parse(out).big, '5');
  assert.deepEqual(JSON.parse(out).map, { a: 1 });
});

test('a log file is rotated at its size, only so many are kept, and the newest line is in the first', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'emdc-log-'));
  try {
    const file = join(folder, 'logs', 'emdc.log');
    for (let round = 0; round < 3; round++) {
      await written({ file, maxBytes: 2000, maxFiles: 3 }, (log) => {
        for (let line = 0; line < 60; line++) log.info('x'.repeat(50), { line });
      });
    }
    assert.deepEqual((await readdir(join(folder, 'logs'))).sort(), ['emdc.log', 'emdc.log.1', 'emdc.log.2']);
    for (const name of ['emdc.log.1', 'emdc.log.2']) {
      const { size } = await stat(join(folder, 'logs', name));
      assert.ok(size > 1900 && size <= 2000, String(size));
    }
    assert.match(await readFile(file, 'utf8'), / info {2}x{50} line=59\n$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a log file on a full disk stops nobody: the other lines still come', async () => {
  const out = await written({ file: '/dev/full' }, (log) => {
    for (let line = 0; line < 1000; line++) log.info('x', { line });
  });
  assert.equal(out.trim().split('\n').length, 1000);
});

test('a log file that was away says how many lines it missed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'emdc-log-'));
  try {
    await writeFile(join(folder, 'logs'), 'a file where the folder should be');
    const file = new LogFile(join(folder, 'logs', 'emdc.log'), { maxBytes: 1000, maxFiles: 1 });
    assert.equal(file.write('one'), false);
    assert.equal(file.write('two'), false);
    await rm(join(folder, 'logs'));
    assert.equal(file.write('three'), true);
    assert.equal(
      await readFile(join(folder, 'logs', 'emdc.log'), 'utf8'),
      '(2 lines could not be written here)\nthree\n',
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('thirty meters that come online are one line, and a gateway that goes away is one with its meters', async () => {
  const out = await written({ format: 'text' }, (log) => {
    for (let unit = 1; unit <= 30; unit++) {
      log.info('meter online', { meter: `m${unit}`, host: '10.0.0.5', port: 502, unit });
    }
    for (const [host, meter] of [
      ['10.0.0.5', 'm1'],
      ['10.0.0.5', 'm2'],
      ['10.0.0.6', 'other'],
    ]) {
      log.warn('meter offline', { meter, host, port: 502, why: 'no connection' });
    }
    log.info('EMDC stops');
  });
  const lines = out
    .trim()
    .split('\n')
    .map((line) => line.replace(/^\S+ /, ''));
  const names = Array.from({ length: 10 }, (_, i) => `m${i + 1}`).join(', ');
  assert.deepEqual(lines, [
    'info  EMDC stops',
    `info  meter online host=10.0.0.5 port=502 count=30 meters="${names}, and 20 more"`,
    'warn  meter offline host=10.0.0.5 port=502 why="no connection" count=2 meters="m1, m2"',
    'warn  meter offline meter=other host=10.0.0.6 port=502 why="no connection"',
  ]);
});

test('a line about one meter comes a second later, without the log being closed', async () => {
  const stream = new PassThrough();
  const { log, close } = createLogger({ ...defaults, format: 'text', env: {}, stream });
  log.info('meter online', { meter: 'm1' });
  const kept = setTimeout(() => {}, 10_000);
  const [line] = await once(stream, 'data');
  clearTimeout(kept);
  assert.match(String(line), /meter online meter=m1\n$/);
  await close();
});
