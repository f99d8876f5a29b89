// The moment until which something is waited for, over and over: one timer that is left running serves many waits, since
// nearly all of them end long before it fires.

export class Deadline {
  readonly #onLate: () => void;
  /** On the monotonic clock; infinity: nothing is waited for. */
  #time = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #firesAt = 0;

  /** `onLate` is called when the time is over, unless what arrived until then has ended the wait. */
  constructor(onLate: () => void) {
    this.#onLate = onLate;
  }

  /** Waits for `ms` from now, and no longer for what was waited for before. */
  start(ms: number): void {
    const now = performance.now();
    this.#time = now + ms;
    if (this.#timer !== undefined && this.#firesAt <= this.#time) return;
    clearTimeout(this.#timer);
    this.#arm(now);
  }

  end(): void {
    this.#time = Number.POSITIVE_INFINITY;
  }

  /** Ends for good: nothing keeps the process from exiting. */
  close(): void {
    this.end();
    clearTimeout(this.#timer);
  }

  #arm(now: number): void {
    this.#firesAt = this.#time;
    this.#timer = setTimeout(this.#fired, Math.ceil(this.#time - now));
  }

  readonly #fired = (): void => {
    this.#timer = undefined;
    // After a pause of the whole process, timers run before the sockets: what has arrived meanwhile is looked at first.
    if (this.#time !== Number.POSITIVE_INFINITY) setImmediate(this.#look);
  };

  readonly #look = (): void => {
    if (this.#time === Number.POSITIVE_INFINITY || this.#timer !== undefined) return;
    const now = performance.now();
    if (now < this.#time) this.#arm(now);
    else this.#onLate();
  };
}
