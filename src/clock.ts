// Time as a parameter: everything that waits or asks the time gets a Clock, so that a soak of a day runs in minutes and
// a step of the wall clock can be tried in a test.

export interface Clock {
  /** Wall clock, milliseconds since 1970 UTC. Can step. */
  now(): number;
  /** Milliseconds since some fixed moment. Never steps: the one to measure durations and deadlines with. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects, so callers look at the signal themselves. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted || ms <= 0) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
