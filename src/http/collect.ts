// POST /collect: cycles by hand, answered when they are done and durable. The parameters are the ancestor's (`iterations`,
// `wait_time`), so its cron lines go on working; a caller who hangs up ends the waiting, never a cycle under way.

import type { Request, Response } from 'express';
import type { CollectRow } from '../model/status.js';
import { hangUpSignal } from './answer.js';
import { Parameters } from './parameters.js';
import { HttpProblem } from './problem.js';
import type { Service } from './service.js';

export const MAX_ITERATIONS = 3600;
export const MAX_WAIT_SECONDS = 3600;
/** Longest that a call may spend waiting between its iterations. */
export const MAX_TOTAL_WAIT_SECONDS = 24 * 3600;
/** Most rows in one answer: iterations × meters. */
export const MAX_ROWS = 100_000;
/** Calls that may wait for their cycles at the same time. */
export const MAX_CALLS = 16;

/** Handler. `closing` aborts when the server closes: calls under way are answered with what they have. */
export function collect({ service, closing }: { readonly service: Service; readonly closing: AbortSignal }) {
  let calls = 0;
  return async (request: Request, response: Response): Promise<void> => {
    const asked = readParameters(request, service);
    if (calls >= MAX_CALLS) {
      throw new HttpProblem({
        code: 'too-many-collects',
        message: `${calls} calls are already waiting for their cycles`,
        headers: { 'Retry-After': '10' },
      });
    }
    calls++;
    try {
      const rows = await service.collect({ ...asked, signal: hangUpSignal(response, closing) });
      if (!response.destroyed) answer(response, rows);
    } finally {
      calls--;
    }
  };
}

function readParameters(request: Request, service: Service) {
  const parameters = new Parameters(request, ['iterations', 'wait_time', 'meter']);
  const iterations = parameters.whole('iterations', { fallback: 1, min: 1, max: MAX_ITERATIONS });
  const waitSeconds = parameters.whole('wait_time', { fallback: 1, min: 0, max: MAX_WAIT_SECONDS });
  const meters = parameters.many('meter');
  for (const meter of meters ?? []) {
    if (!service.latest.has(meter)) parameters.problem('meter', meter, 'the name of a meter');
  }
  if ((iterations - 1) * waitSeconds > MAX_TOTAL_WAIT_SECONDS) {
    const longest = `at most ${Math.floor(MAX_TOTAL_WAIT_SECONDS / (iterations - 1))} with ${iterations} iterations`;
    parameters.problem('wait_time', String(waitSeconds), longest);
  }
  const meterCount = meters?.length ?? service.latest.meterCount;
  if (iterations * meterCount > MAX_ROWS) {
    const most = `at most ${Math.floor(MAX_ROWS / meterCount)} with ${meterCount} meters`;
    parameters.problem('iterations', String(iterations), most);
  }
  parameters.check();
  return { iterations, waitMs: waitSeconds * 1000, meters };
}

function answer(response: Response, rows: readonly CollectRow[]): void {
  const document = { ...total(rows), rows: rows.map(rowDocument) };
  if (document.lost > 0) {
    throw new HttpProblem({
      code: 'readings-lost',
      message: `${document.lost} readings could be kept neither in the database nor on disk`,
      members: document,
    });
  }
  if (document.stored + document.spooled === 0) {
    throw new HttpProblem({
      code: 'no-meter-read',
      message: rows.find((row) => row.error !== null)?.error ?? 'no meter could be read',
      hint: 'GET /ping as JSON says how each meter is',
      members: document,
    });
  }
  response.json(document);
}

const total = (rows: readonly CollectRow[]) => ({
  expected: rows.reduce((sum, row) => sum + row.expected, 0),
  stored: rows.reduce((sum, row) => sum + row.stored, 0),
  spooled: rows.reduce((sum, row) => sum + row.spooled, 0),
  lost: rows.reduce((sum, row) => sum + row.lost, 0),
});

const rowDocument = (row: CollectRow) => ({
  iteration: row.iteration,
  meter: row.meter,
  time: new Date(row.slot).toISOString(),
  duration_ms: row.durationMs,
  requests: row.requests,
  expected: row.expected,
  stored: row.stored,
  spooled: row.spooled,
  lost: row.lost,
  missing: row.missing,
  error: row.error,
});
