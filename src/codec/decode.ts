// From a block's bytes to values. Everything that a map says about a metric is worked out once, when the decoder is
// compiled; a poll then only reads, compares and multiplies, into columns that its caller made. Pure: no clock, no I/O.

import type { Block } from '../model/block.js';
import { EmdcError } from '../model/errors.js';
import type { Meter, Metric } from '../model/meter.js';
import type { MissingReason } from '../model/poll.js';
import { type RawType, rawTypeOf } from './raw.js';
import { powerOfTen, type Ratios, ratioOf, scaleOf } from './scaling.js';
import { codeBits, layoutProblem, needsReorder, reorder } from './words.js';

/** Where a poll collects: a value per metric (NaN until one is read), and by metric index why it has none. */
export interface Columns {
  readonly values: Float64Array;
  readonly missing: Map<number, MissingReason>;
}

export interface Decoder {
  /** Decodes the block's metrics from its answer (registers high byte first; bits packed, first one in bit 0). */
  decode(block: Pick<Block, 'start' | 'metrics'>, data: Buffer, into: Columns): void;
  /** Once, when all blocks are in: applies the exponents, which may have come in another block. */
  finish(into: Columns): void;
}

interface Step {
  readonly index: number;
  readonly address: number;
  readonly size: number;
  /** null: one bit of a coil or discrete input. */
  readonly type: RawType | null;
  /** null: already most significant first. */
  readonly order: Pick<Metric, 'size' | 'wordOrder' | 'byteOrder'> | null;
  /** Not-available patterns as pairs: the bits above 32, the lower 32. null: none. */
  readonly codes: Float64Array | null;
  readonly codeBits: number;
  readonly scale: number;
  readonly ratio: number;
  readonly offset: number;
  /** Index of the metric that holds the exponent; −1: none. */
  readonly exponent: number;
}

/** A metric's registers put in order; eight bytes hold the widest type. Nothing stays in it between calls. */
const ordered = Buffer.alloc(8);

const compiled = new WeakMap<readonly Metric[], Map<string, Decoder>>();

/** The same for all meters that share a list of metrics and ratios. Throws as compileDecoder does. */
export function decoderOf(meter: Pick<Meter, 'name' | 'metrics'> & Ratios): Decoder {
  const ratios = `${meter.ctRatio} ${meter.ptRatio}`;
  const byRatios = compiled.get(meter.metrics) ?? new Map<string, Decoder>();
  compiled.set(meter.metrics, byRatios);
  const decoder = byRatios.get(ratios) ?? compileDecoder(meter);
  byRatios.set(ratios, decoder);
  return decoder;
}

/** Throws an EmdcError naming the first metric that cannot be decoded: a map that was checked has none. */
export function compileDecoder(meter: Pick<Meter, 'name' | 'metrics'> & Ratios): Decoder {
  const byName = new Map(meter.metrics.map((metric, index) => [metric.name, index]));
  const steps = meter.metrics.map((metric, index) => compileStep(metric, { meter, index, byName }));
  const scaledByMeter = steps.filter((step) => step.exponent >= 0);
  return {
    decode(block, data, into) {
      for (const index of block.metrics) {
        const step = steps[index];
        if (step !== undefined) decodeStep(step, data, block.start, into);
      }
    },
    finish(into) {
      for (const step of scaledByMeter) applyExponent(step, into);
    },
  };
}

/** One metric from its own registers, high byte first (a bit: from the lowest bit of one byte), for looking at one value. */
export function decodeMetric(
  metric: Metric,
  data: Buffer,
  options: Partial<Ratios> & { readonly exponent?: number } = {},
): { readonly value: number; readonly missing: null } | { readonly value: null; readonly missing: MissingReason } {
  const { ctRatio = 1, ptRatio = 1, exponent } = options;
  const alone = compileStep(
    { ...metric, exponent: null },
    { meter: { name: metric.name, metrics: [], ctRatio, ptRatio }, index: 0, byName: new Map() },
  );
  const step = exponent === undefined ? alone : { ...alone, exponent: 1 };
  const into: Columns = { values: Float64Array.of(Number.NaN, exponent ?? Number.NaN), missing: new Map() };
  decodeStep(step, data, metric.address, into);
  if (exponent !== undefined) applyExponent(step, into);
  const missing = into.missing.get(0);
  return missing === undefined ? { value: into.values[0] as number, missing: null } : { value: null, missing };
}

