// Numbers as people read them: the shortest decimals that say the same.

/** A FLOAT32 has 24 bits: half a unit in its last place, relative to the value. */
const HALF_FLOAT32 = 2 ** -25;

/**
 * The shortest decimal that a reading of this data type cannot be told from: 230.1 for 230.10000610351562 of a FLOAT32.
 * Of other types, digits behind the 15th are left out: they are noise of the scaling (0.1 × 3).
 */
export function valueText(value: number, dataType: string): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  if (dataType !== 'FLOAT32') return String(Number(value.toPrecision(15)));
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.abs(shorter - value) <= Math.abs(value) * HALF_FLOAT32) return String(shorter);
  }
  return String(Number(value.toPrecision(9)));
}

/** To three decimals. */
export const milliseconds = (ms: number): number => Math.round(ms * 1000) / 1000;
