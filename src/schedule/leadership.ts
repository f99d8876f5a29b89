// Leader election: which of several collectors on one database reads the meters. The one that holds the lease does; it
// renews the lease in good time, and the others take it when it has run out.
//
//   the database says          this collector
//   the lease is this one's    leads until a deadline that is shorter than the lease, on its own monotonic clock
//   the lease is another's     stands by
//   nothing (it is away)       leads until its deadline, then stands by: another collector may reach the database and lead
//
// The deadline is looked at before every cycle, so a collector that was frozen, or cut from the database, does not read
// beside the next leader, however far apart the clocks are.

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
  /** Shortest interval of all schedules, ms. */
  readonly intervalMs: number;
  /** Resolves to the present holder; rejects while the database is away. */
  readonly lease: (request: LeaseRequest) => Promise<string | null>;
  /** Called when the role changes, before the first cycle in that role. */
  readonly onRole: (role: Role) => void;
}

const NAME = 'collector';
const SHORTEST_TTL_MS = 1_500;
const LONGEST_TTL_MS = 15_000;
/** Part of the lease that a leader uses: the rest is for clocks that run at different speeds, and for a cycle's start. */
const USED_PART = 0.8;
const RELEASE_MS = 1_000;

export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #stopped = new AbortController();
  /** null: the database was never heard. */
  #role: Role | null = null;
  /** On the monotonic clock, ms: until then this collector may begin a cycle. */
  #deadline = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | null = null;
  #renewing: Promise<void> = Promise.resolve();

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#ttlMs = Math.round(Math.min(Math.max(options.intervalMs, SHORTEST_TTL_MS), LONGEST_TTL_MS));
  }

  get role(): Role {
    return this.#role ?? 'standby';
  }

  start(): void {
    this.#renewing = this.#keepRenewing();
  }

  /** Whether this collector may begin a cycle now. Waits for the database for a quarter of the lease at most. Never rejects. */
  async shouldRun(): Promise<boolean> {
    if (!this.#mayLead()) {
      await Promise.race([this.#ask(), this.#clock.sleep(this.#ttlMs / 4, this.#stopped.signal)]);
    }
    if (this.#mayLead()) return true;
    if (this.#role === 'leading') {
      this.#options.log.warn('the lease could not be renewed: another collector may lead, so this one stands by', {
        hint: 'reading goes on when the database answers',
      });
      this.#become('standby', null);
    }
    return false;
  }

  /** Gives the lease back, so that the others need not wait for its end. Safe twice. */
  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    await Promise.race([this.#release(), this.#clock.sleep(RELEASE_MS)]);
  }

  #mayLead(): boolean {
    return this.#role === 'leading' && this.#clock.monotonic() < this.#deadline;
  }

  async #release(): Promise<void> {
    const { lease, holder } = this.#options;
    await this.#renewing;
    await lease({ name: NAME, holder, ttlMs: 0 }).catch(() => null);
  }

  async #keepRenewing(): Promise<void> {
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
    // Counted from before the request: the database counts from later.
    const asked = this.#clock.monotonic();
    try {
      const current = await lease({ name: NAME, holder, ttlMs: this.#ttlMs });
      this.#deadline = current === holder ? asked + this.#ttlMs * USED_PART : Number.NEGATIVE_INFINITY;
      this.#become(current === holder ? 'leading' : 'standby', current);
    } catch (error) {
      log.debug('the lease could not be asked for', { cause: messageOf(error) });
    }
  }

  #become(role: Role, holder: string | null): void {
    if (role === this.#role) return;
    this.#role = role;
    const text = role === 'leading' ? 'this collector reads the meters' : 'this collector stands by';
    this.#options.log.info(text, { holder });
    this.#options.onRole(role);
  }
}
