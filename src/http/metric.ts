// GET /metric: one value by its name, or all of them in the form the caller asks for. Answers from memory; `max_age` has
// the meter read now where memory is too old.

import type { Request, Response } from 'express';
import type { LatestReading } from '../collect/latest.js';
import type { Clock } from '../model/clock.js';
import { hangUpSignal, preferred, sendPieces } from './answer.js';
import type { OpenMetrics } from './openmetrics.js';
import { renderPage } from './page/page.js';
import { Parameters } from './parameters.js';
import { HttpProblem } from './problem.js';
import type { Service } from './service.js';

/** A value younger than this is never read again by hand, and a failure so young is answered again as it was. */
const MIN_AGE_MS = 1000;

export interface MetricOptions {
  readonly service: Service;
  readonly clock: Clock;
  readonly openMetrics: OpenMetrics;
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
}

/** Handler. Problems: those of `one` and `find`, and `bad-parameter`. */
export function metric(options: MetricOptions) {
  const fresh = freshReader(options);
  return async (request: Request, response: Response): Promise<void> => {
    const parameters = new Parameters(request, ['name', 'max_age', 'meter']);
    const name = parameters.one('name');
    const maxAge = parameters.one('max_age');
    const meters = parameters.many('meter');
    if (name === '') parameters.problem('name', name, 'a topic, or a metric name that only one meter has');
    if (name === null && maxAge !== null) parameters.problem('max_age', maxAge, 'together with name');
    if (name !== null && meters !== null) parameters.problem('meter', meters.join(', '), 'without name');
    if (maxAge !== null && !/^\d{1,9}(\.\d{1,3})?$/.test(maxAge)) {
      parameters.problem('max_age', maxAge, 'seconds, from 0 to 999999999');
    }
    for (const meter of meters ?? []) {
      if (!options.service.latest.has(meter)) parameters.problem('meter', meter, 'the name of a meter');
    }
    parameters.check();
    if (name === null) return sendAll(options, { request, response, meters: meters && new Set(meters) });
    const signal = hangUpSignal(response, options.closing);
    const reading =
      maxAge === null ? newest(options.service, name) : await fresh({ name, maxAgeMs: Number(maxAge) * 1000, signal });
    sendOne(reading, { request, response, now: options.clock.now() });
  };
}

async function sendAll(
  { service, clock, openMetrics }: MetricOptions,
  call: { readonly request: Request; readonly response: Response; readonly meters: ReadonlySet<string> | null },
): Promise<void> {
  const { request, response, meters } = call;
  const now = clock.now();
  const type = preferred(request, ['application/json', 'application/openmetrics-text', 'text/plain', 'text/html']);
  switch (type) {
    case 'application/openmetrics-text':
      return openMetrics.send(response, meters, 'openmetrics');
    case 'text/plain':
      return openMetrics.send(response, meters, 'prometheus');
    case 'text/html':
      return sendPieces(response.type(type), renderPage({ service, now, meters }));
    case 'application/json':
      return sendPieces(response.type(type), listDocument(service.latest.all(meters), now));
  }
}

/** As text, one number; as JSON, all about it. Age (whole seconds) and Last-Modified tell its slot in either form. */
function sendOne(
  reading: LatestReading,
  { request, response, now }: { readonly request: Request; readonly response: Response; readonly now: number },
): void {
  if (reading.time !== null) {
    response.set('Age', String(Math.max(0, Math.floor((now - reading.time) / 1000))));
    response.set('Last-Modified', new Date(reading.time).toUTCString());
  }
  const type = preferred(request, ['text/plain', 'application/json']);
  const text = type === 'text/plain' ? String(reading.value) : readingDocument(reading, now);
  // Not `send`, which would answer 304 to a caller who knows a value of the same second.
  response.type(type).end(`${text}\n`);
}

/** From memory. Problem: `nothing-read-yet` (503). */
function newest(service: Service, name: string): LatestReading {
  const reading = find(service, name);
  if (reading.value !== null) return reading;
  throw new HttpProblem({
    code: 'nothing-read-yet',
    message: `${reading.topic} has not been read yet`,
    hint: 'max_age=0 has the meter read now; GET /ping says how the meter is',
  });
}

interface FreshRequest {
  readonly name: string;
  readonly maxAgeMs: number;
  readonly signal: AbortSignal;
}

/**
 * Returns a function that resolves with a value no older than asked for, read now if need be: each meter at most once a
 * second, so that callers who ask without end cost the schedule nothing. Problems: `meter-not-read`, `metric-not-read` (502).
 */
function freshReader({ service, clock }: MetricOptions) {
  /** The newest failure of a meter or topic. */
  const failures = new Map<string, { readonly at: number; readonly problem: HttpProblem }>();
  return async ({ name, maxAgeMs, signal }: FreshRequest): Promise<LatestReading> => {
    const known = find(service, name);
    const { topic, meter } = known;
    if (known.time !== null && clock.now() - known.time <= Math.max(maxAgeMs, MIN_AGE_MS)) return known;
    const failed = failures.get(topic) ?? failures.get(meter.name);
    if (failed && clock.monotonic() - failed.at < MIN_AGE_MS) throw failed.problem;
    const error = await service.readNow(meter.name, signal);
    failures.delete(topic);
    failures.delete(meter.name);
    if (error !== null) {
      const problem = new HttpProblem({ code: 'meter-not-read', message: `${meter.name}: ${error}` });
      if (!signal.aborted) failures.set(meter.name, { at: clock.monotonic(), problem });
      throw problem;
    }
    const reading = find(service, name);
    if (reading.time !== null && reading.time !== known.time) return reading;
    const message = `${meter.name} was read, but gave no value for ${known.metric.name}`;
    const problem = new HttpProblem({ code: 'metric-not-read', message });
    failures.set(topic, { at: clock.monotonic(), problem });
    throw problem;
  };
}

/** Problems: `ambiguous-name` (400), `unknown-metric` (404). */
function find(service: Service, name: string): LatestReading {
  const lookup = service.latest.lookup(name);
  switch (lookup.kind) {
    case 'found':
      return lookup.reading;
    case 'ambiguous':
      throw new HttpProblem({
        code: 'ambiguous-name',
        message: `${lookup.topics.length} meters have a metric ${JSON.stringify(name)}`,
        hint: 'name one topic',
        members: { topics: lookup.topics.slice(0, 100) },
      });
    case 'unknown':
      throw new HttpProblem({
        code: 'unknown-metric',
        message: `there is no topic and no metric ${JSON.stringify(name.slice(0, 200))}`,
        hint: 'GET /metric without a name lists all topics',
      });
  }
}

function* listDocument(readings: Iterable<LatestReading>, now: number): Generator<string> {
  yield `{"time":"${new Date(now).toISOString()}","readings":[`;
  let separator = '\n';
  for (const reading of readings) {
    yield separator + readingDocument(reading, now);
    separator = ',\n';
  }
  yield '\n]}\n';
}

const readingDocument = ({ topic, meter, metric, value, time }: LatestReading, now: number): string =>
  JSON.stringify({
    topic,
    meter: meter.name,
    metric: metric.name,
    value,
    unit: metric.unit,
    time: time === null ? null : new Date(time).toISOString(),
    age_seconds: time === null ? null : (now - time) / 1000,
  });
