// The meters behind one link, polled one after the other: a loop that asks nextAttempt what to do, and does it.

import type { Clock } from '../model/clock.js';
import { messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { MissingReason, Poll } from '../model/poll.js';
import { type CollectedMeter, healthEvent, logHealth, type PollTask } from './collected-meter.js';
import { afterConnect, afterPoll, isSilence, type LinkHealth, linkUp, outcomeOf } from './health.js';
import { type NextAttempt, nextAttempt, type QueueState } from './next-attempt.js';
import type { PollResult } from './poll-meter.js';
import { mergePolls, unreadPoll } from './poll-values.js';

export interface LinkQueueOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** 0 ≤ random < 1, for the jitter of pauses. */
  readonly random: () => number;
  /** When the next slot of any meter on this link comes, on the monotonic clock, ms. */
  readonly nextSlotAt: () => number;
  /** Aborts when the collector stops: what is under way is cut. */
  readonly stop: AbortSignal;
}

/** Most of the link's time that goes to meters that were silent before, while others there do answer. */
const TROUBLE_SHARE = 0.1;

export class LinkQueue {
  readonly meters: CollectedMeter[] = [];
  readonly #options: LinkQueueOptions;
  readonly #tasks: PollTask[] = [];
  #link: LinkHealth = linkUp;
  #lastConnectFailure = Number.NEGATIVE_INFINITY;
  /** Time that may go to meters that were silent before, ms; negative: spent in advance. */
  #allowanceMs = 0;
  #allowanceAt: number;
  #working: Promise<void> | null = null;
  /** Ends the wait for a task to be ready. */
  #wake = new AbortController();
  /** The task being polled. */
  #current: PollTask | null = null;

  constructor(options: LinkQueueOptions) {
    this.#options = options;
    this.#allowanceAt = options.clock.monotonic();
  }

  /** Adds a task; `task.polled` resolves when it is done. Never throws. */
  add(task: PollTask): void {
    this.#tasks.push(task);
    task.meter.tasks.push(task);
    this.#wake.abort();
    this.#working ??= this.#work();
  }

  /** Ends a task that still waits, for its time is over. */
  cut(task: PollTask): void {
    if (task !== this.#current && this.#tasks.includes(task)) this.#finish(task, 'deadline');
  }

  /** Resolves when everything has ended, after `stop` was aborted. */
  async stopped(): Promise<void> {
    this.#wake.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    // All tasks that come with this one are there when the first is chosen.
    await null;
    for (;;) {
      const now = this.#options.clock.monotonic();
      const next = nextAttempt(this.#state(now), now);
      if (next === null) {
        this.#working = null;
        return;
      }
      switch (next.do) {
        case 'finish':
          this.#finish(next.task, next.reason);
          break;
        case 'attempt':
          await this.#attempt(next, now);
          break;
        case 'wait':
          this.#wake = new AbortController();
          await this.#options.clock.sleep(Math.max(1, next.until - now), this.#wake.signal);
      }
    }
  }

  #state(now: number): QueueState {
    const { nextSlotAt, stop } = this.#options;
    this.#allow(now);
    return {
      tasks: this.#tasks,
      meters: this.meters,
      link: this.#link,
      lastConnectFailure: this.#lastConnectFailure,
      allowanceMs: this.#allowanceMs,
      nextSlotAt,
      isStopping: stop.aborted,
    };
  }

  async #attempt(attempt: NextAttempt & { readonly do: 'attempt' }, now: number): Promise<void> {
    const { clock, log, random, stop } = this.#options;
    const { task, deadline, timeoutMs, isRationed } = attempt;
    const { meter, slot } = task;
    this.#current = task;
    meter.lastAsked = now;
    meter.isProbing = meter.health.state === 'offline';
    const result = await meter.poller
      .poll({ slot, deadline, retries: 0, timeoutMs, signal: stop })
      .catch((error): Pick<PollResult, 'poll' | 'roundTripMs' | 'events'> => {
        log.error('reading a meter broke down', { meter: meter.meter.name, error });
        const fields = { slot, readAt: clock.now(), reason: 'bad answer', error: messageOf(error) } as const;
        return { poll: unreadPoll(meter.meter, fields), roundTripMs: null, events: [] };
      });
    this.#current = null;
    meter.isProbing = false;
    meter.roundTripMs = result.roundTripMs ?? meter.roundTripMs;
    const end = clock.monotonic();
    if (isRationed) this.#allowanceMs -= end - now;
    task.poll = task.poll ? mergePolls(task.poll, result.poll) : result.poll;
    task.events.push(...result.events);

    const outcome = outcomeOf(result.poll);
    if (outcome === 'unreachable') {
      this.#lastConnectFailure = end;
      this.#link = afterConnect(this.#link, false, { monotonic: end, random: random() });
      this.#failAll(result.poll.error);
      return;
    }
    if (outcome !== 'nothing') this.#link = linkUp;
    if (task.retriesLeft === 0 || !hasSilence(result.poll)) return this.#finish(task, null);
    task.retriesLeft--;
    task.notBefore = end + meter.meter.retryWaitMs;
  }

  /** One refused connection is a failed attempt of every meter behind it. */
  #failAll(error: string | null): void {
    const readAt = this.#options.clock.now();
    for (const task of [...this.#tasks]) {
      const { meter, slot } = task;
      task.poll ??= unreadPoll(meter.meter, { slot, readAt, reason: 'unreachable', error });
      if (task.retriesLeft === 0) this.#finish(task, 'unreachable');
      else task.retriesLeft--;
    }
  }

  #allow(now: number): void {
    const shortest = Math.min(...this.meters.map(({ meter }) => meter.schedule.intervalMs ?? 60_000));
    const earned = this.#allowanceMs + (now - this.#allowanceAt) * TROUBLE_SHARE;
    this.#allowanceMs = Math.min(earned, shortest * TROUBLE_SHARE);
    this.#allowanceAt = now;
  }

  /** Ends a task with what its attempts brought; without any, `reason` says why. */
  #finish(task: PollTask, reason: MissingReason | null): void {
    const { clock, log, random } = this.#options;
    const { meter, slot } = task;
    this.#tasks.splice(this.#tasks.indexOf(task), 1);
    meter.tasks.splice(meter.tasks.indexOf(task), 1);
    const now = clock.now();
    const error = reason === 'offline' ? meter.health.why : null;
    const poll: Poll = task.poll ?? unreadPoll(meter.meter, { slot, readAt: now, reason: reason ?? 'deadline', error });
    const before = meter.health;
    meter.isSlow = hasSilence(poll);
    meter.health = afterPoll(before, outcomeOf(poll), {
      now,
      monotonic: clock.monotonic(),
      intervalMs: meter.meter.schedule.intervalMs,
      random: random(),
      why: poll.error,
    });
    meter.count(poll, now);
    if (meter.health.state !== before.state) logHealth(log, meter, before);
    const event = healthEvent(meter.meter, before, meter.health);
    if (event !== null) task.events.push(event);
    task.finish(task.isOffGrid ? { ...poll, byHand: true } : poll);
  }
}

/** Whether something got no response that a second attempt could get. */
function hasSilence(poll: Poll): boolean {
  for (const reason of poll.missing.values()) if (isSilence(reason)) return true;
  return false;
}
