// Values as written, before anyone judged them, each with the place it was written at.

import type { Problem, Severity } from '../model/errors.js';
import { redact } from '../model/redact.js';
import type { MeterKeyName } from './schema.js';

export interface Raw {
  readonly value: unknown;
  /** A file's path, `environment` or `command line`. */
  readonly file: string;
  /** `http.port (line 12)`, `EMDC_HTTP_PORT`, `--http.port` */
  readonly place: string;
}

/** One item of a list as written, its keys not judged yet. */
export interface RawItem extends Omit<Raw, 'value'> {
  readonly keys: ReadonlyMap<string, Raw>;
}

/** One meter as written. */
export interface RawMeter extends RawItem {
  /** Where a key that is missing would be written. */
  readonly placeOf: (key: MeterKeyName) => string;
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a problem shows of a value: short, and without secrets. */
export function shown(value: unknown, sensitive = false): string | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return '[…]';
  if (typeof value === 'object') return '{…}';
  const text = redact(String(value));
  if (sensitive && text === String(value)) return '***';
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

export function problemAt(
  raw: Raw,
  problem: {
    readonly rule: string;
    readonly expected: string;
    readonly severity?: Severity;
    readonly sensitive?: boolean;
  },
): Problem {
  const { rule, expected, severity = 'error', sensitive = false } = problem;
  return { severity, rule, file: raw.file, place: raw.place, value: shown(raw.value, sensitive), expected };
}
