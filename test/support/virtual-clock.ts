// A clock that a test moves: sleepers wake in the order of their times, as fast as the work between them allows.

import type { Clock } from '../../src/model/clock.js';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export class VirtualClock implements Clock {
  #monotonic = 0;
  #offset: number;
  #sleepers: Sleeper[] = [];

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#offset = now;
  }

  now = (): number => this.#offset + this.#monotonic;
  monotonic = (): number => this.#monotonic;

  sleep: Clock['sleep'] = (ms, ...signals) =>
    new Promise((resolve) => {
      if (ms <= 0 || signals.some((signal) => signal?.aborted)) return resolve();
      const wake = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        for (const signal of signals) signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper: Sleeper = { at: this.#monotonic + ms, wake };
      this.#sleepers.push(sleeper);
      for (const signal of signals) signal?.addEventListener('abort', wake, { once: true });
    });

  /** Time passes while nothing happens: the process is busy. */
  stall(ms: number): void {
    this.#monotonic += ms;
  }

  /** Lets time pass until `now() === time`, everything that happens meanwhile included. */
  async runTo(time: number): Promise<void> {
    for (;;) {
      await settle();
      const next = this.#sleepers.reduce<Sleeper | null>((a, b) => (a === null || b.at < a.at ? b : a), null);
      if (next === null || next.at > time - this.#offset) break;
      this.#monotonic = Math.max(this.#monotonic, next.at);
      next.wake();
    }
    this.#monotonic = Math.max(this.#monotonic, time - this.#offset);
  }
}

/** All promises that can settle without time passing have settled after two turns of the event loop: work is paced. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