function compileStep(
  metric: Metric,
  {
    meter,
    index,
    byName,
  }: { meter: { name: string; metrics: readonly Metric[] } & Ratios; index: number; byName: Map<string, number> },
): Step {
  const exponent = metric.exponent === null ? -1 : (byName.get(metric.exponent) ?? null);
  const problem =
    layoutProblem(metric) ??
    (exponent === null ? `its exponent "${metric.exponent}" is no metric of this map` : null) ??
    (exponent !== null && exponent >= 0 && meter.metrics[exponent]?.exponent !== null
      ? `its exponent "${metric.exponent}" has an exponent itself`
      : null);
  if (problem !== null || exponent === null) {
    throw new EmdcError({
      code: 'metric-layout',
      message: `${meter.name}: metric "${metric.name}" cannot be decoded: ${problem}`,
      hint: 'emdc check names the cell of the register map and what to write instead',
    });
  }
  return {
    index,
    address: metric.address,
    size: metric.size,
    type: rawTypeOf(metric.dataType) ?? null,
    order: needsReorder(metric) ? metric : null,
    codes: metric.notAvailable.length === 0 ? null : codePairs(metric.notAvailable),
    codeBits: codeBits(metric),
    scale: scaleOf(metric),
    ratio: ratioOf(metric, meter),
    offset: metric.offset,
    exponent,
  };
}

function decodeStep(step: Step, data: Buffer, start: number, into: Columns): void {
  const { index, type } = step;
  let raw: number;
  if (type === null) {
    const bit = step.address - start;
    raw = ((data[bit >> 3] as number) >> (bit & 7)) & 1;
    if (step.codes !== null && hasPair(step.codes, 0, raw)) return void into.missing.set(index, 'not available');
  } else {
    let bytes = data;
    let at = (step.address - start) * 2;
    if (step.order !== null) {
      reorder(data, at, ordered, step.order);
      bytes = ordered;
      at = 0;
    }
    if (step.codes !== null && isCode(step.codes, step.codeBits, bytes, at)) {
      return void into.missing.set(index, 'not available');
    }
    raw = type.read(bytes, at, step.size);
  }
  store(step, raw * step.scale, step.exponent < 0, into);
}

/** Ratio and offset come after the exponent; without one, at once. */
function store(step: Step, scaled: number, complete: boolean, into: Columns): void {
  let value = scaled;
  if (complete) {
    if (step.ratio !== 1) value *= step.ratio;
    if (step.offset !== 0) value += step.offset;
  }
  if (Number.isFinite(value)) into.values[step.index] = value;
  else {
    into.values[step.index] = Number.NaN;
    into.missing.set(step.index, 'invalid value');
  }
}

function applyExponent(step: Step, into: Columns): void {
  const scaled = into.values[step.index] as number;
  if (Number.isNaN(scaled)) return;
  const reason = into.missing.get(step.exponent);
  if (reason === undefined) store(step, scaled * powerOfTen(into.values[step.exponent] as number), true, into);
  else {
    into.values[step.index] = Number.NaN;
    into.missing.set(step.index, reason);
  }
}

const codePairs = (codes: readonly bigint[]): Float64Array =>
  Float64Array.from(codes.flatMap((code) => [Number(code >> 32n), Number(code & 0xffff_ffffn)]));

function hasPair(codes: Float64Array, high: number, low: number): boolean {
  for (let i = 0; i < codes.length; i += 2) if (codes[i] === high && codes[i + 1] === low) return true;
  return false;
}

function isCode(codes: Float64Array, bits: number, bytes: Buffer, at: number): boolean {
  switch (bits) {
    case 8:
      return hasPair(codes, 0, bytes[at] as number);
    case 16:
      return hasPair(codes, 0, bytes.readUInt16BE(at));
    case 32:
      return hasPair(codes, 0, bytes.readUInt32BE(at));
    case 48:
      return hasPair(codes, bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    default:
      return hasPair(codes, bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4));
  }
}
