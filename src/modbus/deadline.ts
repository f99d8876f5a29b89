// The moment until which something is waited for, over and over: one timer that is left running serves many waits, since
// nearly all of them end long before it fires.

export class Deadline {
  readonly #onLate: () => void;
  /** On the monotonic clock; infinity: nothing is waited for. */
  #time = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;
  /** On the monotonic clock; infinity: the timer does not run. */
  #firesAt = Number.POSITIVE_INFINITY;
  /** Since the timer last ran out. */
  #used = false;

  /** `onLate` is called when the time is over, unless what arrived until then has ended the wait. */
  constructor(onLate: () => void) {
    this.#onLate = onLate;
  }

  /** Waits for `ms` from now, and no longer for what was waited for before. */
  start(ms: number): void {
    const now = performance.now();
    this.#time = now + ms;
    if (this.#firesAt > this.#time) this.#arm(now);
    this.#used = true;
  }

  end(): void {
    this.#time = Number.POSITIVE_INFINITY;
  }

  /** Ends for good: nothing keeps the process from exiting. */
  close(): void {
    this.end();
    clearTimeout(this.#timer);
  }

  /** A timer that runs out somewhat early looks again, and costs less to start again than a new one to make. */
  #arm(now: number): void {
    const ms = Math.ceil(this.#time - now);
    if (this.#timer !== undefined && this.#timerMs <= ms && 2 * this.#timerMs > ms) this.#timer.refresh();
    else {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(this.#fired, ms);
      this.#timerMs = ms;
    }
    this.#firesAt = now + this.#timerMs;
  }

  readonly #fired = (): void => {
    this.#firesAt = Number.POSITIVE_INFINITY;
    // After a pause of the whole process, timers run before the sockets: what has arrived meanwhile is looked at first.
    if (this.#time !== Number.POSITIVE_INFINITY) setImmediate(this.#look);
    else if (this.#used) {
      // Runs again, for the next wait: that one may begin beside a thousand others, this is a quiet moment.
      this.#used = false;
      this.#timer?.refresh();
      this.#firesAt = performance.now() + this.#timerMs;
    }
  };

  readonly #look = (): void => {
    if (this.#time === Number.POSITIVE_INFINITY || this.#firesAt !== Number.POSITIVE_INFINITY) return;
    const now = performance.now();
    if (now < this.#time) this.#arm(now);
    else this.#onLate();
  };
}
