// The database as the recorder sees it: connected, or away. Opens the store (again and again until it succeeds), bounds
// every wait for it, and says when its state changes. A write that is given up here may still succeed later: writing twice
// is harmless, so the caller keeps its data and writes it again.

import type { Clock } from '../model/clock.js';
import { EmdcError, messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { DatabaseStatus } from '../model/status.js';
import { type Dialect, type Store, type StoreBatch, StoreFailure } from '../store/store.js';

/** `refused` this very data will never be taken. */
export type WriteResult =
  | { readonly kind: 'stored' }
  | { readonly kind: 'refused' | 'away'; readonly error: EmdcError };

export interface DatabaseOptions {
  readonly dialect: Dialect;
  readonly openStore: () => Promise<Store>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limitMs: number;
}

/** Tries at once that a deadlock or a serialization failure gets. */
const TRIES = 4;
const UPKEEP_LIMIT_MS = 60_000;
/** After a check has hung for so long the store is given up and opened anew. */
const HUNG_CHECKS = 6;

export class Database {
  readonly #options: DatabaseOptions;
  /** Newest slot per meter name as the database had them before this process wrote; empty if it never answered. */
  readonly slotsBefore: Promise<ReadonlyMap<string, number>>;
  #resolveSlots: (slots: ReadonlyMap<string, number>) => void = () => {};
  #store: Store | null = null;
  #opening: Promise<Store> | null = null;
  #checking: Promise<void> | null = null;
  #hungChecks = 0;
  #slotsKnown = false;
  #connected = false;
  #closed = false;
  #since: number;
  #lastError: string | null = null;
  #writeMs: number | null = null;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#since = options.clock.now();
    this.slotsBefore = new Promise((resolve) => {
      this.#resolveSlots = resolve;
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  status(): DatabaseStatus {
    return {
      dialect: this.#options.dialect,
      state: this.#connected ? 'connected' : 'away',
      since: this.#since,
      lastError: this.#lastError,
      writeMs: this.#writeMs,
    };
  }

  /** Opens the store if need be and asks it. Resolves to null when it answers, else to why not; never rejects. */
  async probe(): Promise<EmdcError | null> {
    try {
      const store = this.#store ?? (await this.#within(this.#open(), this.#options.limitMs));
      await this.#check(store);
      if (!this.#slotsKnown) {
        this.#resolveSlots(await this.lastSlots());
        this.#slotsKnown = true;
      }
      return null;
    } catch (error) {
      return asFailure(error);
    }
  }

  /** Newest slot per meter name, now. Rejects while the database is away. */
  async lastSlots(): Promise<ReadonlyMap<string, number>> {
    if (!this.#store) throw away('the database has not been opened yet');
    return await this.#within(this.#store.lastSlots(), this.#options.limitMs);
  }

  /** Never rejects, and takes no longer than `limitMs`, or until `signal` aborts. */
  async write(batch: StoreBatch, limitMs: number, signal?: AbortSignal): Promise<WriteResult> {
    const { clock } = this.#options;
    const started = clock.monotonic();
    for (let tries = 1; ; tries++) {
      try {
        if (!this.#store) throw away('the database has not been opened yet');
        await this.#within(this.#store.write(batch), started + limitMs - clock.monotonic(), signal);
        this.#writeMs = clock.monotonic() - started;
        return { kind: 'stored' };
      } catch (error) {
        const failure = asFailure(error);
        if (failure.remedy === 'stop') return { kind: 'refused', error: failure };
        if (failure.remedy === 'spool' || tries === TRIES) return { kind: 'away', error: failure };
        await clock.sleep(tries * 20, signal);
      }
    }
  }

  /** One small step of upkeep; true: there is more to do. */
  async maintain(): Promise<boolean> {
    if (!this.#store) return false;
    return await this.#within(this.#store.maintain(this.#options.clock.now()), UPKEEP_LIMIT_MS);
  }

  /** It takes writes. */
  setConnected(waiting: number): void {
    if (this.#connected) return;
    const { clock, log, dialect } = this.#options;
    const awaySeconds = Math.round((clock.now() - this.#since) / 1000);
    if (this.#lastError === null) log.info('database connected', { dialect });
    else log.info('database is back', { dialect, awaySeconds, readingsInSpool: waiting });
    this.#connected = true;
    this.#since = clock.now();
  }

  setAway(error: EmdcError): void {
    const { clock, log, dialect } = this.#options;
    if (this.#connected || this.#lastError === null) {
      const hint = error.hint || 'readings go to the spool until it is back';
      log.warn('database is away', { dialect, error: error.message, code: error.code, hint });
    }
    if (this.#connected) this.#since = clock.now();
    this.#connected = false;
    this.#lastError = error.message;
  }

  /** A store that does not close within the limit is left to itself. */
  async close(limitMs: number): Promise<void> {
    this.#closed = true;
    this.#resolveSlots(new Map());
    if (this.#store) await this.#within(this.#store.close(), limitMs).catch(() => {});
  }

  /** Single flight; not bounded, since opening may migrate a large database. */
  #open(): Promise<Store> {
    this.#opening ??= this.#options
      .openStore()
      .then(async (store) => {
        if (this.#closed) await store.close();
        else this.#store = store;
        return store;
      })
      .finally(() => {
        this.#opening = null;
      });
    return this.#opening;
  }

  async #check(store: Store): Promise<void> {
    this.#checking ??= store.check().finally(() => {
      this.#checking = null;
    });
    try {
      await this.#within(this.#checking, this.#options.limitMs);
      this.#hungChecks = 0;
    } catch (error) {
      if (error instanceof StoreFailure && error.code === TOO_SLOW && ++this.#hungChecks >= HUNG_CHECKS) {
        this.#hungChecks = 0;
        this.#checking = null;
        this.#store = null;
        store.close().catch(() => {});
      }
      throw error;
    }
  }

  async #within<T>(work: Promise<T>, limitMs: number, signal?: AbortSignal): Promise<T> {
    const answered = new AbortController();
    const answer = () => answered.abort(ANSWERED);
    work.then(answer, answer);
    await this.#options.clock.sleep(limitMs, answered.signal, signal);
    if (answered.signal.aborted) return work;
    throw new StoreFailure({
      code: TOO_SLOW,
      message: `the database did not answer within ${Math.round(limitMs)} ms`,
      remedy: 'spool',
    });
  }
}

const TOO_SLOW = 'database-too-slow';
/** Without a reason, an abort makes one, stack trace and all. */
const ANSWERED = 'answered';

const away = (message: string): StoreFailure => new StoreFailure({ code: 'database-away', message, remedy: 'spool' });

/** A store promises StoreFailures; anything else is a fault of ours, and no reason to give up data. */
function asFailure(error: unknown): EmdcError {
  return error instanceof EmdcError ? error : away(messageOf(error));
}
