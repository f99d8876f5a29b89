// When a meter is read: `15s`, or a cron expression. Intervals must divide a minute, an hour or a day evenly, so that
// slots fall on the same places of the clock every day and meters with different starts still meet.

import { parseCron } from './cron.js';
import { Expected } from './format-error.js';

export interface ParsedSchedule {
  readonly text: string;
  readonly cron: string;
  readonly intervalMs: number | null;
}

/** Seconds of every interval that six cron fields can say. */
export const intervals: readonly number[] = [
  ...divisorsOf(60).slice(0, -1),
  ...divisorsOf(60)
    .slice(0, -1)
    .map((minutes) => minutes * 60),
  ...divisorsOf(24).map((hours) => hours * 3600),
];

/** Throws Expected. Text that begins with a number and a unit is an interval, everything else a cron expression. */
export function parseSchedule(text: string): ParsedSchedule {
  const trimmed = text.trim();
  const interval = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/.exec(trimmed);
  if (!interval) {
    if (trimmed.split(/\s+/).length < 2) {
      throw new Expected('an interval such as 15s, 5m or 1h, or a cron expression such as "*/15 * * * * *"');
    }
    return { text: trimmed, cron: parseCron(trimmed), intervalMs: null };
  }
  const unit = interval[2] as keyof typeof secondsPer;
  const seconds = Math.round(Number(interval[1]) * secondsPer[unit] * 1000) / 1000;
  if (!intervals.includes(seconds)) {
    throw new Expected(`an interval that divides a minute, an hour or a day evenly, such as ${neighbours(seconds)}`);
  }
  return { text: trimmed, cron: cronOf(seconds), intervalMs: seconds * 1000 };
}

const secondsPer = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

function cronOf(seconds: number): string {
  if (seconds < 60) return `${every(seconds)} * * * * *`;
  if (seconds < 3600) return `0 ${every(seconds / 60)} * * * *`;
  return seconds === 86_400 ? '0 0 0 * * *' : `0 0 ${every(seconds / 3600)} * * *`;
}

const every = (step: number): string => (step === 1 ? '*' : `*/${step}`);

function neighbours(seconds: number): string {
  const below = intervals.findLast((interval) => interval < seconds);
  const above = intervals.find((interval) => interval > seconds);
  return [below, above].flatMap((interval) => (interval === undefined ? [] : [intervalText(interval)])).join(' or ');
}

function intervalText(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  return seconds < 3600 ? `${seconds / 60}m` : `${seconds / 3600}h`;
}

function divisorsOf(number: number): number[] {
  return Array.from({ length: number }, (_, index) => index + 1).filter((divisor) => number % divisor === 0);
}
