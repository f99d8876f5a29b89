// One meter's part in a cycle: reads the blocks of its plan over its link, decodes them, and says for every metric without
// a value why. A failed request costs only its own metrics. A timeout ends the poll, since the unit may not be there; an
// exception means that it is, so the block is split in the same poll until the culprit is alone, and that is remembered.

import { type Decoder, decoderOf } from '../codec/decode.js';
import type { ModbusFailure } from '../modbus/failure.js';
import type { Block, Learned, Plan, Refusal, RefusalReason } from '../model/block.js';
import type { Clock } from '../model/clock.js';
import type { Log } from '../model/log.js';
import type { Meter } from '../model/meter.js';
import type { MeterEvent, Poll } from '../model/poll.js';
import { blockToRetry, limitsOf, planBlocks } from '../plan/blocks.js';
import { refusalText } from '../plan/explain.js';
import type { LearnedPlans } from '../plan/refused-registers.js';
import { explore } from './find-refused.js';
import {
  afterPoll,
  beginsSmall,
  idle,
  type LengthSearch,
  longerRequest,
  smallestRequest,
} from './find-silent-length.js';
import { type DeviceIdentity, IdentityReader, unknownIdentity } from './identity.js';
import { PollValues } from './poll-values.js';
import { type MeterLink, MeterRequests, meaningOf } from './request.js';

export interface PollerInit {
  readonly meter: Meter;
  readonly link: MeterLink;
  readonly clock: Clock;
  readonly log: Log;
  readonly learned: LearnedPlans;
  /** What is known of the device that answered last; left out: nothing. */
  readonly known?: DeviceIdentity;
}

export interface PollRequest {
  /** Nominal time, ms UTC. */
  readonly slot: number;
  /** On the monotonic clock, ms: no request is started after it, and none waits beyond it for its response. */
  readonly deadline: number;
  /** Aborts when the collector stops. */
  readonly signal: AbortSignal;
  /** Instead of the meter's, e.g. 0 where the caller tries again itself. */
  readonly retries?: number;
  /** Instead of the meter's, where it is less. */
  readonly timeoutMs?: number;
}

export interface PollResult {
  readonly poll: Poll;
  /** The unit said something, be it an exception of its own (not 10 or 11, which a gateway says in its place). */
  readonly answered: boolean;
  /** Deadline or shutdown ended the poll before it could tell whether the unit answers: no evidence against it. */
  readonly cut: boolean;
  /** Of the newest answered request, ms; null: none. */
  readonly roundTripMs: number | null;
  /** The first failure, if any. */
  readonly failure: ModbusFailure | null;
  /** What changed about the meter. */
  readonly events: readonly MeterEvent[];
}

/** How long a meter that refused everything is spared further requests about why. */
const EXPLORE_AGAIN_MS = { first: 60_000, most: 3_600_000 };
/** So many polls in a row whose first request, on a new connection, timed out: then the error names connectDelay. */
const HINT_AFTER = 3;
/** A longer request is tried where so many timeouts of it would fit before the deadline: neighbours need time too. */
const TRIAL_TIMEOUTS = 3;

export class MeterPoller {
  readonly meter: Meter;
  readonly #init: PollerInit;
  readonly #decoder: Decoder;
  readonly #identity: IdentityReader;
  #plan: Plan;
  #search: LengthSearch = idle;
  #exploreAt = Number.NEGATIVE_INFINITY;
  #exploreWaitMs = EXPLORE_AGAIN_MS.first;
  #freshTimeouts = 0;

  constructor(init: PollerInit) {
    const { meter, link, clock, known = unknownIdentity } = init;
    this.meter = meter;
    this.#init = init;
    this.#decoder = decoderOf(meter);
    this.#identity = new IdentityReader({ meter, link, clock, known });
    this.#plan = this.#planFor(init.learned.get(meter));
  }

  /** The requests of the next poll. */
  get plan(): Plan {
    return this.#plan;
  }

  /** What the `once` metrics said last. */
  get identity(): IdentityReader {
    return this.#identity;
  }

