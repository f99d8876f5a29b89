// The Express application: three endpoints, and for everything else a short answer that says what there is instead.

import express, { type NextFunction, type Request, type Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import type { Clock } from '../model/clock.js';
import type { Log } from '../model/log.js';
import { bearerToken, refuseCrossSite } from './authorize.js';
import { collect } from './collect.js';
import type { HangUp } from './hang-up.js';
import { isLoopback } from './loopback.js';
import { metric } from './metric.js';
import { OpenMetrics } from './openmetrics.js';
import { pageHashes, renderPage } from './page/page.js';
import { ping } from './ping.js';
import { HttpProblem, problemHandler } from './problem.js';
import type { Service } from './service.js';
import { sendPieces } from './stream.js';

/** Requests a minute from one remote address. Loopback is not limited: a watchdog must always get its answer. */
export const MAX_REQUESTS_PER_MINUTE = 1200;

export interface AppOptions {
  readonly service: Service;
  readonly token: string;
  readonly secure: boolean;
  readonly log: Log;
  readonly clock: Clock;
  readonly hangUp: HangUp;
}

export function createApp({ service, token, secure, log, clock, hangUp }: AppOptions) {
  const openMetrics = new OpenMetrics({ service, clock });
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  app.set('env', 'production');

  app.use(openMetrics.observe);
  app.use(headers(secure));
  app.use(limiter());
  app.use(requireHost);
  app.use(refuseBody);
  endpoint('/ping', 'GET', ping(service));
  endpoint(
    '/metric',
    'GET',
    metric({
      service,
      clock,
      hangUp,
      presentations: {
        'application/openmetrics-text': (response, meters) => openMetrics.send(response, meters, 'openmetrics'),
        'text/plain': (response, meters) => openMetrics.send(response, meters, 'prometheus'),
        'text/html': (response, meters) => {
          response.type('text/html');
          return sendPieces(response, renderPage({ service, now: clock.now(), meters }));
        },
      },
    }),
  );
  endpoint('/collect', 'POST', refuseCrossSite, bearerToken(token), collect({ service, hangUp }));
  app.use(() => {
    throw new HttpProblem({
      status: 404,
      code: 'no-such-endpoint',
      message: 'there is nothing here',
      hint: 'the endpoints are GET /ping, GET /metric and POST /collect',
    });
  });
  app.use(problemHandler(log));
  return app;

  function endpoint(path: string, method: 'GET' | 'POST', ...handlers: express.RequestHandler[]): void {
    const allow = method === 'GET' ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS';
    if (method === 'GET') app.get(path, ...handlers);
    else app.post(path, ...handlers);
    app.options(path, (_request, response) => {
      response.status(204).set('Allow', allow).end();
    });
    app.all(path, (request) => {
      throw new HttpProblem({
        status: 405,
        code: 'method-not-allowed',
        message: `${request.method} ${path} is not offered`,
        hint: `use ${method} ${path}`,
        headers: { Allow: allow },
      });
    });
  }
}

function headers(secure: boolean) {
  const strict = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: [pageHashes.script],
        styleSrc: [pageHashes.style],
        imgSrc: ['data:'],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    xFrameOptions: { action: 'deny' },
    // Browsers heed these over HTTPS only, and complain about them elsewhere.
    strictTransportSecurity: secure,
    crossOriginOpenerPolicy: secure,
    originAgentCluster: secure,
  });
  return (request: Request, response: Response, next: NextFunction): void => {
    response.set('Cache-Control', 'no-store');
    response.vary('Accept');
    strict(request, response, next);
  };
}

const limiter = () =>
  rateLimit({
    windowMs: 60_000,
    limit: MAX_REQUESTS_PER_MINUTE,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    skip: (request) => isLoopback(request.socket.remoteAddress ?? ''),
    // A proxy in front is not trusted, so what it forwards is no sign of a mistake.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    handler: (_request, _response, next) => {
      next(
        new HttpProblem({
          status: 429,
          code: 'too-many-requests',
          message: `more than ${MAX_REQUESTS_PER_MINUTE} requests a minute from one address`,
        }),
      );
    },
  });

/** RFC 9112, 3.2. */
function requireHost(request: Request, _response: Response, next: NextFunction): void {
  if (request.headers.host !== undefined || request.httpVersion === '1.0') {
    next();
    return;
  }
  next(new HttpProblem({ status: 400, code: 'no-host', message: 'an HTTP/1.1 request names its host' }));
}

/** No endpoint takes a body: it is refused unread, and what comes of it is thrown away as it comes. */
function refuseBody(request: Request, _response: Response, next: NextFunction): void {
  const length = request.headers['content-length'];
  if (request.headers['transfer-encoding'] === undefined && (length === undefined || Number(length) === 0)) {
    next();
    return;
  }
  next(
    new HttpProblem({
      status: 413,
      code: 'body-refused',
      message: 'no endpoint takes a body',
      hint: 'parameters go into the query: /collect?iterations=2&wait_time=1',
    }),
  );
}
