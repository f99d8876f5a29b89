// When to ask a meter, decided from how it answered before. Pure: one record per meter and one per link, replaced by each
// event; cycle.ts obeys.
//
//   meter      answered   silent                     not asked before
//   starting   online     offline                    –
//   online     online     failing                    –
//   failing    online     failing; 3rd time offline  –           one request first, no retries, after the healthy ones
//   offline    online     offline                    1, 2, 4 … intervals (at most a minute), one request first
//
//   link       connected  unreachable
//   up         up         down                       –           the first refusal answers for all its meters
//   down       up         down                       1, 2, 4 … s (at most 15 s), one meter tries
//
// `probing` is what an offline meter is called while its probe is under way. An exception (except 10 and 11, which the
// gateway sends in place of a silent unit) is an answer. A silent link does not lengthen its meters' pauses: when it comes
// back, all of them are asked at once.

import type { MissingReason, Poll } from '../model/poll.js';
import type { MeterState } from '../model/status.js';

export interface Health {
  readonly state: Exclude<MeterState, 'probing'>;
  /** Since when, ms UTC. */
  readonly since: number;
  /** Why it is not online; null where it is. */
  readonly why: string | null;
  /** Silent polls on end. */
  readonly silent: number;
  /** Between the newest probes, without jitter; 0 unless offline. */
  readonly pauseMs: number;
  /** Not asked before this moment of the monotonic clock. */
  readonly notBefore: number;
}

/** `nothing`: the poll says nothing about the meter (cut before the first answer could come). */
export type Outcome = 'answered' | 'silent' | 'unreachable' | 'nothing';

export interface HealthContext {
  /** ms UTC */
  readonly now: number;
  readonly monotonic: number;
  /** Between the meter's slots; null: uneven. */
  readonly intervalMs: number | null;
  /** 0 ≤ random < 1, for the jitter. */
  readonly random: number;
}

export interface LinkHealth {
  readonly state: 'up' | 'down';
  readonly failures: number;
  readonly notBefore: number;
}

const FAILING_POLLS = 3;
const LONGEST_PROBE_PAUSE_MS = 60_000;
const FIRST_CONNECT_PAUSE_MS = 1_000;
const LONGEST_CONNECT_PAUSE_MS = 15_000;

export const startingHealth = (now: number): Health => ({
  state: 'starting',
  since: now,
  why: null,
  silent: 0,
  pauseMs: 0,
  notBefore: Number.NEGATIVE_INFINITY,
});

export const linkUp: LinkHealth = { state: 'up', failures: 0, notBefore: Number.NEGATIVE_INFINITY };

/** Whether the reason says that no unit responded. */
export function isSilence(reason: MissingReason): boolean {
  switch (reason) {
    case 'timeout':
    case 'unreachable':
    case 'disconnected':
    case 'bad answer':
    case 'exception 10':
    case 'exception 11':
      return true;
    default:
      return false;
  }
}

/** What a finished poll says about its meter: one answer of any kind, and it is alive. */
export function outcomeOf(poll: Poll): Outcome {
  if (poll.missing.size < poll.values.length) return 'answered';
  let outcome: Outcome = 'nothing';
  for (const reason of poll.missing.values()) {
    if (isSilence(reason)) outcome = reason === 'unreachable' ? reason : outcome === 'nothing' ? 'silent' : outcome;
    else if (isAnswer(reason)) return 'answered';
    // Asked, and no answer came until the slot was over: with a timeout longer than that, silence never looks otherwise.
    else if (reason === 'deadline' && poll.requests > 0 && outcome === 'nothing') outcome = 'silent';
  }
  return outcome;
}

function isAnswer(reason: MissingReason): boolean {
  return reason.startsWith('exception') || reason === 'not available' || reason === 'invalid value';
}

export function afterPoll(
  health: Health,
  outcome: Outcome,
  context: HealthContext & { readonly why: string | null },
): Health {
  switch (outcome) {
    case 'nothing':
      return health;
    case 'answered':
      return health.state === 'online' ? health : { ...startingHealth(context.now), state: 'online' };
    case 'silent':
    case 'unreachable': {
      const silent = health.silent + 1;
      const failing = health.state === 'online' || (health.state === 'failing' && silent < FAILING_POLLS);
      const state = failing ? 'failing' : 'offline';
      const pauseMs = failing || outcome === 'unreachable' ? 0 : nextPause(health.pauseMs, context.intervalMs);
      return {
        state,
        since: state === health.state ? health.since : context.now,
        why: context.why ?? health.why,
        silent,
        pauseMs,
        notBefore: pauseMs === 0 ? Number.NEGATIVE_INFINITY : context.monotonic + jittered(pauseMs, context.random),
      };
    }
  }
}

/** The first pause is one interval: the meter is asked at its next slot. */
const nextPause = (pauseMs: number, intervalMs: number | null): number =>
  Math.min(pauseMs === 0 ? (intervalMs ?? LONGEST_PROBE_PAUSE_MS) : 2 * pauseMs, LONGEST_PROBE_PAUSE_MS);

/** Up to a quarter early, never late: a pause of one interval must be over when the next slot comes. */
const jittered = (pauseMs: number, random: number): number => pauseMs * (0.95 - random * 0.2);

export function afterConnect(
  link: LinkHealth,
  connected: boolean,
  { monotonic, random }: { readonly monotonic: number; readonly random: number },
): LinkHealth {
  if (connected) return link.state === 'up' ? link : linkUp;
  const pause = Math.min(FIRST_CONNECT_PAUSE_MS * 2 ** Math.min(link.failures, 10), LONGEST_CONNECT_PAUSE_MS);
  return { state: 'down', failures: link.failures + 1, notBefore: monotonic + jittered(pause, random) };
}

/** Meters that were silent: they are asked after the healthy ones, so that the wait for them costs no other meter. */
export const troubled = (health: Health): boolean => health.state === 'failing' || health.state === 'offline';
