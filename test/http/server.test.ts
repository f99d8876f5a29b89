import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { MAX_REQUESTS_PER_MINUTE } from '../../src/http/app.js';
import { HEADER_TIMEOUT_MS, MAX_CONNECTIONS, startHttpServer } from '../../src/http/server.js';
import { systemClock } from '../../src/model/clock.js';
import { EmdcError } from '../../src/model/errors.js';
import { silentLog } from '../../src/model/log.js';
import type { MeterInfo } from '../../src/model/meter.js';
import { ask, openServer, sendRaw } from '../support/http.js';
import { RecordingLog } from '../support/recording-log.js';
import { meterInfo, metricInfo, ServiceInHand } from '../support/service.js';

const makeService = () => new ServiceInHand([meterInfo('site/a', [metricInfo('V')])], () => Date.now());

test('anything but the three endpoints is a problem document that names them', async (t) => {
  const { url } = await openServer(t, { service: makeService() });
  for (const path of ['/', '/metrics', '/ping/x', '/%00', '/..%2f..%2fetc/passwd', '/%', '/favicon.ico']) {
    const answer = await ask(url + path);
    assert.equal(answer.status, 404, path);
    assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8');
    assert.equal(answer.json()['status'], 404);
    assert.match(String(answer.json()['hint']), /GET \/metric/);
  }
});

test('a method that is not offered is 405 and told what is', async (t) => {
  const { url } = await openServer(t, { service: makeService() });
  for (const [method, path, allow] of [
    ['POST', '/ping', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/metric', 'GET, HEAD, OPTIONS'],
    ['GET', '/collect', 'POST, OPTIONS'],
    ['TRACE', '/collect', 'POST, OPTIONS'],
  ] as const) {
    const answer = await ask(url + path, { method });
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.headers.allow, allow);
    assert.equal((await ask(url + path, { method: 'OPTIONS' })).headers.allow, allow);
  }
});

test('HEAD answers like GET, without the text', async (t) => {
  const { url } = await openServer(t, { service: makeService() });
  for (const path of ['/ping', '/metric']) {
    const answer = await ask(url + path, { method: 'HEAD' });
    assert.equal(answer.status, 200);
    assert.equal(answer.text, '');
  }
});

test('every answer carries strict headers and none says what serves it', async (t) => {
  const { url } = await openServer(t, { service: makeService() });
  for (const path of ['/ping', '/metric', '/nothing']) {
    const { headers } = await ask(url + path);
    assert.match(String(headers['content-security-policy']), /^default-src 'none';script-src 'sha256-/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-powered-by'], undefined);
    assert.equal(headers['strict-transport-security'], undefined);
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
});

