import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { boundConnections } from '../../src/http/connections.js';
import { systemClock } from '../../src/model/clock.js';
import { ask } from '../support/http.js';

const MAX = 8;

/** Answers /large with more than any kernel buffers, /never never, and everything else at once. */
async function open(t: TestContext) {
  const large = Buffer.alloc(64 * 1024 * 1024);
  const server = createServer((request, response) => {
    if (request.url === '/large') response.write(large);
    else if (request.url === '/never') response.writeHead(200).flushHeaders();
    else response.end('ok');
  });
  boundConnections(server, { max: MAX, clock: systemClock });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  /** Has its answer begun, and takes none of it. */
  const begin = async (path: string) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    t.after(() => socket.destroy());
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(socket, 'readable');
    return socket;
  };
  return { url: `http://127.0.0.1:${port}`, begin };
}

test('callers who ask for much and take nothing make room for honest ones', async (t) => {
  const { url, begin } = await open(t);
  for (let i = 0; i < MAX; i++) await begin('/large');
  for (let i = 0; i < 2 * MAX; i++) assert.equal((await ask(url)).text, 'ok');
});

test('callers who wait patiently for their answer are not sent away, whoever comes', async (t) => {
  const { url, begin } = await open(t);
  const patient = await Promise.all(Array.from({ length: MAX - 1 }, () => begin('/never')));
  for (let i = 0; i < 2 * MAX; i++) assert.equal((await ask(url)).text, 'ok');
  assert.ok(patient.every((socket) => !socket.closed));
  await begin('/never');
  await assert.rejects(ask(url), 'all places are taken by work under way');
});
