// One poll under way: asks the blocks in order, keeps what they bring in columns, and knows for everything else why it is
// missing. Ends early where the unit is silent, the time is over or the collector stops.

import type { Columns, Decoder } from '../codec/decode.js';
import type { ModbusFailure } from '../modbus/failure.js';
import type { Block, Span } from '../model/block.js';
import type { Meter } from '../model/meter.js';
import type { MissingReason } from '../model/poll.js';
import { type Asked, type Asker, meaningOf, type Taker } from './ask.js';
import type { Answer } from './find-refused.js';
import type { Polled, PollResult } from './poll-meter.js';

export interface PassInit {
  readonly meter: Meter;
  readonly decoder: Decoder;
  readonly asker: Asker;
  /** The blocks of the plan. */
  readonly blocks: readonly Block[];
  /** Nominal time, ms UTC. */
  readonly slot: number;
  /** Begin, ms UTC. */
  readonly readAt: number;
  /** Begin, on the monotonic clock. */
  readonly startedAt: number;
  readonly polled: Polled;
  /** What comes of the pass when every block was asked for, or is accounted for in `missing`. */
  readonly resultOf: (pass: Pass) => PollResult | Promise<PollResult>;
}

export class Pass implements Columns, Taker<Block> {
  readonly init: PassInit;
  /** Blocks of the plan that the unit refused, and those it answered. */
  readonly refused: Block[] = [];
  readonly accepted: Block[] = [];
  /** The first one. */
  failure: ModbusFailure | null = null;
  /** Why no further request is sent; null: go on. */
  stop: MissingReason | null = null;
  #values: Float64Array | null = null;
  #missing: Map<number, MissingReason> | null = null;

  constructor(init: PassInit) {
    this.init = init;
  }

  // Both are made when the first answer is there: until then, a thousand other polls may wait to begin.

  get values(): Float64Array {
    this.#values ??= new Float64Array(this.init.meter.metrics.length).fill(Number.NaN);
    return this.#values;
  }

  get missing(): Map<number, MissingReason> {
    this.#missing ??= new Map();
    return this.#missing;
  }

  get error(): string | null {
    if (this.failure !== null) return this.failure.message;
    return this.stop === null ? null : `ended early: ${this.stop}`;
  }

  begin(): void {
    const { asker, blocks } = this.init;
    asker.askEach(blocks, this);
  }

  /** Of its asker. */
  take(block: Block, asked: Asked): boolean {
    this.#note(asked);
    if (asked.kind === 'answer') {
      this.accepted.push(block);
      this.init.decoder.decode(block, asked.data, this);
    } else {
      for (const index of block.metrics) this.missing.set(index, reasonOf(asked));
      if (isRefusal(asked)) this.refused.push(block);
    }
    return this.stop === null;
  }

  /** Of its asker. */
  asked(count: number): void {
    const { blocks, polled, resultOf } = this.init;
    let result: PollResult | Promise<PollResult>;
    try {
      for (let i = count; i < blocks.length; i++) this.leave((blocks[i] as Block).metrics, this.stop as MissingReason);
      result = resultOf(this);
    } catch (error) {
      return void this.brokeDown(error);
    }
    if (result instanceof Promise) {
      result.then(
        (explored) => polled.polled(explored),
        (error) => this.brokeDown(error),
      );
    } else polled.polled(result);
  }

  /** Of its asker. */
  brokeDown(error: unknown): void {
    this.init.polled.brokeDown(error);
  }

  /** Metrics that were not asked for. */
  leave(metrics: Iterable<number>, reason: MissingReason): void {
    for (const index of metrics) this.missing.set(index, reason);
  }

  /** Asks part of a refused block. What it answers is kept at once, so that finding out why costs no reading. */
  async askPart(span: Span): Promise<Answer> {
    if (this.stop !== null) return 'stop';
    const asked = await this.init.asker.ask(span);
    this.#note(asked);
    const within = this.#refusedWithin(span);
    if (asked.kind === 'answer') {
      for (const index of within) this.missing.delete(index);
      this.init.decoder.decode({ start: span.start, metrics: within }, asked.data, this);
      return 'accepted';
    }
    if (!isRefusal(asked)) return 'stop';
    for (const index of within) this.missing.set(index, reasonOf(asked));
    return 'refused';
  }

  #note(asked: Asked): void {
    if (asked.kind === 'failed') this.failure ??= asked.failure;
    if (asked.kind === 'cut' || (asked.kind === 'failed' && meaningOf(asked.failure) === 'silent')) {
      this.stop = reasonOf(asked);
    }
  }

  /** Metrics within the span that so far only a refused block asked for. */
  #refusedWithin(span: Span): number[] {
    const indexes: number[] = [];
    for (const block of this.refused) {
      if (block.function !== span.function) continue;
      for (const index of block.metrics) {
        const { address, size } = this.init.meter.metrics[index] as Meter['metrics'][number];
        const inside = span.start <= address && address + size <= span.start + span.count;
        if (inside && this.missing.get(index)?.startsWith('exception')) indexes.push(index);
      }
    }
    return indexes;
  }
}

type Unanswered = Exclude<Asked, { kind: 'answer' }>;

const reasonOf = (asked: Unanswered): MissingReason => (asked.kind === 'cut' ? asked.reason : asked.failure.reason);

const isRefusal = (asked: Unanswered): boolean => asked.kind === 'failed' && meaningOf(asked.failure) === 'refused';
