// One entry of a data-generation file, in the words of the ancestor's gendata (kjiwa/lotus-leaf, src/gendata), with its
// defaults; or everything that is wrong with the file.

import { InvalidInput, messageOf, type Problem } from '../model/errors.js';
import { parseJsonWithComments } from './json-comments.js';

/** value(t) = offset + cosine × cos(2πt/period) + sine × sin(2πt/period) ± spread, t in seconds since `start` */
export interface Series {
  readonly topic: string;
  /** ms UTC. */
  readonly start: number;
  /** ms UTC; no sample is taken at or after it. */
  readonly end: number;
  readonly samplesPerSecond: number;
  readonly periodSeconds: number;
  readonly cosine: number;
  readonly sine: number;
  readonly offset: number;
  /** Each value is moved at random by at most this much, either way. */
  readonly spread: number;
}

/** Values that take the place of the file's. */
export interface Overrides {
  readonly topic?: string | undefined;
  readonly samplesPerSecond?: number | undefined;
  readonly spread?: number | undefined;
}

/** `topic_id` is known and ignored: a topic is its name, and the database numbers it. */
const KEYS = new Set([
  'start',
  'end',
  'topic_id',
  'topic_name',
  'sample_rate',
  'period',
  'amplitude_cos',
  'amplitude_sin',
  'amplitude_offset',
  'spread',
]);

/** Throws InvalidInput with every problem of the file. */
export function parseSeries(text: string, file: string, overrides: Overrides = {}): readonly Series[] {
  let entries: unknown;
  try {
    entries = parseJsonWithComments(text);
  } catch (error) {
    const problem = { severity: 'error', rule: 'json', file, place: 'file', value: null } as const;
    throw new InvalidInput('data generation file', [{ ...problem, expected: `JSON: ${messageOf(error)}` }]);
  }
  const problems: Problem[] = [];
  const report = (rule: string, place: string, value: unknown, expected: string) =>
    problems.push({
      severity: 'error',
      rule,
      file,
      place,
      value: value === undefined ? null : String(value),
      expected,
    });
  if (!Array.isArray(entries)) report('list', 'file', typeof entries, 'expected a list of series: [ {…}, {…} ]');
  const series = (Array.isArray(entries) ? entries : []).map((entry: unknown, index) => {
    const place = `[${index}]`;
    if (typeof entry !== 'object' || entry === null) {
      report('series', place, entry, 'expected an object');
      return null;
    }
    return new Reader(entry as Record<string, unknown>, place, report).series(overrides);
  });
  if (problems.length > 0) throw new InvalidInput('data generation file', problems);
  return series.filter((one) => one !== null);
}

class Reader {
  readonly #entry: Record<string, unknown>;
  readonly #place: string;
  readonly #report: (rule: string, place: string, value: unknown, expected: string) => void;

  constructor(
    entry: Record<string, unknown>,
    place: string,
    report: (rule: string, place: string, value: unknown, expected: string) => void,
  ) {
    this.#entry = entry;
    this.#place = place;
    this.#report = report;
  }

  series(overrides: Overrides): Series {
    for (const key of Object.keys(this.#entry)) {
      if (!KEYS.has(key)) this.#problem('unknown-key', key, `expected one of ${[...KEYS].join(', ')}`);
    }
    const start = this.#time('start');
    const end = this.#time('end');
    if (end < start) this.#problem('range', 'end', 'expected a time not before start');
    return {
      topic: overrides.topic ?? this.#topic(),
      start,
      end,
      samplesPerSecond: overrides.samplesPerSecond ?? this.#positive('sample_rate', 0.01),
      periodSeconds: this.#positive('period', 86_400),
      cosine: this.#number('amplitude_cos', 0),
      sine: this.#number('amplitude_sin', 0),
      offset: this.#number('amplitude_offset', 0),
      spread: overrides.spread ?? this.#number('spread', 0.05),
    };
  }

  #problem(rule: string, key: string, expected: string): number {
    this.#report(rule, `${this.#place}.${key}`, this.#entry[key], expected);
    return Number.NaN;
  }

  #topic(): string {
    const name = this.#entry['topic_name'];
    if (typeof name === 'string' && /^[^/].*\/[^/]+$/.test(name)) return name;
    this.#problem('topic', 'topic_name', 'expected <topic prefix>/<metric name>');
    return '';
  }

  #time(key: string): number {
    const text = this.#entry[key];
    const iso =
      typeof text === 'string'
        ? /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?(Z|[+-]\d\d:?\d\d)?$/.exec(text)
        : null;
    const time = iso ? Date.parse(`${iso[1]}T${iso[2] ?? '00:00'}${iso[3] ?? 'Z'}`) : Number.NaN;
    if (!Number.isNaN(time)) return time;
    return this.#problem('time', key, 'expected a time such as 2017-12-20T00:00:00Z (UTC where no zone is given)');
  }

  #number(key: string, fallback: number): number {
    const raw = this.#entry[key] ?? fallback;
    const value = typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : raw;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return this.#problem('number', key, 'expected a number');
  }

  #positive(key: string, fallback: number): number {
    const value = this.#number(key, fallback);
    return value <= 0 ? this.#problem('positive', key, 'expected a number above 0') : value;
  }
}
