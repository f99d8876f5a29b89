// Cron expressions, checked by field and position, in the plain grammar that every cron understands: five fields, or six
// with seconds first; `*`, numbers, names of months and days, ranges, lists, steps after `*` or a range. What passes
// here means the same to node-cron (a test compares them).

import { Expected } from './format-error.js';

interface Field {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly names: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const longestMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const fields: readonly Field[] = [
  { name: 'second', low: 0, high: 59, names: [] },
  { name: 'minute', low: 0, high: 59, names: [] },
  { name: 'hour', low: 0, high: 23, names: [] },
  { name: 'day of month', low: 1, high: 31, names: [] },
  { name: 'month', low: 1, high: 12, names: months },
  { name: 'day of week', low: 0, high: 7, names: days },
];

/** The same expression with six fields. Throws Expected, saying which field is wrong and why. */
export function parseCron(text: string): string {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6) {
    throw new Expected(`a cron expression of 5 fields, or 6 with seconds first; this has ${parts.length}`);
  }
  const six = parts.length === 5 ? ['0', ...parts] : parts;
  const values = fields.map((field, index) => {
    const part = six[index] as string;
    const position = index + 1 - (6 - parts.length);
    return part.split(',').flatMap((item) => parseItem(item, field, `field ${position} (${field.name})`));
  });
  const [, , , dayOfMonth = [], month = []] = values;
  if (!month.some((m) => dayOfMonth.some((day) => day <= (longestMonth[m - 1] ?? 31)))) {
    throw new Expected('a date that exists: this day of month never comes in this month');
  }
  return six.join(' ').toLowerCase();
}

function parseItem(item: string, field: Field, where: string): number[] {
  const [range = '', step, ...rest] = item.split('/');
  if (rest.length > 0) throw new Expected(`${where}: "${item}" has more than one step`);
  const every = step === undefined ? 1 : parseStep(step, field, where);
  if (range === '*') return span(field.low, field.high, every);
  const [first = '', last, ...more] = range.split('-');
  if (more.length > 0) throw new Expected(`${where}: "${item}" is no range`);
  if (last === undefined) {
    if (step !== undefined) throw new Expected(`${where}: a step needs a range, e.g. "${first}-${field.high}/${step}"`);
    return [parseNumber(first, field, where)];
  }
  const low = parseNumber(first, field, where);
  const high = parseNumber(last, field, where);
  if (low > high) throw new Expected(`${where}: the range "${range}" runs backwards`);
  return span(low, high, every);
}

function parseNumber(text: string, field: Field, where: string): number {
  const named = field.names.indexOf(text.toLowerCase());
  const value = named >= 0 ? named + field.low : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= field.low && value <= field.high) return value;
  const names = field.names.length > 0 ? ` or ${field.names[0]} … ${field.names.at(-1)}` : '';
  throw new Expected(`${where}: "${text}" is not ${field.low}–${field.high}${names}`);
}

function parseStep(text: string, field: Field, where: string): number {
  const step = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (step >= 1 && step <= field.high) return step;
  throw new Expected(`${where}: the step "${text}" is not 1–${field.high}`);
}

const span = (low: number, high: number, every: number): number[] =>
  Array.from({ length: Math.floor((high - low) / every) + 1 }, (_, index) => low + index * every);
