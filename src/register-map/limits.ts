// The optional sheet `Limits` of a workbook: what a meter of this type can take, one limit a row, name and value.

import type { MapLimits } from '../meter.js';
import { isTakeable, toNumber } from './cells.js';
import { plain } from './columns.js';
import { Problems } from './problem.js';
import type { Cell, Workbook } from './workbook.js';

export interface LimitsSheet extends MapLimits {
  /** The map's author vouches that addresses such as 40070 are wire addresses. */
  readonly zeroBased: boolean;
}

interface NumericLimit {
  readonly header: string;
  readonly least: number;
  readonly most: number;
}

export const numericLimits = {
  maxRegisters: { header: 'Max Registers', least: 1, most: 125 },
  maxGap: { header: 'Max Gap', least: 0, most: 124 },
  pauseMs: { header: 'Pause ms', least: 0, most: 60_000 },
} as const satisfies Record<keyof MapLimits, NumericLimit>;

export const zeroBasedHeader = 'Zero-Based Addresses';

export const noLimits: LimitsSheet = { maxRegisters: null, maxGap: null, pauseMs: null, zeroBased: false };

export function readLimits(
  book: Workbook,
  file: string,
): { readonly limits: LimitsSheet; readonly problems: Problems } {
  const sheet = book.sheets.find((candidate) => plain(candidate.name) === 'limits');
  const problems = new Problems(file, sheet?.name ?? 'Limits');
  if (sheet === undefined || book.format === 'csv') return { limits: noLimits, problems };
  let limits = noLimits;
  for (const cells of sheet.rows.values()) {
    const name = cells.get(0);
    const value = cells.get(1);
    if (name === undefined || plain(String(name.value)) === 'limit') continue;
    limits = { ...limits, ...readLimit(name, value, problems) };
  }
  return { limits, problems };
}

function readLimit(name: Cell, value: Cell | undefined, problems: Problems): Partial<LimitsSheet> {
  const wanted = plain(String(name.value));
  if (wanted === plain(zeroBasedHeader)) {
    return { zeroBased: value !== undefined && /^(yes|true|1)$/i.test(String(value.value)) };
  }
  const key = (Object.keys(numericLimits) as (keyof MapLimits)[]).find(
    (candidate) => plain(numericLimits[candidate].header) === wanted,
  );
  if (key === undefined) {
    const known = [...Object.values(numericLimits).map((limit) => limit.header), zeroBasedHeader];
    problems.add('unknown-limit', {
      cell: name.ref,
      value: name.value,
      expected: `expected one of ${known.join(', ')}`,
    });
    return {};
  }
  if (value === undefined || !isTakeable(value, problems)) return {};
  const { least, most } = numericLimits[key];
  const what = `a whole number from ${least} to ${most}`;
  const number = toNumber(value, { whole: true, textIsNormal: true, what }, problems);
  if (number === undefined) return {};
  if (number < least || number > most) {
    problems.add('bad-limit', { cell: value.ref, value: value.value, expected: `expected ${what}` });
    return {};
  }
  return { [key]: number };
}
