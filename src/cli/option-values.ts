// Values of flags and arguments that are not keys of the configuration: judged where they are parsed, so that a wrong one
// is wrong usage.

import { InvalidArgumentError } from 'commander';
import { Expected } from '../config/format-error.js';
import { formats } from '../config/formats.js';

/** A parser for commander: whole numbers from `least` to `most`. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };

/** A parser for commander: numbers from `least` to `most`. */
export const numberFrom =
  (least: number, most = Number.MAX_VALUE) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    const range = most === Number.MAX_VALUE ? `${least} or more` : `${least} to ${most}`;
    throw new InvalidArgumentError(`Expected a number${least === -Number.MAX_VALUE ? '' : `, ${range}`}.`);
  };

export const anyNumber = numberFrom(-Number.MAX_VALUE);

/** Milliseconds. */
export const duration = (text: string): number => judged(() => formats.duration(text, { max: 86_400_000 }));

export interface Address {
  readonly host: string;
  /** null: not written. */
  readonly port: number | null;
}

/** `HOST`, `HOST:PORT`, `::1`, `[::1]:502` */
export function address(text: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? text;
  if (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535)) {
    throw new InvalidArgumentError('Expected a port from 1 to 65535.');
  }
  return { host: judged(() => formats.host(host)), port: port === undefined ? null : Number(port) };
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

/** `1-3,7` for [1, 2, 3, 7]. */
export function unitIdsText(ids: readonly number[]): string {
  const parts: { from: number; to: number }[] = [];
  for (const id of ids) {
    const last = parts.at(-1);
    if (last && id === last.to + 1) last.to = id;
    else parts.push({ from: id, to: id });
  }
  return parts.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

/** What a format of the configuration makes of it, or wrong usage. */
export function judged<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Expected) throw new InvalidArgumentError(`Expected ${error.message}.`);
    throw error;
  }
}
