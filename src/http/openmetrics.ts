// GET /metric for Prometheus: every reading with its age, the collector's own figures, and those of its process and its
// HTTP side (prom-client). Made up anew for every scrape and sent piece by piece.

import type { NextFunction, Request, Response } from 'express';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { Clock } from '../clock.js';
import type { Latest, LatestReading } from '../latest.js';
import type { Service } from '../service.js';
import { type Family, type Format, familyHead, familyText, label, numberText, type Sample } from './exposition.js';
import { serviceFamilies } from './figures.js';
import { sendPieces } from './stream.js';

const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  prometheus: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
};

export class OpenMetrics {
  readonly #service: Service;
  readonly #clock: Clock;
  readonly #registry = new Registry();
  readonly #durations: Histogram<'endpoint' | 'status'>;

  constructor({ service, clock }: { service: Service; clock: Clock }) {
    this.#service = service;
    this.#clock = clock;
    collectDefaultMetrics({ register: this.#registry });
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
    for (const family of readingFamilies(this.#service.latest, meters, now)) yield* familyText(family, format);
    for (const family of serviceFamilies(this.#service.status(), meters, now)) yield* familyText(family, format);
    yield own;
    if (format === 'openmetrics') yield '# EOF\n';
  }

  /** Written here, since a registry of prom-client's cannot serve two formats by turns: it renames its counters. */
  async #ownText(format: Format): Promise<string> {
    let text = '';
    for (const { name, type, help, values } of await this.#registry.getMetricsAsJSON()) {
      const counter = String(type) === 'counter';
      const bare = counter ? name.replace(/_total$/, '') : name;
      text += familyHead({
        name: format === 'openmetrics' || !counter ? bare : `${bare}_total`,
        type: String(type),
        help,
      });
      for (const sample of values as readonly OwnSample[]) {
        const labels = Object.entries(sample.labels).map(([key, value]) => label(key, labelText(value)));
        const sampleName = sample.metricName ?? (counter ? `${bare}_total` : bare);
        text += `${sampleName}${labels.length === 0 ? '' : `{${labels.join(',')}}`} ${numberText(sample.value)}\n`;
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

function readingFamilies(latest: Latest, meters: ReadonlySet<string> | null, now: number): Family[] {
  const samples = function* (
    wanted: (reading: LatestReading) => boolean,
    pick: (reading: LatestReading) => number | null,
  ): Generator<Sample> {
    for (const reading of latest.all(meters)) {
      const value = pick(reading);
      if (value !== null && wanted(reading)) yield [labelsOf(reading), value];
    }
  };
  return [
    {
      name: 'emdc_reading',
      type: 'gauge',
      help: 'Latest reading of a metric, in its unit',
      samples: samples(
        ({ metric }) => metric.kind.type === 'gauge',
        ({ value }) => value,
      ),
    },
    {
      name: 'emdc_counter_reading',
      type: 'counter',
      help: 'Latest reading of a metric that counts up, in its unit',
      samples: samples(
        ({ metric }) => metric.kind.type === 'counter',
        ({ value }) => value,
      ),
    },
    {
      name: 'emdc_reading_age_seconds',
      type: 'gauge',
      help: 'Time since the slot of the latest reading',
      samples: samples(
        () => true,
        ({ time }) => (time === null ? null : (now - time) / 1000),
      ),
    },
  ];
}

const labelsOf = ({ meter, metric }: LatestReading): string =>
  `${label('meter', meter.name)},${label('metric', metric.name)},${label('unit', metric.unit)}`;
