// Numbers, times and spans for people to look at. What is exact stands in the tooltip beside them.

const NARROW_SPACE = '\u202f';

/** About seven significant digits, thousands set apart; as many decimals for 49.98 as for 50, so that nothing dances. */
export function numberFor(value: number): string {
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size >= 1e15 || size < 1e-4) return value.toExponential(3);
  const decimals = size >= 1e5 ? 1 : size >= 100 ? 2 : size >= 1 ? 3 : 4;
  const [whole = '', fraction] = (Number.isInteger(value) ? String(value) : value.toFixed(decimals)).split('.');
  const grouped = size >= 1e4 ? whole.replace(/\B(?=(\d{3})+$)/g, NARROW_SPACE) : whole;
  return `${grouped}${fraction === undefined ? '' : `.${fraction}`}`.replace('-', '\u2212');
}

/** `3 s`, `12 min`, `5 h`, `40 d` */
export function spanFor(ms: number): string {
  const steps: readonly (readonly [limit: number, unit: number, name: string])[] = [
    [120_000, 1000, 's'],
    [7_200_000, 60_000, 'min'],
    [172_800_000, 3_600_000, 'h'],
    [Number.POSITIVE_INFINITY, 86_400_000, 'd'],
  ];
  const [, unit, name] = steps.find(([limit]) => Math.abs(ms) < limit) as (typeof steps)[number];
  return `${Math.round(ms / unit)} ${name}`;
}

/** `14:03:15 UTC`, with the day in front where it is not today's. */
export function timeFor(time: number, now: number): string {
  const [day, clock = ''] = new Date(time).toISOString().split('T');
  return `${new Date(now).toISOString().startsWith(`${day}T`) ? '' : `${day} `}${clock.slice(0, 8)} UTC`;
}

export const millisecondsFor = (ms: number): string => (ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`);

/** `900 B`, `1.2 MB` */
export function bytesFor(bytes: number): string {
  const step = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${step === 0 ? bytes : (bytes / 1000 ** step).toFixed(1)} ${['B', 'kB', 'MB', 'GB', 'TB'][step]}`;
}
