// One poll out of two tries at the same slot: what the first try did not get, the second may fill in. Pure.

import type { MissingReason, Poll } from '../model/poll.js';

export function mergePolls(first: Poll, second: Poll): Poll {
  const values = Float64Array.from(first.values);
  const missing = new Map<number, MissingReason>();
  for (const [index, reason] of first.missing) {
    const value = second.values[index] as number;
    if (Number.isNaN(value)) missing.set(index, telling(second.missing.get(index)) ?? reason);
    else values[index] = value;
  }
  return {
    meter: first.meter,
    slot: first.slot,
    readAt: first.readAt,
    durationMs: second.readAt - first.readAt + second.durationMs,
    requests: first.requests + second.requests,
    values,
    missing,
    error: missing.size === 0 ? null : (first.error ?? second.error),
  };
}

/** A second try that was cut says nothing of why the first one failed. */
const telling = (reason: MissingReason | undefined): MissingReason | undefined =>
  reason === 'deadline' || reason === 'shutdown' ? undefined : reason;
