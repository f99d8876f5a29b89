// The HTTP server around the application: opening it, its bounds on header, time and connections, and closing it. A
// caller who sends slowly, too much or nothing costs himself his connection and nobody else theirs.

import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createSecureServer, Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Config } from '../config/config.js';
import type { Clock } from '../model/clock.js';
import { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { createApp } from './app.js';
import { readCertificate, renewCertificate } from './certificate.js';
import { boundConnections } from './connections.js';
import { HangUp } from './hang-up.js';
import { isLoopback } from './loopback.js';
import { HttpProblem, problemDocument } from './problem.js';
import type { Service } from './service.js';

export const MAX_CONNECTIONS = 256;
export const MAX_HEADER_BYTES = 16 * 1024;
/** For the header of a request; the whole request has twice that. */
export const HEADER_TIMEOUT_MS = 10_000;
/** Without a byte either way; work that takes longer says so (hang-up.ts). */
const SILENCE_TIMEOUT_MS = 60_000;
/** For answers under way when the server closes. */
const CLOSE_GRACE_MS = 3_000;

export interface HttpServer {
  readonly port: number;
  /** With the port that was found free where the configured one is 0. */
  readonly url: string;
  /** Reads certificate and key again; faulty ones change nothing. Never rejects. */
  renew(): Promise<void>;
  /** Takes no more requests, lets those under way end for a moment, tells waiting collects to stop. Safe twice. */
  close(): Promise<void>;
}

export interface HttpServerOptions {
  readonly service: Service;
  readonly http: Config['http'];
  readonly log: Log;
  readonly clock: Clock;
}

/** Rejects with an EmdcError when the port cannot be opened or a certificate not be used. */
export async function startHttpServer({ service, http, log, clock }: HttpServerOptions): Promise<HttpServer> {
  let certificate = await readCertificate(http);
  const hangUp = new HangUp();
  const app = createApp({ service, token: http.token, secure: certificate !== null, log, clock, hangUp });
  const options: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADER_TIMEOUT_MS,
    requestTimeout: 2 * HEADER_TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: 20_000,
    // The application refuses it with an answer like any other.
    requireHostHeader: false,
  };
  const server = certificate
    ? createSecureServer({ ...options, ...certificate, handshakeTimeout: HEADER_TIMEOUT_MS }, app)
    : createServer(options, app);
  server.maxHeadersCount = 100;
  server.setTimeout(SILENCE_TIMEOUT_MS);
  // Whoever waits for "100 Continue" before sending a body hears at once that none is wanted.
  server.on('checkContinue', app);
  /** Connections with a request that is being answered: an error document in the midst of the answer would spoil it. */
  const answering = new WeakSet<Duplex>();
  server.on('request', ({ socket }, response) => {
    answering.add(socket);
    response.once('close', () => answering.delete(socket));
  });
  server.on('clientError', (error, socket) => answerBrokenRequest(error, socket, answering.has(socket)));
  const dropIdle = boundConnections(server, { max: MAX_CONNECTIONS, clock });
  await listen(server, http);
  const { port } = server.address() as AddressInfo;
  const url = `${certificate ? 'https' : 'http'}://${http.host.includes(':') ? `[${http.host}]` : http.host}:${port}`;
  log.info('HTTP is open', { url });
  if (!isLoopback(http.host) && http.token === '') {
    log.warn('anyone who reaches this address can start cycles: no http.token is set', {
      host: http.host,
      hint: 'set http.token (EMDC_HTTP_TOKEN_FILE), or bind to 127.0.0.1',
    });
  }
  let closed: Promise<void> | null = null;
  return {
    port,
    url,
    renew: async () => {
      if (certificate && server instanceof SecureServer)
        certificate = await renewCertificate(server, certificate, { http, log });
    },
    close: () => {
      closed ??= close({ server, dropIdle, hangUp, clock });
      return closed;
    },
  };
}

function listen(server: Server, { host, port }: Config['http']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(
        new EmdcError({
          code: taken ? 'http-port-taken' : 'http-not-opened',
          message: `HTTP cannot be opened on ${host}:${port}: ${taken ? 'the port is taken' : cause.message}`,
          hint: 'set http.host and http.port',
          cause,
        }),
      );
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      server.on('error', () => {});
      resolve();
    });
  });
}

/** Requests that never became one: too slow, too large, or not HTTP. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex, isAnswering: boolean): void {
  if (!socket.writable || error.code === 'ECONNRESET' || isAnswering) {
    socket.destroy();
    return;
  }
  const problem = brokenRequest(error.code);
  const body = problemDocument(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${JSON.parse(body).title}\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function brokenRequest(code: string | undefined): HttpProblem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpProblem({
        status: 431,
        code: 'header-too-large',
        message: `a request's header may have ${MAX_HEADER_BYTES} bytes`,
      });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpProblem({
        status: 408,
        code: 'request-too-slow',
        message: `a request's header must be here in ${HEADER_TIMEOUT_MS / 1000} s`,
      });
    default:
      return new HttpProblem({ status: 400, code: 'not-http', message: 'this is not an HTTP request' });
  }
}

interface Closing {
  readonly server: Server;
  readonly dropIdle: () => void;
  readonly hangUp: HangUp;
  readonly clock: Clock;
}

async function close({ server, dropIdle, hangUp, clock }: Closing): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  hangUp.close();
  const grace = new AbortController();
  dropIdle();
  await Promise.race([ended, clock.sleep(CLOSE_GRACE_MS, grace.signal)]);
  grace.abort();
  server.closeAllConnections();
  await ended;
}
