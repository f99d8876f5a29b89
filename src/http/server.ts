// The HTTP server around the application: opening it, node's bounds on header, time and connections, and closing it.

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { createServer as createSecureServer, Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Config } from '../config/config.js';
import type { Clock } from '../model/clock.js';
import { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { isLoopback, urlHost } from './access.js';
import { createApp } from './app.js';
import { readCertificate, renewCertificate } from './certificate.js';
import { HttpProblem, problemDocument } from './problem.js';
import type { Service } from './service.js';

/** More are not accepted. Requests that do not come to an end leave after the header timeout. */
export const MAX_CONNECTIONS = 256;
export const MAX_HEADER_BYTES = 16 * 1024;
/** For the header of a request, and for the whole request. */
export const HEADER_TIMEOUT_MS = 5_000;
/** Without a byte either way; lifted for callers who wait for meters (`hangUpSignal`). */
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
  const closing = new AbortController();
  const { token, allowedHosts } = http;
  const app = createApp({
    service,
    token,
    allowedHosts,
    secure: certificate !== null,
    log,
    clock,
    closing: closing.signal,
  });
  const options: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADER_TIMEOUT_MS,
    requestTimeout: HEADER_TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: 10_000,
    // The application refuses it with an answer like any other.
    requireHostHeader: false,
  };
  const server = certificate
    ? createSecureServer({ ...options, ...certificate, handshakeTimeout: HEADER_TIMEOUT_MS }, app)
    : createServer(options, app);
  server.maxHeadersCount = 100;
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(SILENCE_TIMEOUT_MS);
  // A caller's connection kept alive gives way to a caller with a request.
  server.on('drop', () => server.closeIdleConnections());
  // A caller who waits for "100 Continue" before sending a body hears at once that none is wanted.
  server.on('checkContinue', app);
  answerBrokenRequests(server);
  await listen(server, http);
  const { port } = server.address() as AddressInfo;
  const url = `${certificate ? 'https' : 'http'}://${urlHost(http.host)}:${port}`;
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
      closed ??= close({ server, closing, clock });
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

/** Answers requests that are too slow, too large or not HTTP; on a connection with an answer under way, only closes it. */
function answerBrokenRequests(server: Server): void {
  const answering = new WeakSet<Duplex>();
  const begin = ({ socket }: IncomingMessage, response: ServerResponse) => {
    answering.add(socket);
    response.once('close', () => answering.delete(socket));
  };
  server.on('request', begin);
  server.on('checkContinue', begin);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET' || answering.has(socket)) {
      socket.destroy();
      return;
    }
    const problem = brokenRequest(error.code);
    const body = problemDocument(problem);
    socket.end(
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
        'Content-Type: application/problem+json; charset=utf-8\r\n' +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      () => socket.destroy(),
    );
  });
}

function brokenRequest(code: string | undefined): HttpProblem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpProblem({
        code: 'header-too-large',
        message: `a request's header may have ${MAX_HEADER_BYTES} bytes`,
      });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpProblem({
        code: 'request-too-slow',
        message: `a request's header must be here in ${HEADER_TIMEOUT_MS / 1000} s`,
      });
    default:
      return new HttpProblem({ code: 'not-http', message: 'this is not an HTTP request' });
  }
}

interface Closing {
  readonly server: Server;
  readonly closing: AbortController;
  readonly clock: Clock;
}

async function close({ server, closing, clock }: Closing): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  closing.abort();
  const grace = new AbortController();
  await Promise.race([ended, clock.sleep(CLOSE_GRACE_MS, grace.signal)]);
  grace.abort();
  server.closeAllConnections();
  await ended;
}
