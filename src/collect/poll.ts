// One meter's part in a cycle: asks the blocks of its plan over its link, decodes them, and says for every metric without
// a value why. Never rejects. A timeout ends the unit's turn; an exception means it is alive, so its block is split in the
// same poll until the culprit is alone, and what was refused is remembered.

import type { Clock } from '../clock.js';
import { compileDecoder, type Decoder } from '../codec/decode.js';
import type { Log } from '../log.js';
import type { Meter } from '../meter.js';
import type { ModbusFailure } from '../modbus/failure.js';
import type { Link } from '../modbus/reader.js';
import type { Learned, Plan } from '../plan/block.js';
import { planBlocks } from '../plan/blocks.js';
import type { MissingReason, Poll } from '../reading.js';

/** What meters were found to refuse, kept across restarts. `plan/learned.ts` keeps it in a file. */
export interface LearnedPlans {
  get(meter: Meter): Learned;
  set(meter: Meter, learned: Learned): void;
}

export interface PollerInit {
  readonly meter: Meter;
  readonly link: Link;
  readonly clock: Clock;
  readonly log: Log;
  readonly learned: LearnedPlans;
}

export interface PollRequest {
  /** Nominal time, ms UTC. */
  readonly slot: number;
  /** On the monotonic clock, ms: no request is started after it, and none waits beyond it. */
  readonly deadline: number;
  /** Aborts when the collector stops. */
  readonly signal: AbortSignal;
}

export interface PollResult {
  readonly poll: Poll;
  /** The unit said something, be it an exception of its own (not 10 or 11, which a gateway says in its stead). */
  readonly answered: boolean;
  /** Deadline or shutdown ended the poll before it could tell whether the unit answers: no evidence against it. */
  readonly cut: boolean;
  /** Of the newest answered request; null: none. */
  readonly roundTripMs: number | null;
  /** The first failure, if any. */
  readonly failure: ModbusFailure | null;
}

export interface ProbeResult {
  readonly answered: boolean;
  readonly cut: boolean;
  readonly roundTripMs: number | null;
  readonly failure: ModbusFailure | null;
}

export class MeterPoller {
  readonly meter: Meter;
  readonly #init: PollerInit;
  readonly #decoder: Decoder;
  #plan: Plan;

  constructor(init: PollerInit) {
    this.meter = init.meter;
    this.#init = init;
    this.#decoder = compileDecoder(init.meter);
    this.#plan = planBlocks(init.meter.metrics, { ...init.meter, learned: init.learned.get(init.meter) });
  }

  /** The requests of the next poll. */
  get plan(): Plan {
    return this.#plan;
  }

  /** Reads every block of the plan. Never rejects. */
  async poll(_request: PollRequest): Promise<PollResult> {
    throw new Error(`not yet: ${this.#init.meter.name} ${typeof this.#decoder}`);
  }

  /** One cheap request, tried once, to see whether the unit answers. Never rejects. */
  async probe(_request: Pick<PollRequest, 'deadline' | 'signal'>): Promise<ProbeResult> {
    throw new Error('not yet');
  }
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
