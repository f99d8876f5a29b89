// GET /metric for Prometheus: every reading with its age, the collector's own figures, and those of its process and its
// HTTP side (prom-client). Made anew for every scrape and sent piece by piece: 21,000 readings as objects of prom-client
// would hold up a slot that falls due meanwhile.

import type { NextFunction, Request, Response } from 'express';
import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';
import type { MeterColumns } from '../collect/latest.js';
import type { Clock } from '../model/clock.js';
import type { MeterInfo, MetricInfo } from '../model/meter.js';
import { sendPieces } from './answer.js';
import {
  type FamilyHead,
  type Format,
  familyHead,
  familyText,
  label,
  sampleName,
  serviceFamilies,
} from './families.js';
import type { Service } from './service.js';

export class OpenMetrics {
  readonly #service: Service;
  readonly #clock: Clock;
  /** Two, since a registry writes one format. */
  readonly #registries = { prometheus: new Registry(), openmetrics: openMetricsRegistry() };
  readonly #durations: Histogram<'endpoint' | 'status'>;

  constructor({ service, clock }: { readonly service: Service; readonly clock: Clock }) {
    this.#service = service;
    this.#clock = clock;
    const registers = Object.values(this.#registries) as Registry[];
    for (const registry of registers) addProcessFigures(registry);
    this.#durations = new Histogram({
      name: 'emdc_http_request_duration_seconds',
      help: 'Time to answer an HTTP request, by endpoint and status',
      labelNames: ['endpoint', 'status'],
      buckets: [0.005, 0.05, 0.5, 5, 60],
      registers,
    });
  }

  /** Middleware that times every request. */
  readonly observe = (request: Request, response: Response, next: NextFunction): void => {
    const start = this.#clock.monotonic();
    const endpoint = ['/ping', '/metric', '/collect'].includes(request.path) ? request.path : 'other';
    response.once('close', () => {
      const status = response.headersSent ? String(response.statusCode) : 'hung up';
      this.#durations.observe({ endpoint, status }, (this.#clock.monotonic() - start) / 1000);
    });
    next();
  };

  /** Sends everything; `meters`: names to show, null: all. */
  async send(response: Response, meters: ReadonlySet<string> | null, format: Format): Promise<void> {
    const registry = this.#registries[format];
    const own = await registry.metrics();
    response.set('Content-Type', registry.contentType);
    await sendPieces(response, this.#text(meters, format, own));
  }

  *#text(meters: ReadonlySet<string> | null, format: Format, own: string): Generator<string> {
    const now = this.#clock.now();
    for (const family of READINGS) yield* readingText(family, this.#service.latest.columns(meters), { now, format });
    for (const family of serviceFamilies(this.#service.status(), meters, now)) yield familyText(family, format);
    // Last, since prom-client ends OpenMetrics with its end mark.
    yield own;
  }
}

function openMetricsRegistry(): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

function addProcessFigures(registry: Registry): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  const counter = (name: string, help: string, value: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  counter('process_cpu_seconds_total', 'CPU time, user and system', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gauge('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss());
  gauge('process_start_time_seconds', 'When the process started', () => performance.timeOrigin / 1000);
  gauge('nodejs_heap_size_used_bytes', 'Memory of JavaScript objects', () => process.memoryUsage().heapUsed);
  counter('nodejs_eventloop_active_seconds_total', 'Time that the event loop was busy', () => {
    return performance.eventLoopUtilization().active / 1000;
  });
}

interface ReadingFamily extends FamilyHead {
  readonly shows: (metric: MetricInfo) => boolean;
  readonly pick: (value: number, ageSeconds: number) => number;
}

const READINGS: readonly ReadingFamily[] = [
  {
    name: 'emdc_reading',
    type: 'gauge',
    help: 'Latest reading of a metric, in its unit',
    shows: ({ kind }) => kind.type === 'gauge',
    pick: (value) => value,
  },
  {
    name: 'emdc_accumulated',
    type: 'counter',
    help: 'Latest reading of a metric that counts up, in its unit',
    shows: ({ kind }) => kind.type === 'counter',
    pick: (value) => value,
  },
  {
    name: 'emdc_reading_age_seconds',
    type: 'gauge',
    help: 'Time since the slot of the latest reading',
    shows: () => true,
    pick: (_value, ageSeconds) => ageSeconds,
  },
];

/** One family, a piece of text per meter. */
function* readingText(
  family: ReadingFamily,
  columns: Iterable<MeterColumns>,
  { now, format }: { readonly now: number; readonly format: Format },
): Generator<string> {
  yield familyHead(family, format);
  const name = sampleName(family);
  for (const { meter, values, times } of columns) {
    let text = '';
    for (const [index, labels] of labelsOf(meter).entries()) {
      const value = values[index] as number;
      if (Number.isNaN(value) || !family.shows(meter.metrics[index] as MetricInfo)) continue;
      text += `${name}{${labels}} ${family.pick(value, (now - (times[index] as number)) / 1000)}\n`;
    }
    yield text;
  }
}

const labelTexts = new WeakMap<MeterInfo, readonly string[]>();

/** By metric index; the same for every scrape, and most of its text. */
function labelsOf(meter: MeterInfo): readonly string[] {
  const known = labelTexts.get(meter);
  if (known) return known;
  const name = label('meter', meter.name);
  const texts = meter.metrics.map(
    (metric) => `${name},${label('metric', metric.name)}${metric.unit === '' ? '' : `,${label('unit', metric.unit)}`}`,
  );
  labelTexts.set(meter, texts);
  return texts;
}
