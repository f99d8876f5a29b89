// Errors as the caller sees them: application/problem+json (RFC 9457) with a code of the catalogue, a sentence that says what
// is wrong and, where parameters are, every one of them. Never a stack trace, never a foreign message.

import { STATUS_CODES } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import { httpProblems, type ProblemCode } from '../model/codes.js';
import { EmdcError, messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';

/** An answer that is an error. Its HTTP status is that of its code in the catalogue (model/codes.ts). */
export class HttpProblem extends EmdcError {
  readonly status: number;
  /** Further members of the problem document. */
  readonly members: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(init: {
    readonly code: ProblemCode;
    readonly message: string;
    readonly hint?: string;
    readonly members?: Readonly<Record<string, unknown>>;
    readonly headers?: Readonly<Record<string, string>>;
  }) {
    super(init);
    this.name = 'HttpProblem';
    this.status = httpProblems[init.code].status;
    this.members = init.members ?? {};
    this.headers = init.headers ?? {};
  }
}

/** The problem document. `type` is left out, which means about:blank: the title is the status' own. */
export function problemDocument(problem: HttpProblem): string {
  return `${JSON.stringify({
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    ...(problem.hint === '' ? {} : { hint: problem.hint }),
    ...problem.members,
  })}\n`;
}

/** Express' error handler. What is not an HttpProblem is a fault of EMDC: logged with its stack, answered without. */
export function problemHandler(log: Log) {
  // Express knows an error handler by its four parameters.
  return (error: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const problem = error instanceof HttpProblem ? error : unexpected(error, request, log);
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    response
      .status(problem.status)
      .set(problem.headers)
      .set('Content-Type', 'application/problem+json; charset=utf-8')
      .end(problemDocument(problem));
  };
}

function unexpected(error: unknown, request: Request, log: Log): HttpProblem {
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
  // Express' own complaint about a request that cannot be decoded.
  if (status >= 400 && status < 500) {
    return new HttpProblem({ code: 'bad-request', message: 'the request could not be understood' });
  }
  log.error('a request failed unexpectedly', {
    method: request.method,
    path: request.path,
    error: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  });
  return new HttpProblem({ code: 'internal-error', message: 'the request failed unexpectedly; the log says why' });
}
