// What a value may look like: one function per format, from what a file, a variable or a flag says to what the program
// uses. Each throws Expected and says what to write instead. convict gets them as its formats; meters use them directly.

import { isIP } from 'node:net';
import { Expected } from './format-error.js';
import { type ParsedSchedule, parseSchedule } from './schedule.js';
import { durationOf, durationText, powerOf, sizeOf } from './units.js';

/** What a key says about its values beyond the format. Lengths of time in ms, sizes in bytes. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
}

const textOf = (value: unknown, expected: string): string => {
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  throw new Expected(
    typeof value === 'number' || typeof value === 'boolean' ? `${expected}; put it in quotes` : expected,
  );
};

function within(value: number, bounds: Bounds, expected: string): number {
  if (value >= (bounds.min ?? Number.NEGATIVE_INFINITY) && value <= (bounds.max ?? Number.POSITIVE_INFINITY))
    return value;
  throw new Expected(expected);
}

function duration(value: unknown, bounds: Bounds): number {
  const { min = 0, max } = bounds;
  const range = max === undefined ? `at least ${durationText(min)}` : `${durationText(min)} to ${durationText(max)}`;
  const expected = `a length of time with its unit, such as 500ms, 15s, 5m or 90d (${range})`;
  const ms = durationOf(value);
  if (ms === null) throw new Expected(expected);
  return within(ms, bounds, expected);
}

function size(value: unknown, bounds: Bounds): number {
  const least = bounds.min === undefined ? '' : ` (at least ${bounds.min / 1e6}MB)`;
  const expected = `a size with its unit, such as 500MB or 2GB${least}`;
  const bytes = sizeOf(value);
  if (bytes === null) throw new Expected(expected);
  return within(bytes, bounds, expected);
}

/** Watts. */
function power(value: unknown): number {
  const watts = powerOf(value);
  if (watts === null || watts === 0) throw new Expected('a power with its unit, such as 250kW');
  return watts;
}

function number(value: unknown, bounds: Bounds): number {
  const expected = `a number${bounds.min === undefined ? '' : `, at least ${bounds.min}`}`;
  const text = typeof value === 'string' && /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(value.trim());
  if (!text && typeof value !== 'number') throw new Expected(expected);
  const result = Number(value);
  if (!Number.isFinite(result)) throw new Expected(expected);
  return within(result, bounds, expected);
}

function integer(value: unknown, bounds: Bounds): number {
  const { min, max } = bounds;
  const expected = `a whole number, ${min ?? 0}${max === undefined ? ' or more' : `–${max}`}`;
  const result = typeof value === 'string' && /^[-+]?\d+$/.test(value.trim()) ? Number(value) : value;
  if (typeof result !== 'number' || !Number.isSafeInteger(result)) throw new Expected(expected);
  return within(result, bounds, expected);
}

/** Text of a list, or a number of it (9600, 8), as text. */
function choice(value: unknown, { choices = [] }: Bounds): string {
  const written = typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : undefined;
  const found = choices.find((one) => one === written);
  if (found === undefined) throw new Expected(`one of ${choices.join(', ')}`);
  return found;
}

function flag(value: unknown): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new Expected('true or false');
}

/** May be empty. */
function text(value: unknown): string {
  if (value === null || value === undefined || value === '') return '';
  return textOf(value, 'text');
}

/** Only as text: YAML would read 0047 as the number 47. */
const serialNumber = (value: unknown): string => textOf(value, 'a serial number');

const path = (value: unknown): string => textOf(value, 'the path of a file or folder');

function host(value: unknown): string {
  const expected = 'a host name or an IP address, without scheme or port';
  const name = textOf(value, expected);
  const bare = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
  if (isIP(bare) !== 0) return bare;
  if (/^[\d.]+$/.test(bare)) throw new Expected(`${expected}; this is not a complete IP address`);
  if (!/^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(bare)) {
    throw new Expected(expected);
  }
  return bare;
}

/** Host names or addresses, as a list, or separated by commas. */
function hosts(value: unknown): readonly string[] {
  const items: unknown = typeof value === 'string' ? value.split(',').filter((item) => item.trim() !== '') : value;
  if (!Array.isArray(items)) throw new Expected('a list of host names or IP addresses, without scheme or port');
  return items.map((item) => host(item).toLowerCase());
}

function topicPrefix(value: unknown): string {
  const expected = 'a topic prefix such as UW/Mercer/nexus_meter';
  const name = textOf(value, expected);
  if (name.length > 200) throw new Expected(`${expected}, of at most 200 characters`);
  if (/[\p{Cc}\p{Cf}]/u.test(name)) throw new Expected(`${expected}, without control characters`);
  if (name.split('/').some((part) => part.trim() === '' || part.trim() !== part)) {
    throw new Expected(`${expected}: no slash at either end, nothing empty or blank between slashes`);
  }
  return name;
}

const schedule = (value: unknown): ParsedSchedule =>
  parseSchedule(textOf(value, 'an interval such as 15s, or a cron expression'));

function timezone(value: unknown): string {
  const name = textOf(value, 'a time zone such as UTC or America/Los_Angeles');
  // Newer versions of Node.js take offsets such as +02:00, too, which have no summer time.
  if (!/^[a-z]/i.test(name)) throw new Expected('a time zone of the IANA list, such as UTC or America/Los_Angeles');
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    throw new Expected('a time zone of the IANA list, such as UTC or America/Los_Angeles');
  }
}

const schemes: Readonly<Record<string, string>> = {
  'postgresql:': 'postgresql:',
  'postgres:': 'postgresql:',
  'mysql:': 'mysql:',
  'mariadb:': 'mysql:',
};

/** `file:…`, `postgresql://…` or `mysql://…`; the other names of the two servers are brought to these. */
function databaseUrl(value: unknown): string {
  const expected =
    'file:./data/emdc.db, postgresql://user:password@host:5432/database or mysql://user:password@host:3306/database';
  const url = textOf(value, expected);
  if (/^file:./.test(url)) return url;
  const scheme = /^[a-z]+:/i.exec(url)?.[0].toLowerCase() ?? '';
  const known = schemes[scheme];
  if (!known || !url.slice(scheme.length).startsWith('//')) throw new Expected(expected);
  if (!URL.canParse(url)) {
    throw new Expected(`${expected}; in a password, write / ? # @ : % as %2F %3F %23 %40 %3A %25`);
  }
  const { hostname, pathname } = new URL(url);
  if (hostname === '' || pathname.length < 2) throw new Expected(`${expected}: host and database name are needed`);
  return `${known}${url.slice(scheme.length)}`;
}

function retention(value: unknown, bounds: Bounds): number | null {
  if (value === 'forever') return null;
  try {
    return duration(value, bounds);
  } catch {
    throw new Expected(`forever, or a length of time such as 90d (at least ${durationText(bounds.min ?? 0)})`);
  }
}

export const formats = {
  choice,
  databaseUrl,
  duration,
  flag,
  host,
  hosts,
  integer,
  number,
  path,
  power,
  retention,
  schedule,
  serialNumber,
  size,
  text,
  timezone,
  topicPrefix,
} as const satisfies Record<string, (value: unknown, bounds: Bounds) => unknown>;

export type FormatName = keyof typeof formats;
