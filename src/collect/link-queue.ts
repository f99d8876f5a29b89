// The meters behind one link, asked one after the other. Each gets one try first, those that answered before ahead of the
// others, so that a silent unit costs its neighbours as little as can be; second tries and probes of units that were
// silent before come after, as long as the slot lasts, and take no more than a share of the link's time.

import type { Clock } from '../model/clock.js';
import { messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { type MissingReason, type Poll, storedCount } from '../model/poll.js';
import { pace } from '../pace.js';
import { afterConnect, afterPoll, isSilence, type LinkHealth, linkUp, outcomeOf, troubled } from './health.js';
import { type Job, logHealth, type Turns } from './job.js';
import { mergePolls } from './merge.js';
import { type Polled, type PollResult, unreadPoll } from './poll-meter.js';
import { lateness, precedes } from './precedence.js';

export interface LaneOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** When the next slot of any meter on this link comes, on the monotonic clock. */
  readonly nextSlotAt: () => number;
  readonly onPoll: (poll: Poll) => void;
  /** Aborts when the collector stops: one for all, since a thousand would be as many kinds of object to V8. */
  readonly stop: AbortSignal;
}

/** Most of the link's time that goes to meters that were silent before, while others there do answer. */
const TROUBLE_SHARE = 0.1;
/** Less time than this is not worth a try, unless the meter is known to be quicker. */
const LEAST_TRY_MS = 100;

