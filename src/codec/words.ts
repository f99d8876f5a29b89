// Registers as they lie on the wire, and the one order that the codec computes in: most significant byte first. Which data
// type fits how many registers is decided here and in raw.ts alone.

import type { DataType, Metric, Order, RegisterFunction } from '../model/meter.js';
import { rawTypeOf } from './raw.js';

/** Most registers, or bits, that the protocol lets one request read (Modbus Application Protocol V1.1b3, 6.1–6.4). */
export const protocolLimit = (table: RegisterFunction): number => (isBitTable(table) ? 2000 : 125);

/** Coils and discrete inputs hold bits, the others 16-bit registers. */
export const isBitTable = (table: RegisterFunction): boolean => table === 'coil' || table === 'discrete';

/** The sizes, in registers, that a value of this type can have. `BOOL` is one bit of a coil or discrete input. */
export const sizesOf = (type: DataType): readonly number[] => rawTypeOf(type)?.sizes ?? [1];

/** What keeps this metric from being decoded, in words for people; null: nothing. */
export function layoutProblem(
  metric: Pick<Metric, 'dataType' | 'function' | 'size' | 'address' | 'notAvailable'>,
): string | null {
  const { dataType, size, address } = metric;
  const inBits = isBitTable(metric.function);
  if (inBits !== (dataType === 'BOOL')) {
    return inBits
      ? `a ${metric.function} holds BOOL only, not ${dataType}`
      : `BOOL lies in coils and discrete inputs; a bit of a ${metric.function} register is BIT0 to BIT15`;
  }
  const sizes = sizesOf(dataType);
  if (!sizes.includes(size))
    return `${dataType} takes ${sizes.join(' or ')} ${inBits ? 'bit' : 'registers'}, not ${size}`;
  if (!Number.isInteger(address) || address < 0 || address + size > 65_536) {
    return `address ${address} and size ${size} reach outside 0–65535`;
  }
  const width = codeBits(metric);
  const tooWide = metric.notAvailable.find((code) => code < 0n || code >> BigInt(width) !== 0n);
  return tooWide === undefined ? null : `code 0x${tooWide.toString(16)} does not fit ${width} bits`;
}

/** Bits of the unsigned pattern that `notAvailable` codes are compared with: the metric's registers, or its one byte. */
export function codeBits(metric: Pick<Metric, 'dataType' | 'size'>): number {
  switch (metric.dataType) {
    case 'BOOL':
      return 1;
    case 'UINT8':
    case 'INT8':
      return 8;
    default:
      return metric.size * 16;
  }
}

/**
 * Copies `size` registers to the start of `target`, from wire order to most-significant-first. The same call turns them
 * back, since both swaps are their own inverse.
 */
export function reorder(
  source: Buffer,
  at: number,
  target: Buffer,
  order: { readonly size: number; readonly wordOrder: Order; readonly byteOrder: Order },
): void {
  const { size } = order;
  const swapBytes = order.byteOrder === 'little' ? 1 : 0;
  for (let word = 0; word < size; word++) {
    const from = at + 2 * (order.wordOrder === 'little' ? size - 1 - word : word);
    target[2 * word] = source[from + swapBytes] as number;
    target[2 * word + 1] = source[from + 1 - swapBytes] as number;
  }
}

/** Whether the wire order differs from most-significant-first. */
export const needsReorder = (metric: Pick<Metric, 'size' | 'wordOrder' | 'byteOrder'>): boolean =>
  metric.byteOrder === 'little' || (metric.wordOrder === 'little' && metric.size > 1);
