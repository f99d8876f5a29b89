// What a link's queue does next. Each meter gets one attempt first, those that answered before ahead of the others, so that
// a silent unit costs its neighbours as little as can be; second attempts, and probes of units that were silent before, come
// after, as long as the slot lasts, and take no more than a share of the link's time. Pure.
//
//   priority  meter                                                         may it run into a neighbour's next slot?
//   0         online; or never reached in several polls for lack of time    yes
//   1         not polled yet                                                yes
//   2         online, and its newest poll lost something to silence         yes
//   3         a second attempt                                              no
//   4         failing                                                       no, and within the share
//   5         offline                                                       no, and within the share

import type { MissingReason } from '../model/poll.js';
import type { CollectedMeter, PollTask } from './collected-meter.js';
import { type LinkHealth, troubled } from './health.js';

export type NextAttempt =
  /** Ends the task without a further attempt; `reason` counts where no attempt was made. */
  | { readonly do: 'finish'; readonly task: PollTask; readonly reason: MissingReason }
  | {
      readonly do: 'attempt';
      readonly task: PollTask;
      /** On the monotonic clock, ms. */
      readonly deadline: number;
      readonly timeoutMs: number;
      /** The time that the attempt takes counts against the share for silent meters. */
      readonly isRationed: boolean;
    }
  | { readonly do: 'wait'; readonly until: number };

export interface QueueState {
  readonly tasks: readonly PollTask[];
  /** All meters behind the link. */
  readonly meters: readonly CollectedMeter[];
  readonly link: LinkHealth;
  /** When the link could not be connected last, on the monotonic clock, ms. */
  readonly lastConnectFailure: number;
  /** Time that may go to meters that were silent before, ms; not above 0: spent. */
  readonly allowanceMs: number;
  /** When the next slot of any meter on this link comes, on the monotonic clock, ms. */
  readonly nextSlotAt: () => number;
  readonly isStopping: boolean;
}

/** Less time than this is not worth an attempt, unless the meter is known to be quicker. */
const LEAST_ATTEMPT_MS = 100;
const PATIENCE_POLLS = 3;

/** null: there is nothing to do. `now`: on the monotonic clock, ms. */
export function nextAttempt(queue: QueueState, now: number): NextAttempt | null {
  for (const task of queue.tasks) {
    const reason = dismissal(task, queue, now);
    if (reason !== null) return { do: 'finish', task, reason };
  }
  const task = first(queue, now);
  if (task !== null) return attempt(task, queue, now);
  if (queue.tasks.length === 0) return null;
  return { do: 'wait', until: Math.min(...queue.tasks.map((one) => Math.min(readyAt(one, queue), one.deadline))) };
}

/** Smaller is sooner: the priority in the table above. */
export function priority({ meter, poll }: PollTask): number {
  switch (meter.health.state) {
    case 'online':
      return poll !== null ? 3 : meter.isSlow ? 2 : 0;
    case 'starting':
      return poll !== null ? 3 : meter.counters.polls > PATIENCE_POLLS ? 0 : 1;
    case 'failing':
      return 4;
    case 'offline':
      return 5;
  }
}

/** Why the task gets no further attempt; null: it may. */
function dismissal(task: PollTask, queue: QueueState, now: number): MissingReason | null {
  if (queue.isStopping) return 'shutdown';
  if (now + leastAttemptMs(task.meter) > task.deadline) return 'deadline';
  if (task.byHand || task.poll !== null) return null;
  if (now < queue.link.notBefore && queue.lastConnectFailure < task.arrived) return 'offline';
  return now < task.meter.health.notBefore ? 'offline' : null;
}

/** The task to attempt now; null: none is ready. */
function first(queue: QueueState, now: number): PollTask | null {
  let best: PollTask | null = null;
  for (const task of queue.tasks) {
    if (now < readyAt(task, queue)) continue;
    if (best === null || precedes(task, best)) best = task;
  }
  return best;
}

function precedes(a: PollTask, b: PollTask): boolean {
  const difference = priority(a) - priority(b);
  if (difference !== 0) return difference < 0;
  const sooner = priority(a) > 3 ? 0 : a.deadline - b.deadline;
  return sooner !== 0 ? sooner < 0 : a.meter.lastAsked < b.meter.lastAsked;
}

function readyAt(task: PollTask, { link, lastConnectFailure }: QueueState): number {
  const isFirstByHand = task.byHand && lastConnectFailure < task.arrived;
  return isFirstByHand ? task.notBefore : Math.max(task.notBefore, link.notBefore);
}

function attempt(task: PollTask, queue: QueueState, now: number): NextAttempt {
  const timeoutMs = timeoutOf(task, queue, now);
  const late = priority(task);
  if (late < 3 || task.byHand) return { do: 'attempt', task, deadline: task.deadline, timeoutMs, isRationed: false };
  const deadline = Math.min(task.deadline, queue.nextSlotAt());
  const isRationed = late > 3 && queue.meters.some(({ health }) => !troubled(health));
  const hasTime = now + leastAttemptMs(task.meter) <= deadline && (!isRationed || queue.allowanceMs > 0);
  if (!hasTime) return { do: 'finish', task, reason: 'offline' };
  return { do: 'attempt', task, deadline, timeoutMs, isRationed };
}

/**
 * Once a meter of the link was silent, those of which nothing is known yet share the time that is left, so that many dead
 * ones among them do not keep the others from being found in the very first cycle.
 */
function timeoutOf(task: PollTask, { tasks, meters }: QueueState, now: number): number {
  const { timeoutMs } = task.meter.meter;
  if (!isUnknown(task)) return timeoutMs;
  const wasSilent = tasks.some(({ poll }) => poll !== null) || meters.some(({ health }) => troubled(health));
  if (!wasSilent) return timeoutMs;
  const shareMs = (task.deadline - now) / tasks.filter(isUnknown).length;
  return shareMs < LEAST_ATTEMPT_MS ? timeoutMs : Math.min(Math.floor(shareMs), timeoutMs);
}

const isUnknown = ({ meter, poll }: PollTask): boolean => meter.health.state === 'starting' && poll === null;

function leastAttemptMs({ meter, roundTripMs }: CollectedMeter): number {
  const known = roundTripMs === null ? LEAST_ATTEMPT_MS : 3 * roundTripMs + 5;
  return Math.min(meter.timeoutMs, known, LEAST_ATTEMPT_MS);
}
