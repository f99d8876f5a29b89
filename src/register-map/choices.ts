// The columns whose cells hold one of a few words, and the lists of raw codes.

import type { MetricKind, Order, RegisterFunction, Side } from '../model/meter.js';
import { plain } from './columns.js';
import type { Problems } from './problem.js';
import type { Cell } from './workbook.js';

type Words<T> = ReadonlyMap<string, T>;

const words = <T>(table: readonly (readonly [T, readonly string[]])[]): Words<T> =>
  new Map(table.flatMap(([value, names]) => names.map((name): [string, T] => [plain(name), value])));

export const functionWords: Words<RegisterFunction> = words([
  ['holding', ['holding', 'holding register', 'holding registers', '3']],
  ['input', ['input', 'input register', 'input registers', '4']],
  ['coil', ['coil', 'coils', '1']],
  ['discrete', ['discrete', 'discrete input', 'discrete inputs', '2']],
]);

export const orderWords: Words<Order> = words([
  ['big', ['big', 'big endian']],
  ['little', ['little', 'little endian']],
]);

export const sideWords: Words<Side> = words([
  ['primary', ['primary']],
  ['secondary-current', ['secondary-current']],
  ['secondary-voltage', ['secondary-voltage']],
  ['secondary-power', ['secondary-power']],
]);

export const readWords: Words<'always' | 'once'> = words([
  ['always', ['always', 'every cycle']],
  ['once', ['once']],
]);

/** `0=off;1=on`: texts by raw number. */
export function toLabels(cell: Cell, problems: Problems): ReadonlyMap<number, string> | undefined {
  const labels = new Map<number, string>();
  for (const part of String(cell.value).split(';')) {
    const [, number, text] = /^\s*(-?\d+|0x[0-9a-f]+)\s*=\s*(.*\S)\s*$/i.exec(part) ?? [];
    if (number === undefined || text === undefined || labels.has(Number(number))) {
      const expected = 'expected numbers with their texts, each number once: 0=off;1=on';
      problems.add('bad-labels', { cell: cell.ref, value: cell.value, expected });
      return undefined;
    }
    labels.set(Number(number), text);
  }
  return labels;
}

/** One of the words; adds `unknown-choice` and is undefined where it is none of them. */
export function toChoice<T extends string>(cell: Cell, known: Words<T>, problems: Problems): T | undefined {
  const value = known.get(plain(String(cell.value)));
  if (value === undefined) {
    const expected = `expected one of ${[...new Set(known.values())].join(', ')}`;
    problems.add('unknown-choice', { cell: cell.ref, value: cell.value, expected });
  }
  return value;
}

const COUNTER = /^counter(?:[\s(@:]*(?:wraps|range)?(?:\s+at)?\s*([\d.]+(?:e[+-]?\d+)?)\s*\)?)?$/i;

/** `gauge`, `counter`, or `counter 100000000`: it starts again from 0 at that value, in the metric's unit. */
export function toKind(cell: Cell, problems: Problems): MetricKind | undefined {
  const text = String(cell.value);
  if (/^gauge$/i.test(text)) return { type: 'gauge' };
  const counter = COUNTER.exec(text);
  const range = counter?.[1] === undefined ? null : Number(counter[1]);
  if (counter === null || (range !== null && !(Number.isFinite(range) && range > 0))) {
    problems.add('bad-kind', {
      cell: cell.ref,
      value: text,
      expected:
        'expected gauge, counter, or counter and the value it wraps at in the unit of the metric: counter 100000000',
    });
    return undefined;
  }
  return { type: 'counter', range };
}

/**
 * Raw codes that mean "no value", separated by spaces, commas or semicolons, as unsigned integers of `bits` bits.
 * `-32768` is taken for its two's complement.
 */
export function toNotAvailable(cell: Cell, bits: number, problems: Problems): bigint[] | undefined {
  const codes: bigint[] = [];
  const limit = 1n << BigInt(bits);
  const bad = (value: string, expected: string): undefined => {
    problems.add('bad-not-available', { cell: cell.ref, value, expected });
  };
  if (cell.kind === 'boolean') return bad(String(cell.value), 'expected raw codes such as 0x8000');
  if (typeof cell.value === 'number' && !Number.isSafeInteger(cell.value)) {
    return bad(
      String(cell.value),
      'too large for a numeric cell to hold exactly: write it as text, 0x8000000000000000',
    );
  }
  for (const word of String(cell.value)
    .split(/[\s,;]+/)
    .filter((part) => part !== '')) {
    if (!/^(0x[0-9a-f]+|-?\d+)$/i.test(word))
      return bad(word, 'expected raw codes such as 0x8000, or several: 0x7FFF 0x8000');
    const code = BigInt(word);
    if (code >= limit || code < -limit / 2n) {
      return bad(
        word,
        `expected a raw code of ${bits} bits, the width of the data type: 0x${(limit - 1n).toString(16).toUpperCase()} at most`,
      );
    }
    codes.push(BigInt.asUintN(bits, code));
  }
  for (const code of codes) warnOfSuspect(cell, code, bits, problems);
  return codes;
}

function warnOfSuspect(cell: Cell, code: bigint, bits: number, problems: Problems): void {
  const hex = (value: bigint): string => `0x${value.toString(16).toUpperCase()}`;
  const suspect = (expected: string): void =>
    problems.add('suspicious-not-available', { cell: cell.ref, value: hex(code), expected });
  if (code === 0n) suspect('0 is a reading like any other: a meter at rest would have none');
  // A code copied from a narrower type: 0xFFFF for 32 bits, where the meter sends 0xFFFFFFFF.
  for (const narrow of [16, 32]) {
    if (narrow >= bits) continue;
    const ones = (1n << BigInt(narrow)) - 1n;
    const top = 1n << BigInt(narrow - 1);
    if (code === ones)
      suspect(`a code of ${narrow} bits for a data type of ${bits}: is ${hex((1n << BigInt(bits)) - 1n)} meant?`);
    if (code === top)
      suspect(`a code of ${narrow} bits for a data type of ${bits}: is ${hex(1n << BigInt(bits - 1))} meant?`);
  }
}