  /** Reads every block of the plan. One poll at a time. Rejects for a mistake in the program only. */
  async poll({ slot, deadline, signal, timeoutMs, retries = this.meter.retries }: PollRequest): Promise<PollResult> {
    const { link, clock } = this.#init;
    const limitMs = Math.min(timeoutMs ?? Number.POSITIVE_INFINITY, this.meter.timeoutMs);
    const init = { meter: this.meter, link, clock, deadline, signal, retries, timeoutMs: limitMs };
    const requests = new MeterRequests(init);
    const values = new PollValues(this.meter, this.#decoder);
    const readAt = clock.now();
    const startedAt = clock.monotonic();
    const events: MeterEvent[] = [];
    let stranger: string | null = null;
    try {
      stranger = await this.#read({ values, requests, events, slot, deadline });
    } finally {
      if (this.meter.keepConnection === false) link.disconnect();
    }
    values.finish();
    const error = stranger ?? this.#withHint(values.error);
    const poll: Poll = {
      meter: this.meter,
      slot,
      readAt,
      durationMs: clock.monotonic() - startedAt,
      requests: requests.sent,
      values: values.values,
      missing: values.missing,
      error,
    };
    const { wasAnswered, wasCut, roundTripMs } = requests;
    return { poll, answered: wasAnswered, cut: wasCut, roundTripMs, failure: values.failure, events };
  }

  /** Resolves to why nothing of the device may be stored; null: it may. */
  async #read(reading: Reading): Promise<string | null> {
    const { values, requests, events, slot } = reading;
    const { learned } = this.#init;
    const isChecked = this.meter.serialNumber !== undefined;
    values.leave(this.#plan.unread, 'refused before');
    values.leave(this.#plan.apart, 'group');
    const readIdentity = async () => {
      const read = await this.#identity.read(requests, { learned: learned.get(this.meter), slot });
      events.push(...read.events);
      return read.failed;
    };
    const isStranger = () => {
      const is = requests.wasAnswered && this.#identity.stranger !== null;
      if (is) values.leaveAll('other meter');
      return is;
    };
    if (isChecked && this.#identity.isDue) {
      const failed = await readIdentity();
      if (failed !== null) values.note(failed);
      if (isStranger()) return this.#identity.stranger;
    }
    await this.#readBlocks(reading);
    // Another device may have taken the address while the connection was opened anew.
    if (isChecked && values.accepted.length > 0 && this.#identity.isDue) await readIdentity();
    if (isChecked && isStranger()) return this.#identity.stranger;
    if (values.stop !== null) return null;
    if (values.refused.length > 0 && this.#init.clock.monotonic() >= this.#exploreAt) await this.#explore(reading);
    else await this.#tryWhatWasRefused(reading);
    if (values.stop === null && !isChecked && this.#identity.isDue) await readIdentity();
    return null;
  }

  async #readBlocks({ values, requests, events, slot, deadline }: Reading): Promise<void> {
    const { link } = this.#init;
    const { blocks } = this.#plan;
    const connects = link.connects;
    const smallest = beginsSmall(this.#search) ? smallestRequest(blocks, this.meter.metrics) : null;
    if (smallest !== null) values.note(await requests.read(smallest));
    let silent: Block | null = null;
    for (const block of blocks) {
      if (values.stop !== null) {
        values.leave(block.metrics, values.stop);
        continue;
      }
      const outcome = await requests.read(block);
      values.take(block, outcome);
      if (outcome.kind === 'failed' && outcome.failure.kind === 'timeout') silent = block;
    }
    const isTimeout = values.failure?.kind === 'timeout';
    if (requests.wasAnswered) this.#freshTimeouts = 0;
    else if (isTimeout) this.#freshTimeouts = link.connects > connects ? this.#freshTimeouts + 1 : 0;

    const registers = values.accepted.filter((block) => block.function === 'holding' || block.function === 'input');
    const evidence = {
      silent: silent ?? (smallest !== null && isTimeout ? smallest : null),
      answered: requests.wasAnswered,
      complete: values.stop === null && silent === null,
      longest: registers.reduce((most, { count }) => Math.max(most, count), 0),
    };
    const before = this.#search;
    const { search, learned } = afterPoll(before, evidence, this.meter.metrics);
    this.#search = search;
    if (learned !== null) this.#learnSilence(learned, { slot, events });
    else if (search !== before) this.#plan = this.#planFor(this.#init.learned.get(this.meter));
    if (search.state === 'growing' && before.state === 'growing' && values.stop === null) {
      await this.#tryLonger(search, { requests, deadline, slot, events });
    }
  }

  /** One request that is longer than those known to be answered. */
  async #tryLonger(
    search: LengthSearch & { readonly state: 'growing' },
    { requests, deadline, slot, events }: Omit<Reading, 'values'>,
  ): Promise<void> {
    const { clock, learned } = this.#init;
    const { metrics, timeoutMs } = this.meter;
    if (clock.monotonic() + TRIAL_TIMEOUTS * timeoutMs > deadline) return;
    const span = longerRequest(search, { metrics, limits: limitsOf(this.meter), learned: learned.get(this.meter) });
    if (span === null) {
      this.#search = idle;
      return;
    }
    const outcome = await requests.read(span, 0);
    if (outcome.kind === 'ended') return;
    if (outcome.kind === 'failed') {
      this.#search = { ...search, silent: span.count };
      return;
    }
    this.#search = { ...search, accepted: span.count };
    this.#learnSilence({ maxRegisters: span.count }, { slot, events });
  }

  #learnSilence(
    found: { readonly maxRegisters: number } | { readonly refused: Learned['refused'][number] },
    context: { readonly slot: number; readonly events: MeterEvent[] },
  ): void {
    const known = this.#init.learned.get(this.meter);
    if ('maxRegisters' in found)
      this.#adopt({ ...known, maxRegisters: found.maxRegisters }, { ...context, reason: 'silence' });
    else this.#adopt({ ...known, refused: [...known.refused, found.refused] }, { ...context, reason: 'silence' });
  }

  async #explore({ values, requests, slot, events }: Reading): Promise<void> {
    const { clock, learned: plans } = this.#init;
    const before = plans.get(this.meter);
    const { learned, settled } = await explore({
      metrics: this.meter.metrics,
      limits: limitsOf(this.meter),
      learned: before,
      refused: values.refused,
      accepted: values.accepted,
      ask: async (span) => {
        if (values.stop !== null) return 'stop';
        const outcome = await requests.read(span);
        values.takePart(span, outcome);
        const meaning = meaningOf(outcome);
        return meaning === 'answered' ? 'accepted' : meaning === 'refused' ? 'refused' : 'stop';
      },
    });
    if (learned !== before) this.#adopt(learned, { slot, events, reason: 'exception' });
    if (settled || values.stop !== null) this.#exploreWaitMs = EXPLORE_AGAIN_MS.first;
    else {
      this.#exploreAt = clock.monotonic() + this.#exploreWaitMs;
      this.#exploreWaitMs = Math.min(2 * this.#exploreWaitMs, EXPLORE_AGAIN_MS.most);
    }
  }

  /** Asks again for one thing that was refused, when it is due. No response counts as refused too: it must not be asked every time. */
  async #tryWhatWasRefused({ requests }: Reading): Promise<void> {
    const { learned: plans, log } = this.#init;
    const refusal: Refusal | null = plans.due(this.meter);
    if (refusal === null) return;
    const learned = plans.get(this.meter);
    const block = blockToRetry(this.meter.metrics, { ...limitsOf(this.meter), learned }, refusal);
    const outcome = block === null ? null : await requests.read(block, 0);
    if (outcome?.kind === 'ended') return;
    if (outcome?.kind !== 'response') return plans.stillRefused(this.meter, refusal);
    const { span } = refusal;
    plans.set(this.meter, {
      maxRegisters: span === null ? null : learned.maxRegisters,
      refused: learned.refused.filter((other) => other !== span),
    });
    this.#plan = this.#planFor(plans.get(this.meter));
    log.info('the meter takes what it refused before', { meter: this.meter.name, ...refusal });
  }

  /** Remembers what the meter refuses, and plans by it. */
  #adopt(
    learned: Learned,
    { slot, events, reason }: { readonly slot: number; readonly events: MeterEvent[]; readonly reason: RefusalReason },
  ): void {
    const { learned: plans, log } = this.#init;
    const before = refusalsText(plans.get(this.meter), reason);
    plans.set(this.meter, learned, reason);
    this.#plan = this.#planFor(plans.get(this.meter));
    const after = refusalsText(learned, reason);
    log.info('learned what the meter refuses', {
      meter: this.meter.name,
      reason,
      ...learned,
      blocks: this.#plan.blocks.length,
    });
    if (after !== before) events.push({ meter: this.meter, ts: slot, what: 'refused', before, after });
  }