test('a body is refused before it is sent, where the caller waits to be asked', async (t) => {
  const { port } = await openServer(t, { service: makeService() });
  const answer = await sendRaw(
    port,
    'POST /collect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 413 /);
});

test('a body of a hundred megabytes is answered 413 and leaves no trace in memory', async (t) => {
  const { url } = await openServer(t, { service: makeService() });
  const body = Buffer.alloc(100 * 1024 * 1024);
  const before = process.memoryUsage().rss;
  const answer = await ask(`${url}/collect`, { method: 'POST', body });
  assert.equal(answer.status, 413);
  assert.equal(answer.json()['code'], 'body-refused');
  assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
});

test('a header too large, and what is not HTTP, are answered and cut off', async (t) => {
  const { port } = await openServer(t, { service: makeService() });
  assert.match(
    await sendRaw(port, `GET /ping HTTP/1.1\r\nHost: localhost\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
  assert.match(await sendRaw(port, 'hello\r\n\r\n'), /^HTTP\/1\.1 400 .*"code":"not-http"/s);
  assert.match(await sendRaw(port, Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0])), /^HTTP\/1\.1 400 /);
  assert.match(await sendRaw(port, 'GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 400 /, 'no Host');
});

test('connections that never finish their request are answered and closed in time, and make room', async (t) => {
  const { url, port } = await openServer(t, { service: makeService() });
  const texts: Promise<string>[] = [];
  for (let i = 0; i < MAX_CONNECTIONS; i++) texts.push(sendRaw(port, 'GET /ping HTTP/1.1\r\nHost: localhost\r\nX: '));
  const start = performance.now();
  const first = await Promise.race(texts);
  assert.match(first, /^HTTP\/1\.1 408 .*"code":"request-too-slow"/s);
  assert.ok(performance.now() - start < 2 * HEADER_TIMEOUT_MS);
  await Promise.all(texts);
  assert.equal((await ask(`${url}/ping`)).status, 200);
});

test('connections kept alive make room for new ones', async (t) => {
  const { port } = await openServer(t, { service: makeService() });
  const request = 'GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const sockets = Array.from({ length: MAX_CONNECTIONS }, () => connect(port, '127.0.0.1'));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const socket of sockets) socket.on('error', () => {}).write(request);
  await Promise.all(sockets.map((socket) => once(socket, 'readable')));
  const refused = connect(port, '127.0.0.1').on('error', () => {});
  await once(refused, 'close');
  assert.match(await sendRaw(port, request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')), /200 OK/);
});

test('one remote address is limited in its rate, loopback is not', async (t) => {
  const service = makeService();
  const local = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address;
  if (!local) return t.skip('this machine has no address but loopback');
  const { port } = await openServer(t, { service, http: { host: '0.0.0.0' } });
  const statuses = new Map<number, number>();
  for (let i = 0; i < MAX_REQUESTS_PER_MINUTE + 10; i++) {
    const { status } = await ask(`http://${local}:${port}/ping`);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  assert.deepEqual(
    [...statuses],
    [
      [200, MAX_REQUESTS_PER_MINUTE],
      [429, 10],
    ],
  );
  for (let i = 0; i < 20; i++) assert.equal((await ask(`http://127.0.0.1:${port}/ping`)).status, 200);
});

test('a fault while an answer is being made is logged with its stack, and the caller never takes it for whole', async (t) => {
  const service = makeService();
  service.poll(service.meters[0] as MeterInfo, Date.now(), [230]);
  const log = new RecordingLog();
  const { url } = await openServer(t, { service, log });
  service.latest.recent = () => {
    throw new Error('a fault on purpose');
  };
  const answer = await ask(`${url}/metric`, { headers: { accept: 'text/html' } }).catch((error: Error) => error);
  assert.ok(answer instanceof Error || answer.status === 500);
  const [line] = log.lines.filter(({ level }) => level === 'error');
  assert.match(String(line?.fields['stack']), /a fault on purpose/);
});

test('callers who hang up in the middle of an answer are no fault', async (t) => {
  const service = new ServiceInHand(
    Array.from({ length: 400 }, (_, i) => meterInfo(`site/${i}`, [metricInfo('V')])),
    () => Date.now(),
  );
  const log = new RecordingLog();
  const { url, port } = await openServer(t, { service, log });
  for (let i = 0; i < 5; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write('GET /metric HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n');
    await once(socket, 'readable');
    socket.resetAndDestroy();
  }
  assert.equal((await ask(`${url}/ping`)).status, 200);
  assert.deepEqual(
    log.lines.filter(({ level }) => level === 'error'),
    [],
  );
});

test('binding elsewhere than loopback without a token is warned of', async (t) => {
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
  await openServer(t, { service: makeService(), log });
  await openServer(t, { service: makeService(), log, http: { host: '0.0.0.0', token: 'x' } });
  assert.deepEqual(warnings, []);
  await openServer(t, { service: makeService(), log, http: { host: '0.0.0.0' } });
  assert.match(warnings.join(), /http\.token/);
});

test('a port that is taken is an error that says so', async (t) => {
  const { port } = await openServer(t, { service: makeService() });
  const http = { host: '127.0.0.1', port, allowedHosts: [], token: '', tlsCertificate: '', tlsKey: '' };
  await assert.rejects(
    startHttpServer({ service: makeService(), http, log: silentLog, clock: systemClock }),
    (error) => error instanceof EmdcError && error.code === 'http-port-taken' && error.message.includes(String(port)),
  );
});

test('with a certificate it speaks HTTPS, and a missing one stops the start', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = { tlsCertificate: join(folder, 'cert.pem'), tlsKey: join(folder, 'key.pem') };
  await assert.rejects(
    openServer(t, { service: makeService(), http: files }),
    (error) => error instanceof EmdcError && error.code === 'http-certificate',
  );
  if (!makeCertificate(files, 'localhost')) return t.skip('no openssl to make a certificate with');
  const { url, port } = await openServer(t, { service: makeService(), http: files });
  assert.match(url, /^https:/);
  const request = httpsRequest(`${url}/ping`, { rejectUnauthorized: false, agent: false }).end();
  const [response] = await once(request, 'response');
  assert.equal(response.statusCode, 200);
  assert.match(response.headers['strict-transport-security'], /max-age/);
  response.resume();
  await once(response, 'end');
  assert.doesNotMatch(await sendRaw(port, 'GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n'), /200 OK/);
});

test('a certificate that was renewed is taken over while it runs; one without its key is not, and stops a start', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = { tlsCertificate: join(folder, 'cert.pem'), tlsKey: join(folder, 'key.pem') };
  if (!makeCertificate(files, 'first')) return t.skip('no openssl to make a certificate with');
  const log = new RecordingLog();
  const server = await openServer(t, { service: makeService(), http: files, log });
  const shown = async () => {
    const socket = tlsConnect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  };
  await server.renew();
  assert.deepEqual([await shown(), log.lines.filter(({ message }) => message.startsWith('HTTPS'))], ['first', []]);
  makeCertificate(files, 'second');
  assert.equal(await shown(), 'first');
  await server.renew();
  assert.equal(await shown(), 'second');
  assert.equal(log.count('HTTPS certificate taken over'), 1);

  makeCertificate({ ...files, tlsKey: join(folder, 'other.pem') }, 'third');
  await server.renew();
  assert.equal(await shown(), 'second');
  assert.equal(log.count('HTTPS certificate was not taken over, the old one stays in use'), 1);
  await assert.rejects(
    openServer(t, { service: makeService(), http: files }),
    (error) => error instanceof EmdcError && error.code === 'http-certificate',
  );
});

/** False: there is no openssl to make one with. */
function makeCertificate(
  { tlsCertificate, tlsKey }: { tlsCertificate: string; tlsKey: string },
  name: string,
): boolean {
  const how = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -days 2`;
  try {
    execFileSync('openssl', [...how.split(' '), '-keyout', tlsKey, '-out', tlsCertificate], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
