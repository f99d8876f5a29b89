// The Express application: three endpoints, and for everything else a short answer that says what there is instead.

import express, { type NextFunction, type Request, type Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import type { Clock } from '../model/clock.js';
import type { Log } from '../model/log.js';
import { bearerToken, checkHost, isLoopback, refuseBody, refuseCrossSite } from './access.js';
import { collect } from './collect.js';
import { metric } from './metric.js';
import { OpenMetrics } from './openmetrics.js';
import { pageHashes } from './page/page.js';
import { ping } from './ping.js';
import { HttpProblem, problemHandler } from './problem.js';
import type { Service } from './service.js';

/** Requests a minute from one remote address. Loopback is not limited: a watchdog must always get its answer. */
export const MAX_REQUESTS_PER_MINUTE = 1200;

export interface AppOptions {
  readonly service: Service;
  readonly token: string;
  /** Names by which it may be asked beside this machine's own, in lower case. */
  readonly allowedHosts: readonly string[];
  /** Served by HTTPS. */
  readonly secure: boolean;
  readonly log: Log;
  readonly clock: Clock;
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
}

/** The application, to be served by node's HTTP or HTTPS server. */
export function createApp({ service, token, allowedHosts, secure, log, clock, closing }: AppOptions) {
  const openMetrics = new OpenMetrics({ service, clock });
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  app.set('env', 'production');

  app.use(openMetrics.observe, headers(secure), limiter(), checkHost(allowedHosts), refuseBody);
  endpoint('/ping', 'GET', ping(service));
  endpoint('/metric', 'GET', metric({ service, clock, closing, openMetrics }));
  endpoint('/collect', 'POST', refuseCrossSite, bearerToken(token), collect({ service, closing }));
  app.use(() => {
    throw new HttpProblem({
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
    // Browsers heed these three over HTTPS only, and complain about them elsewhere.
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
    // A proxy in front is not trusted, so forwarding headers are no sign of a mistake.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    handler: (_request, _response, next) => {
      const message = `more than ${MAX_REQUESTS_PER_MINUTE} requests a minute from one address`;
      next(new HttpProblem({ code: 'too-many-requests', message }));
    },
  });
