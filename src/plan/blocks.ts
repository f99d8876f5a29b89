// Plans the requests that read a meter: the fewest possible, and among plans with equally few the one that reads the fewest
// registers. No block crosses a limit or touches a refused span, and no metric is split over two, nor is a group of metrics
// of one table. Pure.
//
// In the order of their starts, the metrics of some best plan fall into blocks that follow each other: where a block holds
// i and k but not j between them, j must reach beyond that block, so k lies within j and can move to j's block. So trying,
// for every metric, each place where the block that ends with it can begin finds the optimum.

import { isBitTable, protocolLimit } from '../codec/words.js';
import type { Block, Learned, Plan, Refusal, Span } from '../model/block.js';
import type { Endpoint, Meter, Metric, RegisterFunction } from '../model/meter.js';

export interface PlanLimits {
  /** Most registers in one request; a request for bits takes 16 for each. */
  readonly maxRegisters: number;
  /** Most registers in a row that no metric wants and a block still reads over; 16 bits for each. */
  readonly maxGap: number;
  readonly learned?: Learned;
}

/**
 * Unwanted registers that are worth reading over to save a request on a serial line. A request and what frames its response
 * take 8 + 5 bytes (Modbus over Serial Line V1.02 §2.5.1), each unwanted register 2; on TCP a round trip costs far more
 * than bytes, and the configured value counts (31 registers pay).
 */
const SERIAL_GAP = 7;

/** What a meter's plan has to keep to, by configuration and by how the meter is connected. */
export function limitsOf(meter: Pick<Meter, 'maxRegisters' | 'maxGap' | 'endpoint'>): PlanLimits {
  const { maxRegisters, maxGap, endpoint } = meter;
  return { maxRegisters, maxGap: isSerial(endpoint) ? Math.min(maxGap, SERIAL_GAP) : maxGap };
}

/** Whether bytes cost time: on a serial port, and behind a transparent converter. */
const isSerial = (endpoint: Endpoint | undefined): boolean =>
  endpoint !== undefined && (endpoint.type === 'serial' || endpoint.framing === 'rtu');

const tables: readonly RegisterFunction[] = ['holding', 'input', 'coil', 'discrete'];

export function planBlocks(metrics: readonly Metric[], limits: PlanLimits): Plan {
  const blocks: Block[] = [];
  const unread: number[] = [];
  const apart: number[] = [];
  for (const table of tables) planTable(table, { metrics, limits, blocks, unread, apart });
  return { blocks, unread: unread.sort((a, b) => a - b), apart: apart.sort((a, b) => a - b) };
}

/**
 * Whether a request for `block` reads from `span`. A refused span of count 0 is a boundary between two registers that a
 * request must not cross; the same comparison holds for it.
 */
export const touches = (block: Omit<Span, 'function'>, span: Omit<Span, 'function'>): boolean =>
  block.start < span.start + span.count && span.start < block.start + block.count;

/** Most registers, or bits, that one block of this table may have. */
export function maxCountOf(table: RegisterFunction, limits: PlanLimits): number {
  const perRequest = isBitTable(table)
    ? limits.maxRegisters * 16
    : Math.min(limits.maxRegisters, limits.learned?.maxRegisters ?? limits.maxRegisters);
  return Math.min(perRequest, protocolLimit(table));
}

/**
 * The request that tells whether a refusal still holds: a block of the plan without it that it would forbid. null: no such
 * block, so it makes no difference to this meter.
 */
export function blockToRetry(
  metrics: readonly Metric[],
  limits: PlanLimits,
  { span, maxRegisters }: Refusal,
): Block | null {
  const { maxRegisters: most = null, refused = [] } = limits.learned ?? {};
  const learned: Learned =
    span === null
      ? { maxRegisters: null, refused }
      : { maxRegisters: most, refused: refused.filter((other) => other !== span) };
  const { blocks } = planBlocks(metrics, { ...limits, learned });
  const forbidden = blocks.filter((block) =>
    span === null
      ? !isBitTable(block.function) && block.count > (maxRegisters ?? block.count)
      : block.function === span.function && touches(block, span),
  );
  return forbidden[0] ?? null;
}

/** Metrics with the same registers, or of one group. */
interface Field {
  readonly start: number;
  readonly end: number;
  readonly metrics: number[];
}