  #planFor(learned: Learned): Plan {
    const search = this.#search;
    const { maxRegisters } = learned;
    const limit = search.state === 'halving' ? Math.min(search.limit, maxRegisters ?? search.limit) : maxRegisters;
    return planBlocks(this.meter.metrics, { ...limitsOf(this.meter), learned: { ...learned, maxRegisters: limit } });
  }

  #withHint(error: string | null): string | null {
    const { connectDelayMs = 0, endpoint } = this.meter;
    if (error === null || this.#freshTimeouts < HINT_AFTER || endpoint?.type === 'serial') return error;
    const rest = connectDelayMs === 0 ? 'a rest after connecting' : `a rest longer than ${connectDelayMs} ms`;
    return `${error} (the connection is accepted and the first request on it times out every time: the unit id is wrong, or the meter needs ${rest}, see connectDelay)`;
  }
}

/** A poll under way. */
interface Reading {
  readonly values: PollValues;
  readonly requests: MeterRequests;
  readonly events: MeterEvent[];
  readonly slot: number;
  readonly deadline: number;
}

/** For people; null: nothing. */
function refusalsText({ maxRegisters, refused }: Learned, reason: RefusalReason): string | null {
  const texts = refused.map((span) => refusalText({ span, maxRegisters: null, reason }));
  if (maxRegisters !== null) texts.push(refusalText({ span: null, maxRegisters, reason }));
  return texts.length === 0 ? null : texts.join(', ');
}
