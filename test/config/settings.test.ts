import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Config } from '../../src/config/config.js';
import {
  credentialKeys,
  credentialOf,
  envOf,
  type Key,
  type KeyName,
  keyNames,
  keys,
} from '../../src/config/schema.js';
import { ConfigFolder } from '../support/config.js';

let folder: ConfigFolder;
before(async () => {
  folder = await ConfigFolder.make();
  certificate('tls');
  certificate('other');
});
after(() => folder.remove());

const meters = 'meters: [{name: A, host: a, map: map.xlsx}]\n';

/** Of every key another value than its default, as written, and where it arrives. */
const samples: Readonly<
  Record<KeyName, readonly [written: string, read: (config: Config) => unknown, value: unknown]>
> = {
  schedule: ['1m', ({ meters: [meter] }) => meter?.schedule.intervalMs, 60_000],
  timezone: ['Europe/Berlin', ({ timezone }) => timezone, 'Europe/Berlin'],
  'modbus.timeout': ['2s', ({ meters: [meter] }) => meter?.timeoutMs, 2000],
  'modbus.retries': ['1', ({ meters: [meter] }) => meter?.retries, 1],
  'modbus.retryWait': ['2s', ({ meters: [meter] }) => meter?.retryWaitMs, 2000],
  'modbus.pause': ['50ms', ({ meters: [meter] }) => meter?.pauseMs, 50],
  'modbus.maxRegisters': ['60', ({ meters: [meter] }) => meter?.maxRegisters, 60],
  'modbus.maxGap': ['0', ({ meters: [meter] }) => meter?.maxGap, 0],
  'database.url': ['mariadb://u@db/emdc', ({ database }) => database.url, 'mysql://u@db/emdc'],
  'database.password': ['p w', ({ database }) => database.url, 'postgresql://u:p%20w@db/emdc'],
  'database.commitEvery': ['60s', ({ database }) => database.commitEveryMs, 60_000],
  'database.connections': ['4', ({ database }) => database.connections, 4],
  'database.spread': ['true', ({ database }) => database.spread, true],
  'spool.directory': ['/var/spool', ({ spool }) => spool.directory, '/var/spool'],
  'spool.maxBytes': ['2GB', ({ spool }) => spool.maxBytes, 2e9],
  'spool.maxAge': ['1d', ({ spool }) => spool.maxAgeMs, 86_400_000],
  'retention.readings': ['90d', ({ retention }) => retention.readingsMs, 90 * 86_400_000],
  'retention.rollups': ['1000d', ({ retention }) => retention.rollupsMs, 1000 * 86_400_000],
  'http.host': ['0.0.0.0', ({ http }) => http.host, '0.0.0.0'],
  'http.port': ['8081', ({ http }) => http.port, 8081],
  'http.allowedHosts': ['Gateway.local,10.0.0.1', ({ http }) => http.allowedHosts, ['gateway.local', '10.0.0.1']],
  'http.token': ['0012e3', ({ http }) => http.token, '0012e3'],
  'http.tlsCertificate': ['tls.pem', ({ http }) => http.tlsCertificate.endsWith('/tls.pem'), true],
  'http.tlsKey': ['tls.key', ({ http }) => http.tlsKey.endsWith('/tls.key'), true],
  'log.level': ['debug', ({ log }) => log.level, 'debug'],
  'log.format': ['json', ({ log }) => log.format, 'json'],
  'log.file': ['/var/log/emdc.log', ({ log }) => log.file, '/var/log/emdc.log'],
  'log.maxBytes': ['1MB', ({ log }) => log.maxBytes, 1e6],
  'log.maxFiles': ['2', ({ log }) => log.maxFiles, 2],
  highAvailability: ['true', ({ highAvailability }) => highAvailability, true],
};

/** What a key needs beside it. */
const beside: Partial<Record<KeyName, Partial<Record<KeyName, string>>>> = {
  'database.password': { 'database.url': 'postgres://u@db/emdc' },
  'database.spread': { 'database.url': 'postgres://u@db/emdc' },
  'http.tlsCertificate': { 'http.tlsKey': 'tls.key' },
  'http.tlsKey': { 'http.tlsCertificate': 'tls.pem' },
  highAvailability: { 'database.url': 'postgres://u@db/emdc' },
};

function certificate(name: string, days = 30): void {
  const file = (ending: string) => join(folder.path, `${name}.${ending}`);
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=emdc',
  ];
  execFileSync('openssl', [...args, '-days', String(days), '-keyout', file('key'), '-out', file('pem')], {
    stdio: 'ignore',
  });
}

test('every key comes from the file, from its variable and from its flag', async () => {
  for (const key of keyNames) {
    const [written, read, value] = samples[key];
    const all = { ...beside[key], [key]: written };
    const [section, name] = key.split('.') as [string, string?];
    const yamlOf = (text: string) =>
      /^[a-z/.][\w/.,: ]*$|^\d+$/i.test(text) && key !== 'http.token' ? text : JSON.stringify(text);
    const list = key === 'http.allowedHosts' ? `[${written}]` : yamlOf(written);
    const rest = Object.fromEntries(Object.entries(beside[key] ?? {}).map(([other, text]) => [envOf(other), text]));
    const yaml = `${meters}${name === undefined ? `${section}: ${list}` : `${section}: {${name}: ${list}}`}\n`;
    const byFile = await folder.load({ yaml, env: rest });
    const byVariable = await folder.load({
      yaml: meters,
      env: Object.fromEntries(Object.entries(all).map(([other, text]) => [envOf(other), text])),
    });
    const byFlag = await folder.load({ yaml: meters, flags: all });
    for (const { config } of [byFile, byVariable, byFlag]) assert.deepEqual(read(config), value, key);
  }
});

