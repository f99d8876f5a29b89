// One meter's turn at one slot, from the tick that asks for it to the record that makes it durable, and what the lane
// needs to know of the meter between turns.

import type { Log } from '../model/log.js';
import { linkKeyOf, type Meter } from '../model/meter.js';
import type { MissingReason, Poll } from '../model/poll.js';
import type { MeterCounters } from '../model/status.js';
import type { Fate } from '../record/recorder.js';
import { scheduleKeyOf } from '../schedule/scheduler.js';
import type { Gather } from './gather.js';
import { type Health, startingHealth, troubled } from './health.js';
import type { Polled, PollRequest } from './poll-meter.js';

/** What of poll.ts the cycle needs: it decides when, how often and until when a meter is asked; poll.ts how. */
export interface Poller {
  begin(request: PollRequest, polled: Polled): void;
}

export interface Settled {
  readonly poll: Poll;
  readonly fate: Fate;
}

export interface JobInit {
  readonly turns: Turns;
  readonly slot: number;
  /** On the monotonic clock. */
  readonly deadline: number;
  readonly arrived: number;
  readonly byHand: boolean;
  /** Takes the poll. */
  readonly gather: Gather;
}

export class Job {
  readonly turns: Turns;
  readonly slot: number;
  readonly deadline: number;
  readonly arrived: number;
  readonly gather: Gather;
  /** Asked for by a person: done whatever the meter's health says. */
  byHand: boolean;
  /** What the tries so far brought. */
  poll: Poll | null = null;
  retriesLeft: number;
  /** Between tries, on the monotonic clock. */
  notBefore = Number.NEGATIVE_INFINITY;
  /** null: neither durable nor lost yet. */
  settled: Settled | null = null;
  #onSettled: (() => void) | null = null;
  #whenSettled: Promise<void> | null = null;

  constructor({ turns, slot, deadline, arrived, byHand, gather }: JobInit) {
    this.turns = turns;
    this.slot = slot;
    this.deadline = deadline;
    this.arrived = arrived;
    this.gather = gather;
    this.byHand = byHand;
    this.retriesLeft = troubled(turns.health) ? 0 : turns.meter.retries;
  }

  /** Made where somebody waits for just this job: of a thousand, nobody does. */
  get whenSettled(): Promise<void> {
    this.#whenSettled ??= new Promise((resolve) => {
      this.#onSettled = resolve;
    });
    return this.#whenSettled;
  }

  settle(settled: Settled): void {
    this.settled = settled;
    this.#onSettled?.();
  }
}

/** A meter as the collector keeps it from cycle to cycle. */
export class Turns {
  readonly meter: Meter;
  readonly poller: Poller;
  readonly linkKey: string;
  readonly scheduleKey: string;
  health: Health;
  /** At most one at work and one waiting; in this order. */
  readonly jobs: Job[] = [];
  /** Its newest poll lost something to silence: it comes after those that lost nothing. */
  slow = false;
  lastAsked = Number.NEGATIVE_INFINITY;
  lastSuccess: number | null = null;
  lastError: { readonly time: number; readonly message: string } | null = null;
  roundTripMs: number | null = null;
  probing = false;
  readonly counters: Counters = { polls: 0, requests: 0, readings: 0, missedSlots: 0, overrunSlots: 0, missing: {} };
  /** To go on record after the job at work, in order of their slots. */
  readonly #waiting: { readonly slot: number; readonly record: () => void }[] = [];

  constructor(meter: Meter, poller: Poller, now: number) {
    this.meter = meter;
    this.poller = poller;
    this.linkKey = linkKeyOf(meter);
    this.scheduleKey = scheduleKeyOf(meter.schedule);
    this.health = startingHealth(now);
  }

  /**
   * Has something go on record that is of a later slot than the job at work: not before that one, when it is over its time
   * and about to end. What is older than the newest on record counts as accounted for, so a process killed in between would
   * leave no account of it. `now` is monotonic.
   */
  inOrder(slot: number, now: number, record: () => void): void {
    const atWork = this.jobs[0];
    if (atWork && now >= atWork.deadline) this.#waiting.push({ slot, record });
    else record();
  }

  /** A job has gone on record: so does what waited for it. */
  recorded(): void {
    const next = this.jobs[0]?.slot ?? Number.POSITIVE_INFINITY;
    while (this.#waiting[0] && this.#waiting[0].slot < next) this.#waiting.shift()?.record();
  }
}

export type Counters = { -readonly [K in Exclude<keyof MeterCounters, 'missing'>]: number } & {
  readonly missing: Partial<Record<MissingReason, number>>;
};

/** One line when a meter is lost, one when it is back. A single silent poll is only counted. */
export function logHealth(log: Log, turns: Turns, before: Health): void {
  const { meter, health } = turns;
  const fields = { meter: meter.name, host: meter.host, port: meter.port, unit: meter.unitId };
  if (health.state === 'offline') log.warn('meter offline', { ...fields, why: health.why });
  else if (health.state === 'online' && before.state === 'offline') {
    log.info('meter online again', { ...fields, offlineSeconds: Math.round((health.since - before.since) / 1000) });
  } else if (health.state === 'online' && before.state === 'starting') log.info('meter online', fields);
}
