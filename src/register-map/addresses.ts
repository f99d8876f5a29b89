// Addresses as documents print them. EMDC's are zero-based wire addresses; many documents print 40001 for holding
// register 0, 30001 for input register 0, or six digits (400001).

import type { RegisterFunction } from '../model/meter.js';

export interface Printed {
  readonly function: RegisterFunction;
  readonly address: number;
}

/** What a six-digit register number past 65535 most likely means; null: nothing. */
export function fromSixDigits(number: number): Printed | null {
  if (number >= 400_001 && number <= 465_536) return { function: 'holding', address: number - 400_001 };
  if (number >= 300_001 && number <= 365_536) return { function: 'input', address: number - 300_001 };
  if (number >= 100_001 && number <= 165_536) return { function: 'discrete', address: number - 100_001 };
  return null;
}

/** What a five-digit number may mean beside itself; null: only itself. */
export function fromFiveDigits(number: number, fn: RegisterFunction): Printed | null {
  if (fn === 'holding' && number >= 40_001 && number <= 49_999) return { function: fn, address: number - 40_001 };
  if (fn === 'input' && number >= 30_001 && number <= 39_999) return { function: fn, address: number - 30_001 };
  if (fn === 'discrete' && number >= 10_001 && number <= 19_999) return { function: fn, address: number - 10_001 };
  return null;
}

/** For people: what to do about an address that `fromFiveDigits` takes for a printed number. */
export function notationHint(likely: number, written: number, isCsv: boolean): string {
  const hint = `looks like a printed register number, which would be address ${likely}`;
  return isCsv
    ? `${hint}: if so, write that`
    : `${hint}: write that, or say in the sheet Meter what to add to the addresses: Base Address ${likely - written}; 0 if they are as they should be`;
}
