// One poll under way: asks the blocks in order, keeps what they bring in columns, and knows for everything else why it is
// missing. Ends early where the unit is silent, the time is over or the collector stops.

import type { Columns, Decoder } from '../codec/decode.js';
import type { Meter } from '../meter.js';
import type { ModbusFailure } from '../modbus/failure.js';
import type { Block, Span } from '../plan/block.js';
import type { MissingReason } from '../reading.js';
import { type Asked, type Asker, meaningOf } from './ask.js';
import type { Answer } from './explore.js';

export class Pass implements Columns {
  readonly missing = new Map<number, MissingReason>();
  /** Blocks of the plan that the unit refused, and those it answered. */
  readonly refused: Block[] = [];
  readonly accepted: Block[] = [];
  /** The first one. */
  failure: ModbusFailure | null = null;
  /** Why no further request is sent; null: go on. */
  stop: MissingReason | null = null;
  readonly #meter: Meter;
  readonly #decoder: Decoder;
  readonly #asker: Asker;
  #values: Float64Array | null = null;

  constructor({ meter, decoder, asker }: { meter: Meter; decoder: Decoder; asker: Asker }) {
    this.#meter = meter;
    this.#decoder = decoder;
    this.#asker = asker;
  }

  /** Made when the first answer is there: until then, a thousand other polls may wait to begin. */
  get values(): Float64Array {
    this.#values ??= new Float64Array(this.#meter.metrics.length).fill(Number.NaN);
    return this.#values;
  }

  get error(): string | null {
    if (this.failure !== null) return this.failure.message;
    return this.stop === null ? null : `ended early: ${this.stop}`;
  }

  /** What came of asking for a block. False: no further one is to be asked. */
  readonly take = (block: Block, asked: Asked): boolean => {
    this.#note(asked);
    if (asked.kind === 'answer') {
      this.accepted.push(block);
      this.#decoder.decode(block, asked.data, this);
    } else {
      for (const index of block.metrics) this.missing.set(index, reasonOf(asked));
      if (isRefusal(asked)) this.refused.push(block);
    }
    return this.stop === null;
  };

  /** Metrics that were not asked for. */
  leave(metrics: Iterable<number>, reason: MissingReason): void {
    for (const index of metrics) this.missing.set(index, reason);
  }

  /** Asks part of a refused block. What it answers is kept at once, so that finding out why costs no reading. */
  async askPart(span: Span): Promise<Answer> {
    if (this.stop !== null) return 'stop';
    const asked = await this.#asker.ask(span);
    this.#note(asked);
    const within = this.#refusedWithin(span);
    if (asked.kind === 'answer') {
      for (const index of within) this.missing.delete(index);
      this.#decoder.decode({ start: span.start, metrics: within }, asked.data, this);
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
        const { address, size } = this.#meter.metrics[index] as Meter['metrics'][number];
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
