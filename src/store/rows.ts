// From a batch to rows: keys become ids, columns become the JSON that one statement takes.

import { type Batch, POLL_COLUMNS } from './batch.js';
import type { MeterIds } from './registry.js';
import type { Readings, Rows } from './sql.js';

export const BUCKET_MS = 900_000;

export function toRows(batch: Batch, idsOf: (meterKey: number) => MeterIds): Rows {
  const order = inSlotOrder(batch, idsOf);
  return {
    polls: pollsJson(batch, order, idsOf),
    gaps: gapsJson(batch, idsOf),
    buckets: bucketsJson(batch, order, idsOf),
    readings: readingsOf(batch, order, idsOf),
  };
}

interface Position {
  readonly poll: number;
  /** Where its values begin. */
  readonly offset: number;
}

/** Every writer in one order: two that write the same rows wait for each other instead of deadlocking. */
function inSlotOrder(batch: Batch, idsOf: (meterKey: number) => MeterIds): Position[] {
  const positions: Position[] = [];
  let offset = 0;
  for (let poll = 0; poll * POLL_COLUMNS < batch.polls.length; poll++) {
    positions.push({ poll, offset });
    offset += at(batch, poll, 5);
  }
  return positions.sort(
    (a, b) =>
      at(batch, a.poll, 1) - at(batch, b.poll, 1) ||
      idsOf(at(batch, a.poll, 0)).meterId - idsOf(at(batch, b.poll, 0)).meterId,
  );
}

const at = (batch: Batch, poll: number, column: number): number => batch.polls[poll * POLL_COLUMNS + column] as number;

function pollsJson(batch: Batch, order: readonly Position[], idsOf: (meterKey: number) => MeterIds): string {
  const errors = new Map(batch.errors);
  const rows: string[] = [];
  for (const { poll } of order) {
    if (at(batch, poll, 7) === 0) continue;
    const error = errors.get(poll);
    rows.push(
      `{"m":${idsOf(at(batch, poll, 0)).meterId},"s":${at(batch, poll, 1)},"r":${at(batch, poll, 2)},"d":${at(batch, poll, 3)},"q":${at(batch, poll, 4)},"e":${at(batch, poll, 5)},"t":${at(batch, poll, 6)},"x":${error === undefined ? 'null' : JSON.stringify(error)}}`,
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
  for (const { poll } of order) {
    buckets.add(idsOf(at(batch, poll, 0)).meterId, at(batch, poll, 1), at(batch, poll, 6) > 0);
  }
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

function readingsOf(batch: Batch, order: readonly Position[], idsOf: (meterKey: number) => MeterIds): Readings {
  let count = 0;
  for (const { poll } of order) count += at(batch, poll, 6);
  const readings = {
    topicIds: new Int32Array(count),
    slots: new Float64Array(count),
    values: new Float64Array(count),
  };
  let row = 0;
  for (const { poll, offset } of order) {
    const { topicIds } = idsOf(at(batch, poll, 0));
    const slot = at(batch, poll, 1);
    for (let metric = 0; metric < topicIds.length; metric++) {
      const value = batch.values[offset + metric] as number;
      if (Number.isNaN(value)) continue;
      readings.topicIds[row] = topicIds[metric] as number;
      readings.slots[row] = slot;
      readings.values[row] = value;
      row++;
    }
  }
  return readings;
}
