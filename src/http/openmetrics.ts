// GET /metric for Prometheus: every reading with its age, the collector's own figures, and those of its process and its
// HTTP side (prom-client). Made up anew for every scrape and sent piece by piece.

import type { NextFunction, Request, Response } from 'express';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { MeterColumns } from '../collect/latest.js';
import type { Clock } from '../model/clock.js';
import type { MeterInfo, MetricInfo } from '../model/meter.js';
import { serviceFamilies } from './collector-metrics.js';
import {
  type FamilyHead,
  type Format,
  familyHead,
  familyText,
  label,
  numberText,
  sampleName,
  sampleText,
} from './exposition.js';
import type { Service } from './service.js';
import { sendPieces } from './stream.js';

const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  prometheus: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
};

/**
 * prom-client looks at the event loop's delay by a timer, a hundred times a second unless told otherwise: more wake-ups
 * than the meters cause. Its figures go, too; how busy the loop is, libuv counts at no cost.
 */
const NEVER_MS = 2 ** 31 - 1;

const UNWANTED = [
  ...['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map((what) => `nodejs_eventloop_lag_${what}_seconds`),
  // Gauges named like counters; the same figures are there by type, rightly named.
  ...['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`),
];

export class OpenMetrics {
  readonly #service: Service;
  readonly #clock: Clock;
  readonly #registry = new Registry();
  readonly #durations: Histogram<'endpoint' | 'status'>;

  constructor({ service, clock }: { service: Service; clock: Clock }) {
    this.#service = service;
    this.#clock = clock;
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: NEVER_MS });
    for (const name of UNWANTED) this.#registry.removeSingleMetric(name);
    new Counter({
      name: 'nodejs_eventloop_active_seconds_total',
      help: 'Time that the event loop was busy',
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(performance.eventLoopUtilization().active / 1000);
      },
    });
    this.#durations = new Histogram({
      name: 'emdc_http_request_duration_seconds',
      help: 'Time to answer an HTTP request, by endpoint and status',
      labelNames: ['endpoint', 'status'],
      buckets: [0.005, 0.05, 0.5, 5, 60],
      registers: [this.#registry],
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

  async send(response: Response, meters: ReadonlySet<string> | null, format: Format): Promise<void> {
    const own = await this.#ownText(format);
    response.set('Content-Type', CONTENT_TYPES[format]);
    await sendPieces(response, this.#text(meters, format, own));
  }

  *#text(meters: ReadonlySet<string> | null, format: Format, own: string): Generator<string> {
    const now = this.#clock.now();
    yield* readingText(() => this.#service.latest.columns(meters), now, format);
    for (const family of serviceFamilies(this.#service.status(), meters, now)) yield familyText(family, format);
    yield own;
    if (format === 'openmetrics') yield '# EOF\n';
  }

  /** Written here, since a registry of prom-client's cannot serve two formats by turns: it renames its counters. */
  async #ownText(format: Format): Promise<string> {
    let text = '';
    for (const { name, type, help, values } of await this.#registry.getMetricsAsJSON()) {
      const family = { name: name.replace(/_total$/, ''), type: String(type), help };
      text += familyHead(family, format);
      for (const { metricName = sampleName(family), labels, value } of values as readonly OwnSample[]) {
        const named = Object.entries(labels).map(([key, of]) => label(key, labelText(of)));
        text += sampleText(metricName, named.join(','), value);
      }
    }
    return text;
  }
}

interface OwnSample {
  readonly value: number;
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
}

const labelText = (value: string | number): string => (typeof value === 'number' ? numberText(value) : value);

/** The readings, meter by meter. */
function* readingText(columns: () => Iterable<MeterColumns>, now: number, format: Format): Generator<string> {
  for (const family of READINGS) {
    yield familyHead(family, format);
    for (const { meter, values, times } of columns()) {
      const labels = labelsOf(meter);
      let text = '';
      for (let index = 0; index < labels.length; index++) {
        const value = values[index] as number;
        if (Number.isNaN(value) || !family.shows(meter.metrics[index] as MetricInfo)) continue;
        text += `${sampleName(family)}{${labels[index]}} ${family.pick(value, (now - (times[index] as number)) / 1000)}\n`;
      }
      yield text;
    }
  }
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
