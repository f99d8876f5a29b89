// What a meter's registers held at one moment, and what the map's metrics mean in it when a row is read one or two
// registers off or with its words exchanged. Filled once per round; a search over corrections then only looks up.

import { decodeMetric } from '../codec/decode.js';
import type { Metric, RegisterFunction } from '../model/meter.js';

export const SHIFTS = [-2, -1, 0, 1, 2] as const;
export type Shift = (typeof SHIFTS)[number];

export class RegisterImage {
  readonly #tables = new Map<RegisterFunction, Map<number, number>>();

  /** `data`: registers high byte first, from `start`. */
  put(table: RegisterFunction, start: number, data: Buffer): void {
    const registers = this.#tables.get(table) ?? new Map<number, number>();
    this.#tables.set(table, registers);
    for (let word = 0; word * 2 + 1 < data.length; word++) registers.set(start + word, data.readUInt16BE(word * 2));
  }

  get(table: RegisterFunction, address: number): number | null {
    return this.#tables.get(table)?.get(address) ?? null;
  }

  /** The bytes of `count` registers; null where one of them was not read. */
  bytes(table: RegisterFunction, start: number, count: number): Buffer | null {
    const data = Buffer.alloc(count * 2);
    for (let word = 0; word < count; word++) {
      const register = this.get(table, start + word);
      if (register === null) return null;
      data.writeUInt16BE(register, word * 2);
    }
    return data;
  }
}

/** How a metric's registers are to be read instead of as its row says. */
export interface Variant {
  readonly shift: Shift;
  readonly swapWords: boolean;
}

export interface Ratios {
  readonly ctRatio: number;
  readonly ptRatio: number;
}

/** NaN: registers not read, not available, or no number. Coils and discrete inputs have no variants. */
export function valueAt(
  image: RegisterImage,
  metric: Metric,
  { shift, swapWords, ratios, exponent }: Variant & { ratios: Ratios; exponent: number | null },
): number {
  if (metric.function === 'coil' || metric.function === 'discrete') return Number.NaN;
  const moved: Metric = {
    ...metric,
    address: metric.address + shift,
    wordOrder: swapWords === (metric.wordOrder === 'big') ? 'little' : 'big',
    exponent: null,
  };
  const data = image.bytes(moved.function, moved.address, moved.size);
  if (data === null) return Number.NaN;
  const decoded = decodeMetric(moved, data, exponent === null ? ratios : { ...ratios, exponent });
  return decoded.value ?? Number.NaN;
}

/** Every metric as its row says; NaN: not read, not available or no number. */
export function imageValues(
  image: RegisterImage,
  { metrics, ctRatio, ptRatio }: Ratios & { readonly metrics: readonly Metric[] },
): Float64Array {
  const ratios = { ctRatio, ptRatio };
  return Float64Array.from(metrics, (metric) => {
    const holder = metrics.find(({ name }) => name === metric.exponent);
    const asWritten = { shift: 0, swapWords: false, ratios } as const;
    const exponent = holder === undefined ? null : valueAt(image, holder, { ...asWritten, exponent: null });
    return valueAt(image, metric, { ...asWritten, exponent });
  });
}
