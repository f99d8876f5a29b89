// Who may start a cycle by hand: whoever knows the token, where one is set; never a web page from elsewhere that a
// browser on the gateway happens to show.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import { HttpProblem } from './problem.js';

/** Compares digests, so that neither length nor common beginning of a guess shows in the time taken. Empty token: open. */
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
      status: 401,
      code: wrong ? 'wrong-token' : 'token-needed',
      message: wrong ? 'the token is not the one configured' : 'this needs the token configured as http.token',
      hint: 'send Authorization: Bearer <token>',
      headers: { 'WWW-Authenticate': wrong ? 'Bearer realm="emdc", error="invalid_token"' : 'Bearer realm="emdc"' },
    });
  };
}

/** Browsers say where a request comes from; programs do not. */
export function refuseCrossSite(request: Request, _response: Response, next: NextFunction): void {
  const site = request.get('sec-fetch-site');
  if (site === undefined || site === 'same-origin' || site === 'none') {
    next();
    return;
  }
  throw new HttpProblem({
    status: 403,
    code: 'cross-site',
    message: 'web pages from elsewhere may not start a cycle',
  });
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
