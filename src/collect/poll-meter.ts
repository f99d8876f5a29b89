// One meter's part in a cycle: asks the blocks of its plan over its link, decodes them, and says for every metric without
// a value why. A timeout ends the unit's turn; an exception means it is alive, so its block is split in the
// same poll until the culprit is alone, and what was refused is remembered. What is left undone for lack of time is said so.

import { type Decoder, decoderOf } from '../codec/decode.js';
import type { ModbusFailure } from '../modbus/failure.js';
import type { Link } from '../modbus/reader.js';
import type { Learned, Plan, Refusal } from '../model/block.js';
import type { Clock } from '../model/clock.js';
import type { Log } from '../model/log.js';
import type { Meter } from '../model/meter.js';
import type { MissingReason, Poll } from '../model/poll.js';
import { blockToRetry, planBlocks } from '../plan/blocks.js';
import type { LearnedPlans } from '../plan/refused-registers.js';
import { Asker } from './ask.js';
import { explore } from './find-refused.js';
import { Pass } from './pass.js';

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
  /** On the monotonic clock, ms: no request is started after it, and none waits beyond it for its answer. */
  readonly deadline: number;
  /** Aborts when the collector stops; may abort at the deadline too. */
  readonly signal: AbortSignal;
  /** Instead of the meter's, e.g. 0 for a meter that failed last time. */
  readonly retries?: number;
  /** Instead of the meter's, where it is less. */
  readonly timeoutMs?: number;
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

/** Who has a meter polled. One of them is called, once; it may be within `begin`. */
export interface Polled {
  polled(result: PollResult): void;
  /** A mistake in the program. */
  brokeDown(error: unknown): void;
}

/** How long a meter that refused everything is spared further questions about why. */
const EXPLORE_AGAIN_MS = { first: 60_000, most: 3_600_000 };

export class MeterPoller {
  readonly meter: Meter;
  readonly #init: PollerInit;
  readonly #decoder: Decoder;
  #plan: Plan;
  #exploreAt = Number.NEGATIVE_INFINITY;
  #exploreWaitMs = EXPLORE_AGAIN_MS.first;

  constructor(init: PollerInit) {
    this.meter = init.meter;
    this.#init = init;
    this.#decoder = decoderOf(init.meter);
    this.#plan = this.#planFor(init.learned.get(init.meter));
  }

  /** The requests of the next poll. */
  get plan(): Plan {
    return this.#plan;
  }

  /** Reads every block of the plan. One poll at a time. */
  begin(request: PollRequest, polled: Polled): void {
    const { clock } = this.#init;
    const { blocks, unread } = this.#plan;
    const pass = new Pass({
      meter: this.meter,
      decoder: this.#decoder,
      asker: this.#asker(request),
      blocks,
      slot: request.slot,
      readAt: clock.now(),
      startedAt: clock.monotonic(),
      polled,
      resultOf: this.#resultOf,
    });
    pass.leave(unread, 'refused before');
    pass.begin();
  }

  /** The same for who polls seldom. Rejects for a mistake in the program only. */
  poll(request: PollRequest): Promise<PollResult> {
    return new Promise((polled, brokeDown) => this.begin(request, { polled, brokeDown }));
  }

  readonly #resultOf = (pass: Pass): PollResult | Promise<PollResult> => {
    const { clock, learned } = this.#init;
    const refusal = pass.stop === null ? learned.due(this.meter) : null;
    if (pass.refused.length > 0 && clock.monotonic() >= this.#exploreAt) {
      return this.#explore(pass).then(() => this.#finish(pass));
    }
    if (refusal !== null) return this.#retry(refusal, pass.init.asker).then(() => this.#finish(pass));
    return this.#finish(pass);
  };

  #finish(pass: Pass): PollResult {
    this.#decoder.finish(pass);
    const { values, missing, failure, error } = pass;
    const { meter, asker, slot, readAt, startedAt } = pass.init;
    const { requests, wasAnswered, cut, roundTripMs } = asker;
    const durationMs = this.#init.clock.monotonic() - startedAt;
    const poll: Poll = { meter, slot, readAt, durationMs, requests, values, missing, error };
    return { poll, answered: wasAnswered, cut, roundTripMs, failure };
  }

  async #explore(pass: Pass): Promise<void> {
    const { clock, learned: plans, log } = this.#init;
    const before = plans.get(this.meter);
    const { learned, settled } = await explore({
      metrics: this.meter.metrics,
      limits: this.#limits,
      learned: before,
      refused: pass.refused,
      accepted: pass.accepted,
      ask: (span) => pass.askPart(span),
    });
    if (learned !== before) {
      plans.set(this.meter, learned);
      this.#plan = this.#planFor(learned);
      log.info('learned what the meter refuses', {
        meter: this.meter.name,
        ...learned,
        blocks: this.#plan.blocks.length,
      });
    }
    if (settled || pass.stop !== null) this.#exploreWaitMs = EXPLORE_AGAIN_MS.first;
    else {
      this.#exploreAt = clock.monotonic() + this.#exploreWaitMs;
      this.#exploreWaitMs = Math.min(2 * this.#exploreWaitMs, EXPLORE_AGAIN_MS.most);
    }
  }

  /** At most one per poll. A request that ends in silence counts as refused too: it must not be asked every time. */
  async #retry(refusal: Refusal, asker: Asker): Promise<void> {
    const { learned: plans, log } = this.#init;
    const learned = plans.get(this.meter);
    const block = blockToRetry(this.meter.metrics, { ...this.#limits, learned }, refusal);
    const asked = block === null ? null : await asker.ask(block);
    if (asked?.kind !== 'answer') return plans.stillRefused(this.meter, refusal);
    const { span } = refusal;
    this.#adopt({
      maxRegisters: span === null ? null : learned.maxRegisters,
      refused: learned.refused.filter((other) => other !== span),
    });
    log.info('the meter takes what it refused before', { meter: this.meter.name, ...refusal });
  }

  #adopt(learned: Learned): void {
    this.#init.learned.set(this.meter, learned);
    this.#plan = this.#planFor(this.#init.learned.get(this.meter));
  }

  #planFor(learned: Learned): Plan {
    return planBlocks(this.meter.metrics, { ...this.#limits, learned });
  }

  get #limits() {
    const { maxRegisters, maxGap } = this.meter;
    return { maxRegisters, maxGap };
  }

  #asker({ deadline, signal, timeoutMs, retries = this.meter.retries }: PollRequest): Asker {
    const { link, clock } = this.#init;
    const patienceMs = Math.min(timeoutMs ?? Number.POSITIVE_INFINITY, this.meter.timeoutMs);
    return new Asker({ meter: this.meter, link, clock, deadline, signal, retries, timeoutMs: patienceMs });
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
