import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errorCodes, logMessages } from '../../config/reference.js';
import { packageRoot } from '../../src/model/paths.js';

const source = readdirSync(`${packageRoot}src`, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('store/generated'))
  .map((file) => readFileSync(join(packageRoot, 'src', file), 'utf8'))
  .join('\n');

/** The union of kinds or remedies behind a code that is put together, e.g. `modbus-${kind}`. */
const composed: Readonly<Record<string, readonly string[]>> = {
  'modbus-': ['timeout', 'unreachable', 'disconnected', 'bad-answer', 'exception', 'aborted', 'bad-request'],
  'store-': ['retry', 'spool', 'stop'],
};

const compare = (found: ReadonlySet<string>, documented: Readonly<Record<string, string>>) => ({
  undocumented: [...found].filter((name) => !Object.hasOwn(documented, name)),
  gone: Object.keys(documented).filter((name) => !found.has(name)),
});

test('every error code has its meaning in config/reference.ts, and every meaning its code', () => {
  const codes = new Set<string>();
  for (const [, expression = ''] of source.matchAll(/\bcode:\s*([^,;\n}]*['`][^,;\n}]*)/g)) {
    for (const [, code = ''] of expression.matchAll(/'([a-z]+(?:-[a-z]+)*)'/g)) codes.add(code);
    const prefix = /`([a-z]+-)\$\{/.exec(expression)?.[1];
    for (const end of composed[prefix ?? ''] ?? []) codes.add(`${prefix}${end}`);
  }
  assert.deepEqual(compare(codes, errorCodes), { undocumented: [], gone: [] });
});

test('every message of the log has its meaning in config/reference.ts, and every meaning its message', () => {
  const messages = new Set<string>();
  const pattern = /\blog\??\.(?:error|warn|info)\(\s*(?:'([^'\n]+)'|`([^`\n]+)`)/g;
  for (const [, plain, template] of source.matchAll(pattern)) {
    messages.add(plain ?? (template ?? '').replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '…'));
  }
  assert.deepEqual(compare(messages, logMessages), { undocumented: [], gone: [] });
});
