// One meter's turn at one slot, from the tick that asks for it to the record that makes it durable, and what the lane
// needs to know of the meter between turns.

import { linkKeyOf, type Meter } from '../meter.js';
import type { MissingReason, Poll } from '../reading.js';
import type { Fate } from '../record/recorder.js';
import type { MeterCounters } from '../service.js';
import { type Health, startingHealth } from './health.js';
import type { PollRequest, PollResult } from './poll.js';
import { scheduleKeyOf } from './schedule.js';

/** What of poll.ts the cycle needs: it decides when, how often and until when a meter is asked; poll.ts how. */
export interface Poller {
  poll(request: PollRequest): Promise<Pick<PollResult, 'poll' | 'roundTripMs'>>;
}

export interface Settled {
  readonly poll: Poll;
  readonly fate: Fate;
}

export interface Job {
  readonly turns: Turns;
  readonly slot: number;
  /** On the monotonic clock. */
  readonly deadline: number;
  readonly arrived: number;
  /** Asked for by a person: done whatever the meter's health says. */
  byHand: boolean;
  /** What the tries so far brought. */
  poll: Poll | null;
  retriesLeft: number;
  /** Between tries, on the monotonic clock. */
  notBefore: number;
  readonly onPolled: (poll: Poll) => void;
  /** Resolves when the poll is durable, or lost. */
  readonly settled: Promise<Settled>;
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

  constructor(meter: Meter, poller: Poller, now: number) {
    this.meter = meter;
    this.poller = poller;
    this.linkKey = linkKeyOf(meter);
    this.scheduleKey = scheduleKeyOf(meter.schedule);
    this.health = startingHealth(now);
  }
}

export type Counters = { -readonly [K in Exclude<keyof MeterCounters, 'missing'>]: number } & {
  readonly missing: Partial<Record<MissingReason, number>>;
};
