// The order of turns on a link: sure answers first, then the unknown, then what may cost time for nothing.

import type { Job } from './job.js';

const PATIENCE_POLLS = 3;

/** Smaller is sooner. */
export function lateness({ turns, poll }: Job): number {
  switch (turns.health.state) {
    case 'online':
      return poll !== null ? 3 : turns.slow ? 2 : 0;
    case 'starting':
      // Never reached for lack of time: it has waited long enough behind the others.
      return poll !== null ? 3 : turns.counters.polls > PATIENCE_POLLS ? 0 : 1;
    case 'failing':
      return 4;
    case 'offline':
      return 5;
  }
}

/** Whether `a` is to be tried before `b`. */
export function precedes(a: Job, b: Job): boolean {
  const difference = lateness(a) - lateness(b);
  if (difference !== 0) return difference < 0;
  const sooner = lateness(a) > 3 ? 0 : a.deadline - b.deadline;
  return sooner !== 0 ? sooner < 0 : a.turns.lastAsked < b.turns.lastAsked;
}
