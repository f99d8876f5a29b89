// GET /metric: one value by its name, or all of them in the form the caller asks for. Answers from memory; `max_age` has
// the meter read now where memory is too old.

import type { Request, Response } from 'express';
import type { LatestReading } from '../collect/latest.js';
import type { Clock } from '../model/clock.js';
import type { HangUp } from './hang-up.js';
import { preferred } from './negotiate.js';
import { Parameters } from './parameters.js';
import { HttpProblem } from './problem.js';
import type { Service } from './service.js';
import { sendPieces } from './stream.js';

/** How all values are shown, by media type; each sends the whole answer. `meters`: names to show, null: all. */
export type Presentation = (response: Response, meters: ReadonlySet<string> | null) => Promise<void>;

export interface MetricOptions {
  readonly service: Service;
  readonly clock: Clock;
  readonly hangUp: HangUp;
  readonly presentations: {
    readonly 'application/openmetrics-text': Presentation;
    readonly 'text/plain': Presentation;
    readonly 'text/html': Presentation;
  };
}

export function metric(options: MetricOptions) {
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
    if (name === null) return all(options, { request, response, meters: meters && new Set(meters) });
    const reading = await one(options, { response, name, maxAgeMs: maxAge === null ? null : Number(maxAge) * 1000 });
    if (preferred(request.get('accept'), ['text/plain', 'application/json']) === 'application/json') {
      response.type('application/json').send(`${readingDocument(reading, options.clock.now())}\n`);
    } else {
      response.type('text/plain').send(`${reading.value}\n`);
    }
  };
}

async function all(
  { service, clock, presentations }: MetricOptions,
  call: { request: Request; response: Response; meters: ReadonlySet<string> | null },
): Promise<void> {
  const form = preferred(call.request.get('accept'), [
    'application/json',
    'application/openmetrics-text',
    'text/plain',
    'text/html',
  ]);
  if (form !== 'application/json') return presentations[form](call.response, call.meters);
  call.response.type('application/json');
  await sendPieces(call.response, listDocument(service.latest.all(call.meters), clock.now()));
}

async function one(
  { service, clock, hangUp }: MetricOptions,
  call: { response: Response; name: string; maxAgeMs: number | null },
): Promise<LatestReading> {
  const known = find(service, call.name);
  if (call.maxAgeMs === null) {
    if (known.value !== null) return known;
    throw new HttpProblem({
      status: 503,
      code: 'nothing-read-yet',
      message: `${known.topic} has not been read yet`,
      hint: 'max_age=0 has the meter read now; GET /ping says how the meter is',
    });
  }
  if (known.time !== null && call.maxAgeMs > 0 && clock.now() - known.time <= call.maxAgeMs) return known;
  const error = await service.readNow(known.meter.name, hangUp.signal(call.response));
  if (error !== null) {
    throw new HttpProblem({ status: 502, code: 'meter-not-read', message: `${known.meter.name}: ${error}` });
  }
  const fresh = find(service, call.name);
  if (fresh.time !== null && fresh.time !== known.time) return fresh;
  throw new HttpProblem({
    status: 502,
    code: 'metric-not-read',
    message: `${known.meter.name} was read, but gave no value for ${known.metric.name}`,
  });
}

function find(service: Service, name: string): LatestReading {
  const lookup = service.latest.lookup(name);
  switch (lookup.kind) {
    case 'found':
      return lookup.reading;
    case 'ambiguous':
      throw new HttpProblem({
        status: 400,
        code: 'ambiguous-name',
        message: `${lookup.topics.length} meters have a metric ${JSON.stringify(name)}`,
        hint: 'name one topic',
        members: { topics: lookup.topics.slice(0, 100) },
      });
    case 'unknown':
      throw new HttpProblem({
        status: 404,
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
