// Holds the catalogues of error codes and log messages equal to what the source says. That a message of the source is in
// the catalogue, at that level, is held by the compiler (model/log.ts).

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MAX_REQUESTS_PER_MINUTE } from '../../src/http/app.js';
import { MAX_CALLS } from '../../src/http/collect.js';
import { HEADER_TIMEOUT_MS, MAX_HEADER_BYTES } from '../../src/http/server.js';
import { errorCodes, httpProblems } from '../../src/model/codes.js';
import { messages } from '../../src/model/messages.js';
import { packageRoot } from '../../src/model/paths.js';

const catalogues = ['model/codes.ts', 'model/messages.ts'];
const source = readdirSync(`${packageRoot}src`, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('store/generated') && !catalogues.includes(file))
  .map((file) => readFileSync(join(packageRoot, 'src', file), 'utf8'))
  .join('\n');

/** The union of kinds or remedies behind a code that is put together, e.g. `modbus-${kind}`. */
const composed: Readonly<Record<string, readonly string[]>> = {
  'modbus-': ['timeout', 'unreachable', 'disconnected', 'bad-answer', 'exception', 'aborted', 'bad-request'],
  'store-': ['retry', 'spool', 'stop'],
};

const compare = (found: ReadonlySet<string>, documented: object) => ({
  undocumented: [...found].filter((name) => !Object.hasOwn(documented, name)),
  gone: Object.keys(documented).filter((name) => !found.has(name)),
});

test('every error code is in the catalogue, and every one of the catalogue in the source', () => {
  const codes = new Set<string>();
  for (const [, expression = ''] of source.matchAll(/\bcode:\s*([^,;\n}]*['`][^,;\n}]*)/g)) {
    for (const [, code = ''] of expression.matchAll(/'([a-z]+(?:-[a-z]+)*)'/g)) codes.add(code);
    const prefix = /`([a-z]+-)\$\{/.exec(expression)?.[1];
    for (const end of composed[prefix ?? ''] ?? []) codes.add(`${prefix}${end}`);
  }
  assert.deepEqual(compare(codes, { ...errorCodes, ...httpProblems }), { undocumented: [], gone: [] });
});

test('a code means one thing: it is either an error of the program or an HTTP problem', () => {
  assert.deepEqual(
    Object.keys(errorCodes).filter((code) => Object.hasOwn(httpProblems, code)),
    [],
  );
});

test('every message of the catalogue is in the source, word for word', () => {
  const unused = Object.keys(messages).filter((message) => {
    const [head = '', tail = ''] = message.split('…');
    if (!message.includes('…')) return !source.includes(`'${head}'`) && !source.includes(`"${head}"`);
    return !source.includes(`\`${head}\${`) || !source.includes(tail);
  });
  assert.deepEqual(unused, []);
});

test('the numbers in the meanings are those of the program', () => {
  const meaningOf = (code: keyof typeof httpProblems) => httpProblems[code].meaning;
  assert.ok(meaningOf('too-many-requests').includes(MAX_REQUESTS_PER_MINUTE.toLocaleString('en')));
  assert.ok(meaningOf('too-many-collects').startsWith(`${MAX_CALLS} calls`));
  assert.ok(meaningOf('request-too-slow').includes(`${HEADER_TIMEOUT_MS / 1000} s`));
  assert.ok(meaningOf('header-too-large').includes(`${MAX_HEADER_BYTES / 1024} KB`));
});