export class Lane implements Polled {
  readonly turns: Turns[] = [];
  readonly #options: LaneOptions;
  readonly #jobs: Job[] = [];
  #link: LinkHealth = linkUp;
  #lastConnect = Number.NEGATIVE_INFINITY;
  /** Time that may go to troubled meters, ms; negative: spent in advance. */
  #allowance = 0;
  #allowanceAt: number;
  /** At work, or about to be. */
  #busy = false;
  /** Called when it no longer is. */
  #onIdle: (() => void) | null = null;
  /** Choosing what to try next: what ends at once needs no going on. */
  #choosing = false;
  /** Ends the wait for a job to be ready; null: nothing is waited for. */
  #wake: AbortController | null = null;
  /** Being tried. */
  #current: Job | null = null;
  #triedAt = 0;
  #rationed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#allowanceAt = options.clock.monotonic();
  }

  add(job: Job): void {
    this.#jobs.push(job);
    if (this.#wake) this.#wake.abort();
    if (this.#busy) return;
    this.#busy = true;
    pace('begin', this.#work);
  }

  /** Ends a job that still waits. */
  cut(job: Job): void {
    if (job !== this.#current && this.#jobs.includes(job)) this.#end(job, 'deadline');
  }

  /** Resolves when `stop` has cut everything waiting and under way, with the reason `shutdown`. */
  async stopped(): Promise<void> {
    this.#wake?.abort();
    if (!this.#busy) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Until there is nothing more to do, or something to wait for. */
  readonly #work = (): void => {
    this.#choosing = true;
    while (this.#jobs.length > 0 && this.#current === null && this.#wake === null) {
      const now = this.#options.clock.monotonic();
      this.#dismiss(now);
      const job = this.#pick(now);
      if (job) this.#try(job, now);
      else if (this.#jobs.length > 0) void this.#wait(now);
    }
    this.#choosing = false;
    if (this.#jobs.length > 0) return;
    this.#busy = false;
    this.#onIdle?.();
  };

  /** Ends every job that will not be tried. */
  #dismiss(now: number): void {
    for (let index = 0; index < this.#jobs.length; ) {
      const job = this.#jobs[index] as Job;
      const reason = this.#dismissal(job, now);
      if (reason) this.#end(job, reason);
      else index++;
    }
  }

  #dismissal(job: Job, now: number): MissingReason | null {
    if (this.#options.stop.aborted) return 'shutdown';
    if (now + this.#leastTry(job.turns) > job.deadline) return 'deadline';
    if (job.byHand || job.poll !== null) return null;
    if (now < this.#link.notBefore && this.#lastConnect < job.arrived) return 'offline';
    return now < job.turns.health.notBefore ? 'offline' : null;
  }

  /** The job to try now; null: none is ready. */
  #pick(now: number): Job | null {
    let best: Job | null = null;
    for (const job of this.#jobs) {
      if (now < this.#readyAt(job)) continue;
      if (best === null || precedes(job, best)) best = job;
    }
    return best;
  }

  #readyAt(job: Job): number {
    return job.byHand && this.#lastConnect < job.arrived
      ? job.notBefore
      : Math.max(job.notBefore, this.#link.notBefore);
  }

  async #wait(now: number): Promise<void> {
    const until = Math.min(...this.#jobs.map((job) => Math.min(this.#readyAt(job), job.deadline)));
    this.#wake = new AbortController();
    await this.#options.clock.sleep(Math.max(1, until - now), this.#wake.signal);
    this.#wake = null;
    this.#work();
  }

  #try(job: Job, now: number): void {
    const { nextSlotAt, stop } = this.#options;
    const { turns, slot } = job;
    let { deadline } = job;
    let rationed = false;
    const late = lateness(job);
    if (late > 2 && !job.byHand) {
      // What comes last may not run into the next slot of a neighbour.
      deadline = Math.min(deadline, nextSlotAt());
      rationed = late > 3 && this.turns.some(({ health }) => !troubled(health));
      if (now + this.#leastTry(turns) > deadline || (rationed && !this.#allowed(now)))
        return void this.#end(job, 'offline');
    }

    turns.lastAsked = now;
    turns.probing = turns.health.state === 'offline';
    this.#current = job;
    this.#triedAt = now;
    this.#rationed = rationed;
    const timeoutMs = this.#patience(job, now);
    turns.poller.begin({ slot, deadline, retries: 0, timeoutMs, signal: stop }, this);
  }

  /** Of a poller. */
  polled(result: PollResult): void {
    this.#tried(this.#current as Job, result);
    if (!this.#choosing) this.#work();
  }

  /** Of a poller. It costs its own meter this slot, and is logged. */
  brokeDown(error: unknown): void {
    const job = this.#current as Job;
    const { clock, log } = this.#options;
    const { meter } = job.turns;
    log.error('reading a meter broke down', { meter: meter.name, error });
    const fields = { slot: job.slot, readAt: clock.now(), reason: 'bad answer', error: messageOf(error) } as const;
    this.#tried(job, { poll: unreadPoll(meter, fields), roundTripMs: null });
    if (!this.#choosing) this.#work();
  }

  #tried(job: Job, { poll, roundTripMs }: Pick<PollResult, 'poll' | 'roundTripMs'>): void {
    const { clock, random } = this.#options;
    const { turns } = job;
    this.#current = null;
    turns.probing = false;
    turns.roundTripMs = roundTripMs ?? turns.roundTripMs;
    const end = clock.monotonic();
    if (this.#rationed) this.#allowance -= end - this.#triedAt;
    job.poll = job.poll ? mergePolls(job.poll, poll) : poll;

    const outcome = outcomeOf(poll);
    if (outcome === 'unreachable') {
      this.#lastConnect = end;
      this.#link = afterConnect(this.#link, false, { monotonic: end, random: random() });
      this.#failAll(poll.error);
      return;
    }
    if (outcome !== 'nothing') this.#link = linkUp;
    if (job.retriesLeft === 0 || !hasSilence(poll)) return void this.#end(job, null);
    job.retriesLeft--;
    job.notBefore = end + turns.meter.retryWaitMs;
  }

  /**
   * Once a meter here was silent, those of which nothing is known yet share the time that is left, so that many dead ones
   * among them do not keep the others from being found in the very first cycle.
   */
  #patience(job: Job, now: number): number {
    const { timeoutMs } = job.turns.meter;
    if (!isUnknown(job)) return timeoutMs;
    const silent = this.#jobs.some(({ poll }) => poll !== null) || this.turns.some(({ health }) => troubled(health));
    if (!silent) return timeoutMs;
    const shareMs = (job.deadline - now) / this.#jobs.filter(isUnknown).length;
    return shareMs < LEAST_TRY_MS ? timeoutMs : Math.min(Math.floor(shareMs), timeoutMs);
  }

  /** One refused connection is a failed try of every meter behind it. */
  #failAll(error: string | null): void {
    const now = this.#options.clock.now();
    for (const job of [...this.#jobs]) {
      const { turns, slot } = job;
      job.poll ??= unreadPoll(turns.meter, { slot, readAt: now, reason: 'unreachable', error });
      if (job.retriesLeft === 0) this.#end(job, 'unreachable');
      else job.retriesLeft--;
    }
  }

  #allowed(now: number): boolean {
    const shortest = Math.min(...this.turns.map(({ meter }) => meter.schedule.intervalMs ?? 60_000));
    const earned = this.#allowance + (now - this.#allowanceAt) * TROUBLE_SHARE;
    this.#allowance = Math.min(earned, shortest * TROUBLE_SHARE);
    this.#allowanceAt = now;
    return this.#allowance > 0;
  }

  #leastTry({ meter, roundTripMs }: Turns): number {
    const known = roundTripMs === null ? LEAST_TRY_MS : 3 * roundTripMs + 5;
    return Math.min(meter.timeoutMs, known, LEAST_TRY_MS);
  }

  #end(job: Job, reason: MissingReason | null): void {
    const { clock, log, random, onPoll } = this.#options;
    const { turns, slot } = job;
    this.#jobs.splice(this.#jobs.indexOf(job), 1);
    const isFirst = turns.jobs[0] === job;
    turns.jobs.splice(turns.jobs.indexOf(job), 1);
    const now = clock.now();
    const error = reason === 'offline' ? turns.health.why : null;
    const poll = job.poll ?? unreadPoll(turns.meter, { slot, readAt: now, reason: reason ?? 'deadline', error });
    const before = turns.health;
    turns.slow = hasSilence(poll);
    turns.health = afterPoll(before, outcomeOf(poll), {
      now,
      monotonic: clock.monotonic(),
      intervalMs: turns.meter.schedule.intervalMs,
      random: random(),
      why: poll.error,
    });
    count(turns, poll, now);
    onPoll(poll);
    if (turns.health.state !== before.state) logHealth(log, turns, before);
    if (isFirst) {
      job.gather.polled(job, poll);
      turns.recorded();
    } else turns.inOrder(slot, clock.monotonic(), () => job.gather.polled(job, poll));
  }
}

const isUnknown = ({ turns, poll }: Job): boolean => turns.health.state === 'starting' && poll === null;

/** Something got no answer that a second try could get. */
function hasSilence(poll: Poll): boolean {
  for (const reason of poll.missing.values()) if (isSilence(reason)) return true;
  return false;
}

function count(turns: Turns, poll: Poll, now: number): void {
  const { counters } = turns;
  counters.polls++;
  counters.requests += poll.requests;
  counters.readings += storedCount(poll);
  for (const reason of poll.missing.values()) counters.missing[reason] = (counters.missing[reason] ?? 0) + 1;
  if (storedCount(poll) > 0) turns.lastSuccess = now;
  if (poll.error !== null && poll.requests > 0) turns.lastError = { time: now, message: poll.error };
}
