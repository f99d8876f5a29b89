// A poll's values while it is read: what the responses bring, and for every metric without a value the reason. Metrics of
// one group have values from one request, or none.

import type { Columns, Decoder } from '../codec/decode.js';
import type { ModbusFailure } from '../modbus/failure.js';
import type { Block, Span } from '../model/block.js';
import type { Meter, Metric } from '../model/meter.js';
import type { MissingReason, Poll } from '../model/poll.js';
import { meaningOf, type RequestOutcome, reasonOf } from './request.js';

export class PollValues implements Columns {
  readonly values: Float64Array;
  readonly missing = new Map<number, MissingReason>();
  /** Blocks of the plan that the unit refused, and those it answered. */
  readonly refused: Block[] = [];
  readonly accepted: Block[] = [];
  /** The first failure. */
  failure: ModbusFailure | null = null;
  /** Why no further request is sent; null: go on. */
  stop: MissingReason | null = null;
  readonly #meter: Meter;
  readonly #decoder: Decoder;
  readonly #groups: readonly (readonly number[])[];
  /** By metric index, which response brought its value; empty where the meter has no groups. */
  readonly #sources: Int32Array;
  #responses = 0;

  constructor(meter: Meter, decoder: Decoder) {
    this.#meter = meter;
    this.#decoder = decoder;
    this.#groups = groupsOf(meter.metrics);
    this.values = new Float64Array(meter.metrics.length).fill(Number.NaN);
    this.#sources = new Int32Array(this.#groups.length > 0 ? meter.metrics.length : 0);
  }

  get error(): string | null {
    if (this.failure !== null) return this.failure.message;
    return this.stop === null ? null : `ended early: ${this.stop}`;
  }

  /** Takes what came of a block of the plan. */
  take(block: Block, outcome: RequestOutcome): void {
    this.note(outcome);
    if (outcome.kind === 'response') {
      this.accepted.push(block);
      this.#decode(block, outcome.data);
      return;
    }
    this.leave(block.metrics, reasonOf(outcome));
    if (meaningOf(outcome) === 'refused') this.refused.push(block);
  }

  /** Takes what came of part of a refused block, so that finding out what is refused costs no reading. */
  takePart(span: Span, outcome: RequestOutcome): void {
    this.note(outcome);
    const metrics = this.#refusedWithin(span);
    if (outcome.kind === 'response') {
      for (const index of metrics) this.missing.delete(index);
      this.#decode({ start: span.start, metrics }, outcome.data);
    } else if (meaningOf(outcome) === 'refused') this.leave(metrics, reasonOf(outcome));
  }

  /** Marks metrics as missing. */
  leave(metrics: Iterable<number>, reason: MissingReason): void {
    for (const index of metrics) this.missing.set(index, reason);
  }

  leaveAll(reason: MissingReason): void {
    this.values.fill(Number.NaN);
    this.leave(this.#meter.metrics.keys(), reason);
  }

  /** Keeps the first failure, and whether the rest is still to be asked. */
  note(outcome: RequestOutcome): void {
    if (outcome.kind === 'failed') this.failure ??= outcome.failure;
    const meaning = meaningOf(outcome);
    if (outcome.kind !== 'response' && (meaning === 'silent' || meaning === 'ended')) this.stop = reasonOf(outcome);
  }

  /** To be called once, when no further response comes: exponents are applied, incomplete groups are left out. */
  finish(): void {
    this.#decoder.finish(this);
    for (const group of this.#groups) {
      const isWhole = !group.some((index) => this.missing.has(index)) && this.#isFromOneResponse(group);
      if (isWhole) continue;
      for (const index of group) {
        this.values[index] = Number.NaN;
        if (!this.missing.has(index)) this.missing.set(index, 'group');
      }
    }
  }

  #decode(block: Pick<Block, 'start' | 'metrics'>, data: Buffer): void {
    this.#decoder.decode(block, data, this);
    this.#responses++;
    if (this.#sources.length > 0) for (const index of block.metrics) this.#sources[index] = this.#responses;
  }

  /** Metrics of different tables cannot come in one response. */
  #isFromOneResponse(group: readonly number[]): boolean {
    const byTable = new Map<string, number>();
    return group.every((index) => {
      const table = (this.#meter.metrics[index] as Metric).function;
      const source = this.#sources[index] as number;
      const first = byTable.get(table) ?? source;
      byTable.set(table, first);
      return first === source;
    });
  }

  /** Metrics within the span that so far only a refused block asked for. */
  #refusedWithin(span: Span): number[] {
    const indexes: number[] = [];
    for (const block of this.refused) {
      if (block.function !== span.function) continue;
      for (const index of block.metrics) {
        const { address, size } = this.#meter.metrics[index] as Metric;
        const isInside = span.start <= address && address + size <= span.start + span.count;
        if (isInside && this.missing.get(index)?.startsWith('exception')) indexes.push(index);
      }
    }
    return indexes;
  }
}

const knownGroups = new WeakMap<readonly Metric[], readonly (readonly number[])[]>();

/** Indexes of the metrics of each group. */
function groupsOf(metrics: readonly Metric[]): readonly (readonly number[])[] {
  const known = knownGroups.get(metrics);
  if (known !== undefined) return known;
  const groups = new Map<string, number[]>();
  metrics.forEach(({ group }, index) => {
    if (group !== undefined) groups.set(group, [...(groups.get(group) ?? []), index]);
  });
  const found = [...groups.values()];
  knownGroups.set(metrics, found);
  return found;
}

/** The poll of a meter that was not asked: every metric missing for one reason. */
export function unreadPoll(
  meter: Meter,
  { slot, readAt, reason, error }: { slot: number; readAt: number; reason: MissingReason; error: string | null },
): Poll {
  const missing = new Map<number, MissingReason>();
  for (let index = 0; index < meter.metrics.length; index++) missing.set(index, reason);
  const values = new Float64Array(meter.metrics.length).fill(Number.NaN);
  return { meter, slot, readAt, durationMs: 0, requests: 0, values, missing, error };
}

/** One poll out of two attempts at the same slot: what the first did not get, the second may fill in. */
export function mergePolls(first: Poll, second: Poll): Poll {
  const values = Float64Array.from(first.values);
  const missing = new Map<number, MissingReason>();
  for (const [index, reason] of first.missing) {
    const value = second.values[index] as number;
    if (Number.isNaN(value)) missing.set(index, tellingReason(second.missing.get(index)) ?? reason);
    else values[index] = value;
  }
  return {
    ...first,
    durationMs: second.readAt - first.readAt + second.durationMs,
    requests: first.requests + second.requests,
    values,
    missing,
    error: missing.size === 0 ? null : (first.error ?? second.error),
  };
}

/** An attempt that was cut says nothing of why the one before failed. */
const tellingReason = (reason: MissingReason | undefined): MissingReason | undefined =>
  reason === 'deadline' || reason === 'shutdown' ? undefined : reason;
