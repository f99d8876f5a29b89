// Raw HTTP for tests: exactly the bytes a test wants to send, and what came back.

import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import type { Config } from '../../src/config/config.js';
import { type HttpServer, startHttpServer } from '../../src/http/server.js';
import type { Service } from '../../src/http/service.js';
import { systemClock } from '../../src/model/clock.js';
import { type Log, silentLog } from '../../src/model/log.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  json(): Record<string, unknown>;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
}

/** Each call on a connection of its own. Unlike fetch: any method, any header, no redirects, no pool that stays open. */
export const ask = (url: string, { method = 'GET', headers = {}, body, signal }: Ask = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false, ...(signal ? { signal } : {}) }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: () => JSON.parse(text) as Record<string, unknown>,
        });
      });
    });
    request.on('error', reject);
    request.end(body);
  });

/** Sends bytes, resolves to all that comes back until the server closes. */
export const sendRaw = (port: number, bytes: string | Buffer): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (part) => {
      text += part.toString();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });

export interface Opened {
  readonly service: Service;
  readonly http?: Partial<Config['http']>;
  readonly log?: Log;
}

/** On a free port of loopback; closed when the test ends. */
export async function openServer(test: TestContext, { service, http, log = silentLog }: Opened): Promise<HttpServer> {
  const server = await startHttpServer({
    service,
    http: { host: '127.0.0.1', port: 0, allowedHosts: [], token: '', tlsCertificate: '', tlsKey: '', ...http },
    log,
    clock: systemClock,
  });
  test.after(() => server.close());
  return server;
}
