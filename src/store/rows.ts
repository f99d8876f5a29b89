// From a batch to rows: keys become ids, polls come in order of their slots.

import { type Batch, POLL_COLUMNS } from './batch.js';
import type { MeterIds } from './registry.js';
import { POLL_NUMBERS, type Polls, type Readings, type Rows } from './sql.js';

export const BUCKET_MS = 900_000;

export function toRows(batch: Batch, idsOf: (meterKey: number) => MeterIds): Rows {
  const order = inSlotOrder(batch, idsOf);
  return {
    polls: pollsOf(batch, order),
    gaps: gapsJson(batch, idsOf),
    buckets: () => bucketsJson(batch, order, idsOf),
    readings: readingsOf(batch, order),
  };
}

interface Position {
  readonly poll: number;
  readonly slot: number;
  readonly ids: MeterIds;
  /** Where its values begin. */
  readonly offset: number;
}

/** Every writer in one order: two that write the same rows wait for each other instead of deadlocking. */
function inSlotOrder(batch: Batch, idsOf: (meterKey: number) => MeterIds): Position[] {
  const positions: Position[] = [];
  let offset = 0;
  for (let poll = 0; poll * POLL_COLUMNS < batch.polls.length; poll++) {
    positions.push({ poll, slot: at(batch, poll, 1), ids: idsOf(at(batch, poll, 0)), offset });
    offset += at(batch, poll, 5);
  }
  return positions.sort((a, b) => a.slot - b.slot || a.ids.meterId - b.ids.meterId);
}

const at = (batch: Batch, poll: number, column: number): number => batch.polls[poll * POLL_COLUMNS + column] as number;

function pollsOf(batch: Batch, order: readonly Position[]): Polls {
  const whole = order.filter(({ poll }) => at(batch, poll, 7) !== 0);
  const slots = new Float64Array(whole.length);
  const numbers = new Float64Array(whole.length * POLL_NUMBERS);
  const errorOf = new Map(batch.errors);
  const errors = new Map<number, string>();
  let row = 0;
  for (const { poll, slot, ids } of whole) {
    slots[row] = slot;
    numbers[row * POLL_NUMBERS] = ids.meterId;
    for (let i = 1; i < POLL_NUMBERS; i++) numbers[row * POLL_NUMBERS + i] = at(batch, poll, i + 1);
    const error = errorOf.get(poll);
    if (error !== undefined) errors.set(row, error);
    row++;
  }
  return { slots, numbers, errors };
}

/** [{m: meter id, s: slot, r: read at, d: duration ms, q: requests, e: expected, t: stored, x: error}] */
export function pollsJson({ slots, numbers, errors }: Polls): string {
  const rows: string[] = [];
  for (let row = 0; row < slots.length; row++) {
    const [m, r, d, q, e, t] = numbers.subarray(row * POLL_NUMBERS, (row + 1) * POLL_NUMBERS);
    const error = errors.get(row);
    rows.push(
      `{"m":${m},"s":${slots[row]},"r":${r},"d":${d},"q":${q},"e":${e},"t":${t},"x":${error === undefined ? 'null' : JSON.stringify(error)}}`,
    );
  }
  return `[${rows.join(',')}]`;
}

function gapsJson(batch: Batch, idsOf: (meterKey: number) => MeterIds): string | null {
  if (batch.gaps.length === 0) return null;
  const rows = batch.gaps.map((gap) => ({
    m: idsOf(gap.meterKey).meterId,
    s: gap.ts,
    u: gap.until,
    w: gap.reason,
    n: gap.slots,
    c: gap.readings,
    r: gap.readAt,
  }));
  return JSON.stringify(rows.sort((a, b) => a.s - b.s || a.m - b.m));
}

function bucketsJson(batch: Batch, order: readonly Position[], idsOf: (meterKey: number) => MeterIds): string {
  const buckets = new Buckets();
  for (const { poll, slot, ids } of order) buckets.add(ids.meterId, slot, at(batch, poll, 6) > 0);
  for (const gap of batch.gaps) buckets.add(idsOf(gap.meterKey).meterId, gap.ts, false);
  return buckets.json();
}

/** Quarters that something is written into: see Rows.buckets. */
export class Buckets {
  readonly #meters = new Map<number, Map<number, boolean>>();

  add(meterId: number, time: number, readings: boolean): void {
    const bucket = time - (((time % BUCKET_MS) + BUCKET_MS) % BUCKET_MS);
    let meters = this.#meters.get(bucket);
    if (meters === undefined) {
      meters = new Map();
      this.#meters.set(bucket, meters);
    }
    meters.set(meterId, readings || meters.get(meterId) === true);
  }

  /** In one order for every writer, as the rows themselves are. */
  json(): string {
    const rows: string[] = [];
    for (const [b, meters] of [...this.#meters].sort((x, y) => x[0] - y[0])) {
      for (const [m, readings] of [...meters].sort((x, y) => x[0] - y[0])) {
        rows.push(`{"m":${m},"b":${b},"r":${readings ? 1 : 0}}`);
      }
    }
    return `[${rows.join(',')}]`;
  }
}

function readingsOf(batch: Batch, order: readonly Position[]): Readings {
  let count = 0;
  for (const { poll } of order) count += at(batch, poll, 6);
  const topicIds = new Int32Array(count);
  const slots = new Float64Array(count);
  const values = new Float64Array(count);
  let row = 0;
  for (const { slot, ids, offset } of order) {
    for (let metric = 0; metric < ids.topicIds.length; metric++) {
      const value = batch.values[offset + metric] as number;
      if (Number.isNaN(value)) continue;
      topicIds[row] = ids.topicIds[metric] as number;
      slots[row] = slot;
      values[row] = value;
      row++;
    }
  }
  return { topicIds, slots, values };
}
