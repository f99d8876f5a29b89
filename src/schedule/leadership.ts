// Which of several collectors on one database reads the meters: the one that holds the lease. The holder renews it in good
// time; the others try to take it, and get it when it has run out. node-cron asks before every slot (its run coordinator).
//
//   the database says      this collector
//   the lease is yours     leads
//   somebody else's        stands by
//   nothing (it is away)   goes on as before; one that never heard, leads: readings that are taken twice are stored
//                          once, readings that nobody takes are lost

import { type Clock, systemClock } from '../model/clock.js';
import { messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { LeaseRequest } from '../store/store.js';

export type Role = 'leading' | 'standby';

export interface LeadershipOptions {
  readonly clock?: Clock;
  readonly log: Log;
  /** Unique to this process. */
  readonly holder: string;
  /** Shortest interval of all schedules. */
  readonly intervalMs: number;
  /** Rejects while the database is away. */
  readonly lease: (request: LeaseRequest) => Promise<string | null>;
  readonly onRole: (role: Role) => void;
}

const NAME = 'collector';
const LONGEST_TTL_MS = 15_000;
const RELEASE_MS = 1_000;

export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #stopped = new AbortController();
  #role: Role | null = null;
  /** On the monotonic clock: until then nobody else can have taken the lease. */
  #until = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | null = null;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#ttlMs = Math.round(Math.min(options.intervalMs, LONGEST_TTL_MS));
  }

  get role(): Role {
    return this.#role ?? 'leading';
  }

  start(): void {
    this.#loop = this.#keepAsking();
  }

  /** Whether this collector runs the slot that has come. Waits for the database, but not for long. */
  async shouldRun(): Promise<boolean> {
    if (this.#clock.monotonic() >= this.#until) {
      await Promise.race([this.#ask(), this.#clock.sleep(this.#ttlMs / 4, this.#stopped.signal)]);
    }
    return this.role === 'leading';
  }

  /** Gives the lease back, so that the others need not wait for its end. */
  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    await Promise.race([this.#release(), this.#clock.sleep(RELEASE_MS)]);
  }

  async #release(): Promise<void> {
    const { lease, holder } = this.#options;
    await this.#loop;
    await lease({ name: NAME, holder, ttlMs: 0 }).catch(() => null);
  }

  async #keepAsking(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#ask();
      await this.#clock.sleep(this.#ttlMs / 4, this.#stopped.signal);
    }
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#attempt().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #attempt(): Promise<void> {
    const { lease, holder, log } = this.#options;
    // Reckoned from before the question: the database's time starts later.
    const asked = this.#clock.monotonic();
    try {
      const current = await lease({ name: NAME, holder, ttlMs: this.#ttlMs });
      if (current === holder) this.#until = asked + this.#ttlMs;
      else this.#until = Number.NEGATIVE_INFINITY;
      this.#become(current === holder ? 'leading' : 'standby', current);
    } catch (error) {
      log.debug('the lease could not be asked for', { cause: messageOf(error) });
    }
  }

  #become(role: Role, holder: string | null): void {
    if (role === this.#role) return;
    this.#role = role;
    this.#options.log.info(role === 'leading' ? 'this collector reads the meters' : 'this collector stands by', {
      holder,
    });
    this.#options.onRole(role);
  }
}
