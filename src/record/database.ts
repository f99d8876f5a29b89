// The database as the recorder sees it. Opens the store, bounds every wait for it, and logs when its state changes.
//
//   state       what happened                                  next state
//   opening     it answered and took what waited               connected
//               it did not answer, or a write failed           away
//   connected   a write failed or took too long                away
//   away        it answered and took what waited               connected
//
// A write that is given up for taking too long may still succeed later: writing twice is harmless, so the caller keeps its
// data and writes it again.

import type { Clock } from '../model/clock.js';
import { EmdcError, messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { MeterInfo } from '../model/meter.js';
import type { Batch, Poll } from '../model/poll.js';
import type { DatabaseStatus } from '../model/status.js';
import { type Dialect, type LeaseRequest, type MeterIdentity, type Store, StoreFailure } from '../store/store.js';

/** `refused`: this very data will never be taken. */
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

/** Of a write that fails for a deadlock or the like. */
const ATTEMPTS = 4;
const UPKEEP_LIMIT_MS = 60_000;
/** After so many checks without an answer the store is opened anew. */
const HUNG_CHECKS = 6;
/** More changes of state than this within the time are not logged one by one. */
const LOGGED_CHANGES = 6;
const LOGGED_CHANGES_MS = 600_000;

export class Database {
  readonly #options: DatabaseOptions;
  #state: 'opening' | 'connected' | 'away' = 'opening';
  #since: number;
  #lastError: string | null = null;
  #writeMs: number | null = null;
  #store: Store | null = null;
  #opening: Promise<Store> | null = null;
  #checking: Promise<void> | null = null;
  #hungChecks = 0;
  readonly #stopped = new AbortController();
  #meters: readonly MeterInfo[] | null = null;
  /** The store that knows `#meters`. */
  #entered: Store | null = null;
  /** When changes of state were logged, by the monotonic clock. */
  #changes: number[] = [];
  #unlogged = 0;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#since = options.clock.now();
  }

  get connected(): boolean {
    return this.#state === 'connected';
  }

  /** The store has not been told the meters of the configuration yet. */
  get metersPending(): boolean {
    return this.#meters !== null && (this.#entered === null || this.#entered !== this.#store);
  }

  status(): DatabaseStatus {
    const { dialect } = this.#options;
    const state = this.connected ? 'connected' : 'away';
    return { dialect, state, since: this.#since, lastError: this.#lastError, writeMs: this.#writeMs };
  }

  /** Opens the store if need be and checks it. Resolves to null when it answers, else to the reason; never rejects. */
  async probe(): Promise<EmdcError | null> {
    try {
      const store = this.#store ?? (await this.#within(this.#open(), this.#options.limitMs));
      await this.#check(store);
      return null;
    } catch (error) {
      return asFailure(error);
    }
  }

  /** Takes at most `limitMs`, or until `signal` aborts; never rejects. */
  async write(batch: Batch, limitMs: number, signal?: AbortSignal): Promise<WriteResult> {
    const { clock } = this.#options;
    const started = clock.monotonic();
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#within(this.#opened().write(batch), started + limitMs - clock.monotonic(), signal);
        this.#writeMs = clock.monotonic() - started;
        return { kind: 'stored' };
      } catch (error) {
        const failure = asFailure(error);
        if (failure.remedy === 'stop') return { kind: 'refused', error: failure };
        if (failure.remedy === 'spool' || attempt === ATTEMPTS) return { kind: 'away', error: failure };
        await clock.sleep(attempt * 20, signal);
      }
    }
  }

  setMeters(meters: readonly MeterInfo[]): void {
    this.#meters = meters;
    this.#entered = null;
  }

  /** Tells the store the meters, and logs what changed. Resolves to why the database is away, or null; never rejects. */
  async enterMeters(): Promise<EmdcError | null> {
    const meters = this.#meters;
    const { clock, log } = this.#options;
    try {
      const store = this.#opened();
      const changes = meters === null ? [] : await this.#within(store.setMeters(meters, clock.now()), UPKEEP_LIMIT_MS);
      for (const { level, message, event } of changes) {
        log[level]('what is known of a meter changed', { meter: event.meter.name, change: message });
      }
      if (this.#meters === meters) this.#entered = store;
      return null;
    } catch (error) {
      const failure = asFailure(error);
      if (failure.remedy !== 'stop') return failure;
      log.error('database refuses the meters of the configuration', { error: failure.message, hint: failure.hint });
      this.#entered = this.#store;
      return null;
    }
  }

  /** Newest slot by meter name. Rejects with an EmdcError while the database is away. */
  newestSlots(meters: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#ask((store) => store.newestSlots(meters), this.#options.limitMs);
  }

  /** Rejects with an EmdcError while the database is away. */
  newestPolls(meters: readonly MeterInfo[]): Promise<readonly Poll[]> {
    return this.#ask((store) => store.newestPolls(meters), this.#options.limitMs);
  }

  /** Rejects with an EmdcError while the database is away. */
  identities(names: readonly string[]): Promise<ReadonlyMap<string, MeterIdentity>> {
    return this.#ask((store) => store.identities(names), this.#options.limitMs);
  }

  /** Rejects with an EmdcError while the database is away. */
  lease(request: LeaseRequest): Promise<string | null> {
    return this.#ask(async (store) => (await store.lease?.(request)) ?? null, this.#options.limitMs);
  }

  /** One small step of upkeep; true: there is more to do. */
  maintain(): Promise<boolean> {
    return this.#ask((store) => store.maintain(this.#options.clock.now()), UPKEEP_LIMIT_MS);
  }

  /** `readingsInSpool`: when it came back. */
  setConnected(readingsInSpool: number): void {
    if (this.connected) return;
    const { clock, log, dialect } = this.#options;
    const awaySeconds = Math.round((clock.now() - this.#since) / 1000);
    if (this.#state === 'opening') log.info('database connected', { dialect });
    else if (this.#isLogged()) log.info('database is back', { dialect, awaySeconds, readingsInSpool });
    this.#state = 'connected';
    this.#since = clock.now();
    this.#lastError = null;
  }

  /** An error with a hint does not heal by itself (password, rights, disk full, no such database): logged as an error. */
  setAway(error: EmdcError): void {
    const { clock, log, dialect } = this.#options;
    if (this.#state !== 'away') {
      this.#since = clock.now();
      const fields = { dialect, error: error.message, code: error.code };
      const waits = 'readings go to the spool until it is back';
      if (!this.#isLogged()) log.debug('database is away', fields);
      else if (error.hint === '') log.warn('database is away', { ...fields, hint: waits });
      else log.error('database is away', { ...fields, hint: `${error.hint} Meanwhile ${waits}.` });
    }
    this.#state = 'away';
    this.#lastError = error.message;
  }

  /** Ends all waits for the store, those under way and later ones. */
  giveUp(): void {
    this.#stopped.abort(ENDED);
  }

  /** A store that does not close within the limit is left to itself. */
  async close(limitMs: number): Promise<void> {
    this.giveUp();
    const closed = this.#store?.close().catch(() => {});
    await Promise.race([closed, this.#options.clock.sleep(limitMs)]);
  }

  /** Whether a change of state is logged: a database that comes and goes must not fill the log. */
  #isLogged(): boolean {
    const { clock, log } = this.#options;
    const now = clock.monotonic();
    this.#changes = this.#changes.filter((at) => at > now - LOGGED_CHANGES_MS);
    if (this.#changes.length >= LOGGED_CHANGES) {
      if (this.#unlogged++ === 0)
        log.warn('database comes and goes: further changes are not logged for ten minutes', { error: this.#lastError });
      return false;
    }
    this.#changes.push(now);
    if (this.#unlogged > 0) log.warn('changes of the database that were not logged', { changes: this.#unlogged });
    this.#unlogged = 0;
    return true;
  }

  #opened(): Store {
    if (this.#store) return this.#store;
    throw away('the database has not been opened yet');
  }

  async #ask<T>(question: (store: Store) => Promise<T>, limitMs: number): Promise<T> {
    try {
      return await this.#within(question(this.#opened()), limitMs);
    } catch (error) {
      throw asFailure(error);
    }
  }

  /** One at a time; not bounded, since opening may migrate a large database. */
  #open(): Promise<Store> {
    this.#opening ??= this.#options
      .openStore()
      .then(async (store) => {
        if (this.#stopped.signal.aborted) await store.close();
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
    const ended = new AbortController();
    const signals = [ended.signal, this.#stopped.signal, signal];
    const limit = this.#options.clock.sleep(limitMs, ...signals).then((): typeof LIMIT => LIMIT);
    try {
      const result = await Promise.race([work, limit]);
      if (result !== LIMIT) return result;
    } finally {
      ended.abort(ENDED);
    }
    throw new StoreFailure({
      code: TOO_SLOW,
      message: `the database did not answer within ${Math.round(limitMs)} ms`,
      remedy: 'spool',
    });
  }
}

const TOO_SLOW = 'database-too-slow';
const LIMIT: unique symbol = Symbol('limit');
/** Without a reason, an abort makes an error with a stack trace. */
const ENDED = 'ended';

const away = (message: string): StoreFailure => new StoreFailure({ code: 'database-away', message, remedy: 'spool' });

/** A store promises StoreFailures; anything else is a bug, and no reason to give up data. */
const asFailure = (error: unknown): EmdcError => (error instanceof EmdcError ? error : away(messageOf(error)));
