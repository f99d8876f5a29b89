// The codec's other direction: from a value in the metric's unit to the registers a meter would answer with. Serves the
// simulator and the round-trip tests; nothing here or anywhere else writes to a meter.

import type { Metric } from '../model/meter.js';
import { rawTypeOf } from './raw.js';
import { powerOfTen, type Ratios, ratioOf, scaleOf } from './scaling.js';
import { codeBits, reorder } from './words.js';

export interface EncodeOptions extends Partial<Ratios> {
  /** The power of ten that the metric's exponent metric holds; default 0. */
  readonly exponent?: number;
}

/**
 * The metric's `size` registers, in wire order, that decode to `value`: the nearest one the type can hold, at the end of
 * its range where the value lies beyond. NaN: the metric's first not-available code, otherwise a float NaN; a type that
 * has neither throws a RangeError. BIT0–BIT15 and UINT8/INT8 fill their own bits and leave the rest of the register 0 (OR
 * registers that share an address). BOOL, for coils and discrete inputs, gives one element, 0 or 1.
 */
export function encodeMetric(metric: Metric, value: number, options: EncodeOptions = {}): Uint16Array {
  const code = metric.notAvailable[0];
  if (Number.isNaN(value) && code !== undefined) return encodeCode(metric, code);
  const ratio = ratioOf(metric, { ctRatio: options.ctRatio ?? 1, ptRatio: options.ptRatio ?? 1 });
  const power = options.exponent === undefined ? 1 : powerOfTen(options.exponent);
  const raw = (value - metric.offset) / ratio / power / scaleOf(metric);
  const type = rawTypeOf(metric.dataType);
  if (type === undefined) return Uint16Array.of(raw >= 0.5 ? 1 : 0);
  if (Number.isNaN(raw) && !metric.dataType.startsWith('FLOAT')) {
    throw new RangeError(`${metric.name}: ${metric.dataType} has no code for "no value"`);
  }
  const bytes = Buffer.alloc(8);
  type.write(bytes, 0, metric.size, raw);
  return wireWords(metric, bytes);
}

/** The metric's registers, in wire order, that hold this unsigned pattern, e.g. a not-available code. */
export function encodeCode(metric: Metric, code: bigint): Uint16Array {
  if (metric.dataType === 'BOOL') return Uint16Array.of(Number(code & 1n));
  const bytes = Buffer.alloc(8);
  const shift = BigInt(64 - codeBits(metric));
  bytes.writeBigUInt64BE(BigInt.asUintN(64, code << shift));
  return wireWords(metric, bytes);
}

function wireWords(metric: Metric, bytes: Buffer): Uint16Array {
  const wire = Buffer.alloc(8);
  reorder(bytes, 0, wire, metric);
  return Uint16Array.from({ length: metric.size }, (_, word) => wire.readUInt16BE(2 * word));
}
