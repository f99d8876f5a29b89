// Values of flags that are not keys of the configuration: judged where they are parsed, so that a wrong one is wrong usage.

import { InvalidArgumentError } from 'commander';
import { Expected } from '../config/format-error.js';
import { formats } from '../config/formats.js';

export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };

/** Milliseconds. */
export function duration(text: string): number {
  try {
    return formats.duration(text, {});
  } catch (error) {
    if (error instanceof Expected) throw new InvalidArgumentError(`Expected ${error.message}.`);
    throw error;
  }
}

/** `1-10,247` */
export function unitIds(text: string): number[] {
  const ids = new Set<number>();
  for (const part of text.split(',')) {
    const [, first = '', last = first] = /^\s*(\d{1,3})(?:\s*-\s*(\d{1,3}))?\s*$/.exec(part) ?? [];
    if (first === '' || Number(first) > Number(last) || Number(last) > 255) {
      throw new InvalidArgumentError('Expected unit ids from 0 to 255, as in 1-10,247.');
    }
    for (let id = Number(first); id <= Number(last); id++) ids.add(id);
  }
  return [...ids];
}