test('a value of the wrong kind is refused wherever it is written, and a secret one is not shown', async () => {
  const free: readonly KeyName[] = [
    'spool.directory',
    'log.file',
    'http.token',
    'database.password',
    'http.tlsCertificate',
    'http.tlsKey',
  ];
  for (const key of keyNames.filter((name) => !free.includes(name))) {
    const [problem] = await folder.problems({ yaml: meters, env: { [envOf(key)]: '!' } });
    assert.equal(problem?.place, envOf(key));
    assert.equal(problem?.value, (keys[key] as Key).sensitive ? '***' : '!', key);
  }
});

test('every secret may come from systemd as a credential named after its key; a variable beats it', async () => {
  const credentials = join(folder.path, 'credentials');
  await mkdir(credentials);
  assert.deepEqual(credentialKeys.map(credentialOf), [
    'database-url',
    'database-password',
    'http-token',
    'http-tls-certificate',
    'http-tls-key',
  ]);
  for (const key of keyNames.filter((name) => (keys[name] as Key).sensitive))
    assert.ok(credentialKeys.includes(key), key);
  const put = (name: string, text: string) => writeFile(join(credentials, name), text);
  await put('database-url', 'postgres://u@db/emdc\n');
  await put('database-password', 'secret\n');
  await put('http-token', 'token\n');
  execFileSync('cp', [join(folder.path, 'tls.pem'), join(credentials, 'http-tls-certificate')]);
  execFileSync('cp', [join(folder.path, 'tls.key'), join(credentials, 'http-tls-key')]);
  const env = { CREDENTIALS_DIRECTORY: credentials };
  const { config } = await folder.load({ yaml: `${meters}http: {token: file}`, env });
  assert.equal(config.database.url, 'postgresql://u:secret@db/emdc');
  assert.deepEqual(
    [config.http.token, config.http.tlsCertificate, config.http.tlsKey],
    ['token', join(credentials, 'http-tls-certificate'), join(credentials, 'http-tls-key')],
  );
  assert.equal(
    (await folder.load({ yaml: meters, env: { ...env, EMDC_HTTP_TOKEN: 'other' } })).config.http.token,
    'other',
  );
  assert.equal((await folder.load({ yaml: meters, env: { CREDENTIALS_DIRECTORY: '/none' } })).config.http.token, '');
});

test('a key that does not belong to the certificate, and files that are neither, are refused before anything starts', async () => {
  const tls = (certificate: string, key: string) => `${meters}http: {tlsCertificate: ${certificate}, tlsKey: ${key}}`;
  assert.deepEqual(await folder.lines({ yaml: tls('tls.pem', 'tls.key') }), []);
  assert.deepEqual(await folder.lines({ yaml: tls('tls.pem', 'other.key') }), [
    'site.yaml · http.tlsKey (line 2) · "other.key" · expected the key of http.tlsCertificate: this one belongs to another certificate',
  ]);
  const swapped = await folder.lines({ yaml: tls('tls.key', 'tls.pem') });
  assert.match(swapped[0] ?? '', /http\.tlsCertificate .* expected a certificate in PEM form/);
  assert.match(swapped[1] ?? '', /http\.tlsKey .* expected a private key in PEM form/);
  assert.match(
    (await folder.lines({ yaml: tls('none.pem', 'tls.key') }))[0] ?? '',
    /expected an existing file; looked in/,
  );
});

test('only SQLite gathers cycles, and only a server can be spread', async () => {
  const server = { EMDC_DATABASE_URL: 'postgres://u@db/emdc' };
  assert.deepEqual(await folder.lines({ yaml: `${meters}database: {commitEvery: 1m}`, env: server }), [
    'site.yaml · database.commitEvery (line 2) · "1m" · expected 0s: only SQLite gathers cycles',
  ]);
  assert.match((await folder.warnings({ yaml: `${meters}database: {spread: true}` }))[0] ?? '', /database\.spread/);
});

test('time zones are names of the IANA list: an offset has no summer time', async () => {
  for (const zone of ['+02:00', 'Berlin', 'UTC+1']) {
    assert.match(
      (await folder.lines({ yaml: `${meters}timezone: "${zone}"` }))[0] ?? '',
      /expected a time zone of the IANA list/,
      zone,
    );
  }
});

test('a value that is a mapping never reaches convict, whatever its keys are', async () => {
  for (const value of ['{constructor: {prototype: 1}}', '{__proto__: 1}', '{_cvtProperties: 1}', '{}']) {
    assert.match(
      (await folder.lines({ yaml: `${meters}http: {port: ${value}}` }))[0] ?? '',
      /http\.port .* "\{…\}"/,
      value,
    );
  }
});
