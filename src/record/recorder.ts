// Makes finished polls and gaps durable: in the database while it takes them in time, in the spool on local disk while it
// does not. Callers wait a few write limits at most and never see an error, only what became of their data.

import type { Clock } from '../model/clock.js';
import type { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { Gap, Poll } from '../model/poll.js';
import type { DatabaseStatus, SpoolStatus } from '../model/status.js';
import type { Dialect, Store } from '../store/store.js';
import { Account, type Beginning } from './account.js';
import { joinBatches, summarize } from './batch.js';
import { Database } from './database.js';
import { Drain } from './drain.js';
import { Losses } from './losses.js';
import { openSpool } from './open-spool.js';
import type { Spool } from './spool.js';

/** What is recorded together: all of it has one fate. */
export interface Batch {
  readonly polls: readonly Poll[];
  readonly gaps: readonly Gap[];
}

/** `stored` committed in the database · `spooled` synced to local disk · `lost` neither was possible; counted and logged. */
export type Fate = 'stored' | 'spooled' | 'lost';

export interface RecorderState {
  readonly database: DatabaseStatus;
  readonly spool: SpoolStatus;
  /** Readings that could be kept neither in the database nor on disk, since start. */
  readonly lost: number;
}

export interface Recorder {
  /** Resolves when the batch is durable, or lost; never rejects. Batches that arrive during a write go together in the next one. */
  record(batch: Batch): Promise<Fate>;
  /**
   * The slots between those on record and these ones are recorded as gaps, `down` or `missed`: at once, or as soon as the
   * database has answered, be it to a later process. To be called before these meters' polls from then on are recorded.
   */
  begin(beginnings: readonly Beginning[]): void;
  /** Another collector has written until now: for further beginnings counts what is on record at this moment. */
  beginAgain(): void;
  state(): RecorderState;
  /** Makes durable what is under way (in the spool if the database needs longer than the deadline), then closes store and spool. */
  close(options: { readonly deadlineMs: number }): Promise<void>;
}

export interface RecorderOptions {
  readonly dialect: Dialect;
  /** Opens the database. May fail: it is tried again until it succeeds. The recorder owns and closes the store, and runs its upkeep. */
  readonly openStore: () => Promise<Store>;
  readonly spool: { readonly directory: string; readonly maxBytes: number; readonly maxAgeMs: number };
  readonly clock: Clock;
  readonly log: Log;
  /** A write that takes longer counts as a database that is away. Default 5 s. */
  readonly writeLimitMs?: number;
}

/** Readings in one write, unless a single batch has more. */
const MAX_GROUP = 50_000;
/** Readings that wait in memory, in seconds' worth of the largest site; what comes on top is lost, and counted. */
const MAX_WAITING = 1_000_000;
/** The drain may wait longer than a live cycle: nobody waits for it. */
const DRAIN_PATIENCE = 6;

/**
 * Resolves when the database has answered, or after one write limit without an answer. Rejects when the spool directory
 * cannot be used, is in use by another collector, or when the database can never be used (`remedy: stop`).
 */
export async function openRecorder(options: RecorderOptions): Promise<Recorder> {
  const { clock, log } = options;
  const spool = await openSpool({ ...options.spool, clock, log });
  const recorder = new GroupRecorder(options, spool);
  const error = await recorder.started();
  if (error?.remedy !== 'stop') return recorder;
  await recorder.close({ deadlineMs: 0 });
  throw error;
}

interface Waiting {
  readonly batch: Batch;
  /** By the monotonic clock. */
  readonly since: number;
  readonly readings: number;
  readonly weight: number;
  readonly resolve: (fate: Fate) => void;
}

class GroupRecorder implements Recorder {
  readonly #options: RecorderOptions;
  readonly #limitMs: number;
  readonly #spool: Spool;
  readonly #database: Database;
  readonly #drain: Drain;
  readonly #account: Account;
  readonly #hurry = new AbortController();
  #waiting: Waiting[] = [];
  #waitingReadings = 0;
  #writing: Promise<void> | null = null;
  #liveWrite: Promise<unknown> = Promise.resolve();
  #settled: Promise<void> | null = null;
  /** Not on record yet. */
  #losses = new Losses();
  #lost = 0;
  #losing = false;
  /** Said, and not over yet. */
  #slow = false;
  #closing: Promise<void> | null = null;

  constructor(options: RecorderOptions, spool: Spool) {
    const { dialect, openStore, clock, log } = options;
    const limitMs = options.writeLimitMs ?? 5000;
    this.#options = options;
    this.#limitMs = limitMs;
    this.#spool = spool;
    this.#database = new Database({ dialect, openStore, clock, log, limitMs });
    this.#account = new Account({ log, record: (batch) => this.record(batch) });
    this.#drain = new Drain({
      database: this.#database,
      spool,
      directory: options.spool.directory,
      clock,
      log,
      limitMs: limitMs * DRAIN_PATIENCE,
      idle: () => this.#liveWrite,
      onAnswer: () => {
        this.#settled ??= this.#settle(this.#database.slotsBefore);
        return this.#settled;
      },
    });
  }

  /** Why the database cannot be used; null: it answered, or has not yet. */
  async started(): Promise<EmdcError | null> {
    const answered = new AbortController();
    const patience = this.#options.clock.sleep(this.#limitMs, answered.signal).then(() => null);
    const error = await Promise.race([this.#drain.firstProbe, patience]);
    answered.abort();
    return error;
  }

  record(batch: Batch): Promise<Fate> {
    const { readings, weight } = summarize(batch);
    if (this.#closing || this.#waitingReadings + readings > MAX_WAITING) return Promise.resolve(this.#lose(batch));
    return new Promise((resolve) => {
      this.#waiting.push({ batch, since: this.#options.clock.monotonic(), readings, weight, resolve });
      this.#waitingReadings += readings;
      this.#writing ??= this.#writeAll();
    });
  }

  begin(beginnings: readonly Beginning[]): void {
    this.#account.begin(beginnings);
  }

  beginAgain(): void {
    this.#account.reopen();
    void this.#settle(this.#database.lastSlots().catch(() => new Map()));
  }

  state(): RecorderState {
    const spool = { ...this.#spool.status(), deadLetters: this.#drain.deadLetters };
    return { database: this.#database.status(), spool, lost: this.#lost + this.#drain.lost };
  }

  close({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.monotonic() + deadlineMs;
    const done = new AbortController();
    void clock.sleep(deadlineMs, done.signal).then(() => this.#hurry.abort());
    await this.#writing;
    done.abort();
    await this.#drain.stop();
    await this.#database.close(Math.max(deadline - clock.monotonic(), 1000));
    await this.#spool.close();
  }

  async #settle(slots: Promise<ReadonlyMap<string, number>>): Promise<void> {
    const [stored] = await Promise.all([slots, this.#spool.ready]);
    const { leftSlots, leftOpen } = this.#spool;
    await this.#account.settle({ stored, left: leftSlots, leftOpen });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup();
      const readings = group.reduce((sum, one) => sum + one.readings, 0);
      this.#waitingReadings -= readings;
      const fate = await this.#write(joinBatches(group.map(({ batch }) => batch)), this.#isSlow(group));
      for (const { resolve } of group) resolve(fate);
    }
    this.#writing = null;
  }

  #nextGroup(): Waiting[] {
    let weight = 0;
    const end = this.#waiting.findIndex((one, index) => {
      weight += one.weight;
      return index > 0 && weight > MAX_GROUP;
    });
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
  }

  /** Whether the group has waited for its turn longer than a write may take: the database stores less than comes in. */
  #isSlow([oldest]: readonly Waiting[]): boolean {
    const { clock, log } = this.#options;
    const waitedMs = oldest ? clock.monotonic() - oldest.since : 0;
    if (waitedMs <= this.#limitMs || !this.#database.connected) {
      if (this.#spool.status().readings === 0) this.#slow = false;
      return false;
    }
    if (!this.#slow) {
      log.warn('database stores less than comes in: readings go through the spool', { waitedMs });
      this.#drain.announce();
    }
    this.#slow = true;
    return true;
  }

  /** What was lost before goes with it: once something newer is on record, nobody would miss it. */
  async #write({ polls, gaps }: Batch, isSlow: boolean): Promise<Fate> {
    const losses = this.#losses;
    this.#losses = new Losses();
    const batch = losses.empty ? { polls, gaps } : { polls, gaps: [...losses.gaps, ...gaps] };
    const tried = this.#database.connected && !isSlow;
    if (tried && (await this.#store(batch))) return this.#keep('stored');
    if (await this.#spool.append(batch)) {
      this.#drain.wake();
      return this.#keep('spooled');
    }
    // The disk takes nothing: perhaps the database is back and only has not been noticed yet, or it is merely slow.
    if (!tried && (await this.#store(batch))) return this.#keep('stored');
    return this.#lose(batch);
  }

  async #store(batch: Batch): Promise<boolean> {
    const write = this.#database.write(batch, this.#limitMs, this.#hurry.signal);
    this.#liveWrite = write;
    const result = await write;
    // What is refused goes through the spool to the drain, which finds out what exactly is refused.
    if (result.kind === 'away') this.#database.setAway(result.error);
    return result.kind === 'stored';
  }

  #keep(fate: Fate): Fate {
    if (this.#losing) this.#options.log.info('readings are kept again', { lost: this.#lost });
    this.#losing = false;
    return fate;
  }

  #lose(batch: Batch): Fate {
    const { readings } = summarize(batch);
    this.#losses.add(batch);
    this.#lost += readings;
    if (!this.#losing)
      this.#options.log.error('readings are being lost: neither database nor spool takes them', { readings });
    this.#losing = true;
    return 'lost';
  }
}
