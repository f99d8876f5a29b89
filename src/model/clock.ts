// Time as a parameter: everything that waits or asks the time gets a Clock, so that a soak of a day runs in minutes and
// a step of the wall clock can be tried in a test.

export interface Clock {
  /** Wall clock, milliseconds since 1970 UTC. Can step. */
  now(): number;
  /** Milliseconds since some fixed moment. Never steps: the one to measure durations and deadlines with. */
  monotonic(): number;
  /**
   * Resolves after `ms`, or at once when one of the signals aborts; never rejects, so callers look at the signals themselves.
   * Several, instead of one made by AbortSignal.any: before Node.js 24, a signal that lives on keeps something of each made of it.
   */
  sleep(ms: number, ...signals: readonly (AbortSignal | undefined)[]): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, ...signals) =>
    new Promise((resolve) => {
      if (ms <= 0 || signals.some((signal) => signal?.aborted)) return resolve();
      const done = () => {
        clearTimeout(timer);
        for (const signal of signals) signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      for (const signal of signals) signal?.addEventListener('abort', done, { once: true });
    }),
};
