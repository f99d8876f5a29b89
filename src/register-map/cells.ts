// Takes single cells for what their column wants: text, a number, one of a few words. A cell that cannot be taken adds
// its problem and is undefined; the caller goes on, so that all problems of a sheet come out at once.

import type { Problems } from './problem.js';
import type { Cell } from './workbook.js';

/** False, with a problem, for dates, errors and formulas without a value, which no column takes. */
export function isTakeable(cell: Cell, problems: Problems): boolean {
  switch (cell.kind) {
    case 'date':
      problems.add('date-cell', {
        cell: cell.ref,
        value: cell.value,
        expected: 'the cell is a date: format it as text or as a plain number, then type the value again',
      });
      return false;
    case 'error':
      problems.add('error-cell', {
        cell: cell.ref,
        value: cell.value,
        expected: 'the cell holds an error: mend its formula, or type the value',
      });
      return false;
    case 'uncomputed':
      problems.add('uncomputed-formula', {
        cell: cell.ref,
        value: cell.value,
        expected: 'the formula has no stored value: open and save the file in a spreadsheet program, or type the value',
      });
      return false;
    case 'text':
    case 'number':
    case 'boolean':
      return true;
  }
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const HEX = /^0x[0-9a-f]{1,8}$/i;
const DECIMAL_COMMA = /^[+-]?\d+,\d+(e[+-]?\d+)?$/i;

export interface NumberWant {
  /** A whole number, for which `0x1206` is a good way to write it, too. */
  readonly whole: boolean;
  /** In a .csv file every number is text. */
  readonly textIsNormal: boolean;
  /** `a zero-based address, 0–65535` */
  readonly what: string;
}

export function toNumber(cell: Cell, want: NumberWant, problems: Problems): number | undefined {
  const number = cell.kind === 'number' ? Number(cell.value) : textToNumber(cell, want, problems);
  if (number === undefined) return undefined;
  if (!Number.isFinite(number)) {
    problems.add('not-a-number', { cell: cell.ref, value: cell.value, expected: `expected ${want.what}` });
    return undefined;
  }
  if (want.whole && !Number.isInteger(number)) {
    problems.add('not-a-whole-number', { cell: cell.ref, value: cell.value, expected: `expected ${want.what}` });
    return undefined;
  }
  return number;
}

function textToNumber(cell: Cell, want: NumberWant, problems: Problems): number | undefined {
  const text = String(cell.value);
  if (cell.kind === 'text' && want.whole && HEX.test(text)) return Number(text);
  if (cell.kind === 'text' && DECIMAL.test(text)) {
    const number = Number(text);
    if (!want.textIsNormal && Number.isFinite(number)) {
      problems.add('number-as-text', {
        cell: cell.ref,
        value: text,
        expected: `taken as ${number}; convert the cell to a number`,
        fix: { type: 'set', cell: cell.ref, value: number },
      });
    }
    return number;
  }
  if (!want.whole && DECIMAL_COMMA.test(text)) {
    const number = Number(text.replace(',', '.'));
    problems.add('decimal-comma', {
      cell: cell.ref,
      value: text,
      expected: `expected a decimal point: ${number}`,
      fix: { type: 'set', cell: cell.ref, value: number },
    });
    return undefined;
  }
  problems.add('not-a-number', { cell: cell.ref, value: cell.value, expected: `expected ${want.what}${hint(text)}` });
  return undefined;
}

function hint(text: string): string {
  const hex = /^(?:&h|\$|x)?([0-9a-f]+)h?$/i.exec(text);
  if (hex?.[1] !== undefined && /[a-f&$hx]/i.test(text)) return `; hexadecimal is written 0x${hex[1]}`;
  if (text.startsWith('=')) return '; a .csv file holds values, not formulas';
  return '';
}