interface Planning {
  readonly metrics: readonly Metric[];
  readonly limits: PlanLimits;
  readonly blocks: Block[];
  readonly unread: number[];
  readonly apart: number[];
}

function planTable(table: RegisterFunction, { metrics, limits, blocks, unread, apart }: Planning): void {
  const maxCount = maxCountOf(table, limits);
  const maxGap = isBitTable(table) ? limits.maxGap * 16 : limits.maxGap;
  const refused = (limits.learned?.refused ?? []).filter((span) => span.function === table);
  const isReadable = (start: number, end: number) =>
    end - start <= maxCount && !refused.some((span) => touches({ start, count: end - start }, span));
  const fields = new Map<number | string, Field>();
  metrics.forEach((metric, index) => {
    if (metric.function !== table) return;
    const start = metric.address;
    const end = start + metric.size;
    if (!isReadable(start, end)) {
      unread.push(index);
      if (metric.group === undefined) return;
    }
    const key = metric.group ?? start * 2048 + metric.size;
    const field = fields.get(key);
    if (field === undefined) fields.set(key, { start, end, metrics: [index] });
    else fields.set(key, withMetric(field, { start, end, index }));
  });
  const readable: Field[] = [];
  for (const field of fields.values()) {
    if (isReadable(field.start, field.end)) readable.push(field);
    else apart.push(...field.metrics.filter((index) => !unread.includes(index)));
  }
  const sorted = readable.sort((a, b) => a.start - b.start || a.end - b.end);
  if (sorted.length > 0) blocks.push(...fewestBlocks(table, sorted, { maxCount, maxGap, refused }));
}

function withMetric(field: Field, { start, end, index }: { start: number; end: number; index: number }): Field {
  field.metrics.push(index);
  return { ...field, start: Math.min(field.start, start), end: Math.max(field.end, end) };
}

/** best[i]: the cheapest way to read the first i fields, as the number of requests, registers, and where its last block begins. */
function fewestBlocks(
  table: RegisterFunction,
  fields: readonly Field[],
  { maxCount, maxGap, refused }: { maxCount: number; maxGap: number; refused: readonly Span[] },
): Block[] {
  const starts = Int32Array.from(fields, (field) => field.start);
  const ends = Int32Array.from(fields, (field) => field.end);
  const barrier = barriers(fields, maxGap);
  const requests = new Int32Array(fields.length + 1);
  const registers = new Int32Array(fields.length + 1);
  const firstOf = new Int32Array(fields.length + 1);
  for (let i = 1; i <= fields.length; i++) {
    let fewest = Number.MAX_SAFE_INTEGER;
    let leanest = 0;
    let end = 0;
    for (let first = i - 1; first >= 0; first--) {
      const start = starts[first] as number;
      end = Math.max(end, ends[first] as number);
      const count = end - start;
      if (count > maxCount || (refused.length > 0 && refused.some((span) => touches({ start, count }, span)))) break;
      const asks = (requests[first] as number) + 1;
      const reads = (registers[first] as number) + count;
      if (asks < fewest || (asks === fewest && reads < leanest)) {
        fewest = asks;
        leanest = reads;
        firstOf[i] = first;
      }
      if (barrier[first] === 1) break;
    }
    requests[i] = fewest;
    registers[i] = leanest;
  }
  const blocks: Block[] = [];
  for (let i = fields.length; i > 0; i = firstOf[i] as number) {
    blocks.push(blockOf(table, fields.slice(firstOf[i] as number, i)));
  }
  return blocks.reverse();
}

/** Marks the fields before which lies a gap too wide to read over. */
function barriers(fields: readonly Field[], maxGap: number): Uint8Array {
  const marks = new Uint8Array(fields.length);
  let end = 0;
  fields.forEach((field, i) => {
    if (field.start - end > maxGap) marks[i] = 1;
    end = Math.max(end, field.end);
  });
  return marks;
}

function blockOf(table: RegisterFunction, fields: readonly Field[]): Block {
  const start = (fields[0] as Field).start;
  const end = fields.reduce((most, field) => Math.max(most, field.end), 0);
  return { function: table, start, count: end - start, metrics: fields.flatMap((field) => field.metrics) };
}
