// When a meter is read: `15s`, or a cron expression. Intervals must divide a minute, an hour or a day evenly, so that
// slots fall on the same places of the clock every day and meters with different starts still meet.

import { checkExpression } from '../schedule/expression.js';
import { Expected } from './format-error.js';
import { durationOf, durationText } from './units.js';

export interface ParsedSchedule {
  /** As written. */
  readonly text: string;
  readonly cron: string;
  /** null: a cron expression. */
  readonly intervalMs: number | null;
}

const divisorsOf = (number: number): number[] =>
  Array.from({ length: number }, (_, index) => index + 1).filter((divisor) => number % divisor === 0);

/** Every interval that six cron fields can say, in seconds, ascending. */
export const intervals: readonly number[] = [
  ...divisorsOf(60).slice(0, -1),
  ...divisorsOf(60)
    .slice(0, -1)
    .map((minutes) => minutes * 60),
  ...divisorsOf(24).map((hours) => hours * 3600),
];

/** Throws Expected. Text of one word is an interval, everything else a cron expression. */
export function parseSchedule(text: string): ParsedSchedule {
  const trimmed = text.trim();
  const intervalMs = durationOf(trimmed);
  if (intervalMs !== null) {
    const seconds = intervalMs / 1000;
    if (intervals.includes(seconds)) return { text: trimmed, cron: cronOf(seconds), intervalMs };
    throw new Expected(`an interval that divides a minute, an hour or a day evenly, such as ${neighbours(seconds)}`);
  }
  if (!/\s/.test(trimmed)) {
    throw new Expected('an interval such as 15s, 5m or 1h, or a cron expression such as "*/15 * * * * *"');
  }
  const checked = checkExpression(trimmed);
  if (checked.valid) return { text: trimmed, cron: checked.cron, intervalMs: null };
  throw new Expected(`a cron expression of 5 fields, or 6 with seconds first: ${checked.problems.join('; ')}`);
}

function cronOf(seconds: number): string {
  const every = (step: number): string => (step === 1 ? '*' : `*/${step}`);
  if (seconds < 60) return `${every(seconds)} * * * * *`;
  if (seconds < 3600) return `0 ${every(seconds / 60)} * * * *`;
  return seconds === 86_400 ? '0 0 0 * * *' : `0 0 ${every(seconds / 3600)} * * *`;
}

function neighbours(seconds: number): string {
  const below = intervals.findLast((interval) => interval < seconds);
  const above = intervals.find((interval) => interval > seconds);
  return [below, above]
    .flatMap((interval) => (interval === undefined ? [] : [durationText(interval * 1000)]))
    .join(' or ');
}
