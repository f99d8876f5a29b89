// Who may ask what: host names, web pages of other sites, bodies, the token of POST /collect.

import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import type { NextFunction, Request, Response } from 'express';
import { HttpProblem } from './problem.js';

/** True if `host`, as configured or as a socket reports it, cannot be reached from another machine. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(host);

/**
 * Middleware. Refuses requests whose Host header is neither an address of this machine, its host name (short, full, or with
 * `.local`), `localhost`, nor in `allowed` (lower case). A web page cannot choose the Host header: one that has its own name
 * resolve to this machine (DNS rebinding) is told apart by it. Requests of HTTP/1.0 may do without (RFC 9112 §3.2).
 * Problems: `no-host` (400), `host-not-allowed` (421, RFC 9110 §15.5.20).
 */
export function checkHost(allowed: readonly string[]) {
  const own = hostname().toLowerCase();
  const short = own.split('.')[0];
  const names = new Set(['localhost', own, short, `${short}.local`, ...allowed]);
  return (request: Request, _response: Response, next: NextFunction): void => {
    const { host } = request.headers;
    if (host === undefined && request.httpVersion === '1.0') {
      next();
      return;
    }
    if (host === undefined || host === '') {
      throw new HttpProblem({ code: 'no-host', message: 'an HTTP/1.1 request names its host' });
    }
    const name = nameOf(host);
    if (names.has(name) || isOwnAddress(name, request.socket.localAddress)) {
      next();
      return;
    }
    throw new HttpProblem({
      code: 'host-not-allowed',
      message: `${JSON.stringify(name.slice(0, 200))} is no name of this collector`,
      hint: 'ask by address, or add the name to http.allowedHosts',
    });
  };
}

/** `[::1]:8080` → `::1`, `Gateway.:80` → `gateway` */
const nameOf = (host: string): string =>
  host
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');

function isOwnAddress(name: string, localAddress = ''): boolean {
  if (isIP(name) === 0) return false;
  if (isLoopback(name) || name === localAddress.replace(/^::ffff:/i, '')) return true;
  return Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === name));
}

/**
 * Middleware. Refuses requests that a browser sends for a page of another site. Browsers send Sec-Fetch-Site only to
 * HTTPS and loopback, Origin with every POST; programs send neither. Problem: `cross-site` (403).
 */
export function refuseCrossSite(request: Request, _response: Response, next: NextFunction): void {
  const site = request.get('sec-fetch-site');
  const origin = request.get('origin');
  const isForeignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  const isForeignOrigin = origin !== undefined && originHost(origin) !== request.get('host')?.toLowerCase();
  if (!isForeignSite && !isForeignOrigin) {
    next();
    return;
  }
  throw new HttpProblem({ code: 'cross-site', message: 'web pages of other sites may not start a cycle' });
}

/** Host and port of `https://gateway:8080`; null for `null` and nonsense. */
const originHost = (origin: string): string | null => (URL.canParse(origin) ? new URL(origin).host : null);

/** Middleware. Refuses a request with a body, unread: no endpoint takes one. Problem: `body-refused` (413). */
export function refuseBody(request: Request, _response: Response, next: NextFunction): void {
  const length = request.headers['content-length'];
  if (request.headers['transfer-encoding'] === undefined && (length === undefined || Number(length) === 0)) {
    next();
    return;
  }
  throw new HttpProblem({
    code: 'body-refused',
    message: 'no endpoint takes a body',
    hint: 'parameters go into the query: /collect?iterations=2&wait_time=1',
  });
}

/**
 * Middleware. Asks for `Authorization: Bearer TOKEN`; an empty token lets everybody in. Digests are compared, so that the
 * time taken shows neither length nor beginning of the token. Problems: `token-needed`, `wrong-token` (401).
 */
export function bearerToken(token: string) {
  const wanted = digest(token);
  return (request: Request, _response: Response, next: NextFunction): void => {
    const given = /^bearer +(\S+) *$/i.exec(request.get('authorization') ?? '')?.[1];
    if (token === '' || (given !== undefined && timingSafeEqual(digest(given), wanted))) {
      next();
      return;
    }
    const wrong = given !== undefined;
    throw new HttpProblem({
      code: wrong ? 'wrong-token' : 'token-needed',
      message: wrong ? 'the token is not the one configured' : 'this needs the token configured as http.token',
      hint: 'send Authorization: Bearer <token>',
      headers: { 'WWW-Authenticate': wrong ? 'Bearer realm="emdc", error="invalid_token"' : 'Bearer realm="emdc"' },
    });
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** `host` as it stands in a URL: IPv6 addresses in brackets. */
export const urlHost = (host: string): string => (isIPv6(host) ? `[${host}]` : host);
