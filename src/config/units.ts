// Numbers with units, as a configuration and flags write them: 15s, 500MB, 250kW. Pure.

interface Unit {
  readonly name: string;
  readonly factor: number;
}

const durations: readonly Unit[] = [
  { name: 'ms', factor: 1 },
  { name: 's', factor: 1000 },
  { name: 'm', factor: 60_000 },
  { name: 'h', factor: 3_600_000 },
  { name: 'd', factor: 86_400_000 },
];

const sizes: readonly Unit[] = [
  { name: 'b', factor: 1 },
  { name: 'kb', factor: 1e3 },
  { name: 'mb', factor: 1e6 },
  { name: 'gb', factor: 1e9 },
  { name: 'tb', factor: 1e12 },
  { name: 'kib', factor: 2 ** 10 },
  { name: 'mib', factor: 2 ** 20 },
  { name: 'gib', factor: 2 ** 30 },
  { name: 'tib', factor: 2 ** 40 },
];

const powers: readonly Unit[] = [
  { name: 'w', factor: 1 },
  { name: 'kw', factor: 1e3 },
  { name: 'mw', factor: 1e6 },
  { name: 'gw', factor: 1e9 },
];

/** Milliseconds; null: not a length of time. A bare 0 needs no unit. */
export const durationOf = (value: unknown): number | null =>
  value === 0 || value === '0' ? 0 : quantity(value, durations, 'case matters');

/** Bytes; null: not a size. */
export const sizeOf = (value: unknown): number | null => quantity(value, sizes, 'any case');

/** Watts; null: not a power. */
export const powerOf = (value: unknown): number | null => quantity(value, powers, 'any case');

/** `90d` for a length of time in milliseconds, in the largest unit that divides it. */
export function durationText(ms: number): string {
  if (ms === 0) return '0ms';
  const unit = durations.findLast(({ factor }) => ms % factor === 0) ?? { name: 'ms', factor: 1 };
  return `${ms / unit.factor}${unit.name}`;
}

function quantity(value: unknown, units: readonly Unit[], letters: 'case matters' | 'any case'): number | null {
  if (typeof value !== 'string') return null;
  const [, digits, written = ''] = /^(\d{1,15}(?:\.\d{1,15})?) ?([a-zA-Z]{1,3})$/.exec(value.trim()) ?? [];
  const wanted = letters === 'any case' ? written.toLowerCase() : written;
  const unit = units.find(({ name }) => name === wanted);
  if (digits === undefined || !unit) return null;
  const result = Math.round(Number(digits) * unit.factor);
  return Number.isSafeInteger(result) ? result : null;
}
