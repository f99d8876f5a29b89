// A meter as the collector keeps it from cycle to cycle: its health, its figures, and its part in the cycles under way.

import type { Log } from '../model/log.js';
import { linkKeyOf, type Meter } from '../model/meter.js';
import { type MeterEvent, type MissingReason, type Outcome, type Poll, storedCount } from '../model/poll.js';
import type { MeterCounters } from '../model/status.js';
import { scheduleKeyOf } from '../schedule/scheduler.js';
import { type Health, startingHealth, troubled } from './health.js';
import type { PollRequest, PollResult } from './poll-meter.js';

/** Polls a meter. The link queue decides when and until when, poll-meter.ts how. */
export interface Poller {
  poll(request: PollRequest): Promise<Pick<PollResult, 'poll' | 'roundTripMs' | 'events'>>;
}

export interface Recorded {
  readonly poll: Poll;
  readonly outcome: Outcome;
}

/** One meter's part in one cycle, from the moment it is due until its poll is recorded. */
export class PollTask {
  readonly meter: CollectedMeter;
  /** Nominal time, ms UTC. */
  readonly slot: number;
  /** On the monotonic clock, ms. */
  readonly deadline: number;
  readonly arrived: number;
  /** Asked for by a person, at a moment that is no slot of the schedule. */
  readonly isOffGrid: boolean;
  /** Asked for by a person: tried whatever the meter's health says. */
  byHand: boolean;
  /** What the attempts so far brought; null: none was made. */
  poll: Poll | null = null;
  readonly events: MeterEvent[] = [];
  retriesLeft: number;
  /** Of the next attempt, on the monotonic clock, ms. */
  notBefore = Number.NEGATIVE_INFINITY;
  /** Resolves when the meter was polled; rejects never. */
  readonly polled: Promise<Poll>;
  readonly finish: (poll: Poll) => void;
  /** Resolves when the poll is durable, or lost. */
  readonly recorded: Promise<Recorded>;
  readonly settle: (recorded: Recorded) => void;

  constructor(init: { meter: CollectedMeter; slot: number; deadline: number; arrived: number; byHand: boolean }) {
    this.meter = init.meter;
    this.slot = init.slot;
    this.deadline = init.deadline;
    this.arrived = init.arrived;
    this.isOffGrid = init.byHand;
    this.byHand = init.byHand;
    this.retriesLeft = troubled(init.meter.health) ? 0 : init.meter.meter.retries;
    ({ promise: this.polled, resolve: this.finish } = deferred<Poll>());
    ({ promise: this.recorded, resolve: this.settle } = deferred<Recorded>());
  }
}

export class CollectedMeter {
  readonly meter: Meter;
  readonly poller: Poller;
  readonly linkKey: string;
  readonly scheduleKey: string;
  health: Health;
  /** At most one being polled and one waiting, in this order. */
  readonly tasks: PollTask[] = [];
  /** The newest poll lost something to silence: the meter is polled after those that lost nothing. */
  isSlow = false;
  /** Of the newest attempt, on the monotonic clock, ms. */
  lastAsked = Number.NEGATIVE_INFINITY;
  lastSuccess: number | null = null;
  lastError: { readonly time: number; readonly message: string } | null = null;
  roundTripMs: number | null = null;
  isProbing = false;
  /** Why the newest poll stored nothing of a device that does answer; null: it did. */
  stranger: string | null = null;
  readonly counters: Counters = { polls: 0, requests: 0, readings: 0, missedSlots: 0, overrunSlots: 0, missing: {} };

  constructor(meter: Meter, poller: Poller, now: number) {
    this.meter = meter;
    this.poller = poller;
    this.linkKey = linkKeyOf(meter);
    this.scheduleKey = scheduleKeyOf(meter.schedule);
    this.health = startingHealth(now);
  }

  /** Takes a finished poll into the figures. */
  count(poll: Poll, now: number): void {
    const { counters } = this;
    counters.polls++;
    counters.requests += poll.requests;
    counters.readings += storedCount(poll);
    for (const reason of poll.missing.values()) counters.missing[reason] = (counters.missing[reason] ?? 0) + 1;
    if (storedCount(poll) > 0) this.lastSuccess = now;
    if (poll.error !== null && poll.requests > 0) this.lastError = { time: now, message: poll.error };
    const [reason] = poll.missing.values();
    if (reason === 'other meter') this.stranger = poll.error;
    else if (storedCount(poll) > 0) this.stranger = null;
  }
}

export type Counters = { -readonly [K in Exclude<keyof MeterCounters, 'missing'>]: number } & {
  readonly missing: Partial<Record<MissingReason, number>>;
};

/** The event of a meter that stopped or resumed answering; null: neither. `before` and `after` are for people. */
export function healthEvent(meter: Meter, before: Health, after: Health): MeterEvent | null {
  if (after.state === before.state) return null;
  const lasted = duration(after.since - before.since);
  if (after.state === 'offline') {
    const text = before.state === 'starting' ? null : 'online';
    return { meter, ts: after.since, what: 'offline', before: text, after: after.why };
  }
  if (after.state !== 'online' || before.state !== 'offline') return null;
  return { meter, ts: after.since, what: 'online', before: `offline for ${lasted}`, after: 'online' };
}

/** One line when a meter is lost, one when it is back. A single silent poll is only counted. */
export function logHealth(log: Log, { meter, health }: CollectedMeter, before: Health): void {
  const fields = { meter: meter.name, host: meter.host, port: meter.port, unit: meter.unitId };
  if (health.state === 'offline') log.warn('meter offline', { ...fields, why: health.why });
  else if (health.state === 'online' && before.state === 'offline') {
    log.info('meter online again', { ...fields, offlineSeconds: Math.round((health.since - before.since) / 1000) });
  } else if (health.state === 'online' && before.state === 'starting') log.info('meter online', fields);
}

/** `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h` */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
