// Makes finished polls, gaps and events durable: in the database while it takes them in time, in the spool on local disk
// while it does not. Callers wait a few write limits at most and never see an error, only the outcome.
//
//   database    starts in the spool   disk           a batch goes to
//   connected   none                  any            the database; if the write fails, to the spool
//   connected   waiting for replay    writable       the spool, behind the starts
//   slow        any                   writable       the spool
//   away        any                   writable       the spool
//   away        any                   not writable   the database, should it be back; else the batch is lost
//   connected   only in memory        not writable   the database, behind the gaps that the starts in memory stand for
//
// Losses are kept in memory, condensed, and go ahead of the next batch that is written anywhere.
//
// A run of the collector begins with `start` entries in the spool, ahead of its polls. Replay finds the gap before each.

import type { Clock } from '../model/clock.js';
import type { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { MeterInfo } from '../model/meter.js';
import type { Batch, Outcome, Poll, RunStart } from '../model/poll.js';
import type { DatabaseStatus, SpoolStatus } from '../model/status.js';
import type { Dialect, LeaseRequest, MeterIdentity, Store } from '../store/store.js';
import { Database } from './database.js';
import { DeadLetters } from './dead-letters.js';
import { addTotals, batchOf, type Entry, entriesOf, noTotals, weightOf } from './entry.js';
import { Losses } from './losses.js';
import { Replay } from './replay.js';

import { openSpool, type Spool } from './spool.js';

export interface RecorderState {
  readonly database: DatabaseStatus;
  readonly spool: SpoolStatus;
  /** Readings that could be kept neither in the database nor on disk, since start. */
  readonly lost: number;
  /** Readings in memory that are not durable yet: what a power cut would cost. `since`: of the oldest, ms UTC. */
  readonly waiting: { readonly readings: number; readonly since: number | null };
}

export interface Recorder {
  /**
   * Resolves when the batch is durable, or lost; never rejects. Batches that arrive during a write are written together.
   * With `commitEveryMs` they are gathered for so long, unless one of them asks for `flush`.
   */
  record(batch: Batch, options?: { readonly flush?: boolean }): Promise<Outcome>;
  /**
   * Notes the first slots of meters in this run, or after another collector ran them: the slots since the newest one in the
   * database become gaps `down`. To be called before anything of these meters is recorded.
   */
  begin(starts: readonly RunStart[]): void;
  /** The meters of the configuration; entered in the database behind what was recorded before. */
  setMeters(meters: readonly MeterInfo[]): void;
  /** The newest poll of each meter; none while the database is away. */
  newestPolls(meters: readonly MeterInfo[]): Promise<readonly Poll[]>;
  /** As Store.identities; none while the database is away. */
  identities(meters: readonly MeterInfo[]): Promise<ReadonlyMap<string, MeterIdentity>>;
  /** As Store.lease; rejects with an EmdcError while the database is away. Absent on SQLite. */
  readonly lease?: (request: LeaseRequest) => Promise<string | null>;
  /**
   * Resolves when the database has answered, or after one write limit. Rejects with the store's error when the database can
   * never be used (`remedy: stop`, e.g. made by a newer version).
   */
  started(): Promise<void>;
  state(): RecorderState;
  /**
   * Makes durable what is under way, in the spool if the database needs longer than half of the time, and closes spool and
   * store. Takes no longer than the deadline (at least 500 ms are given to the disk), whatever hangs.
   */
  close(options: { readonly deadlineMs: number }): Promise<void>;
}

export interface RecorderOptions {
  readonly dialect: Dialect;
  /** Opens the database. May fail: tried again until it succeeds. The recorder owns and closes the store, and runs its upkeep. */
  readonly openStore: () => Promise<Store>;
  readonly spool: { readonly directory: string; readonly maxBytes: number; readonly maxAgeMs: number };
  readonly clock: Clock;
  readonly log: Log;
  /** A write that takes longer counts as a database that is away. Default 5 s. */
  readonly writeLimitMs?: number;
  /** Batches are gathered for so long and committed as one. Default 0: each is written at once. */
  readonly commitEveryMs?: number;
}

/** Readings in one write, unless a single batch has more. */
const MAX_GROUP = 50_000;
/** Readings that wait in memory; what comes on top is lost. */
const MAX_WAITING = 1_000_000;
/** Replay may wait longer than a live cycle. */
const REPLAY_LIMITS = 6;
const MIN_CLOSE_MS = 500;

/** Rejects with `spool-unusable` or `spool-in-use`. Does not wait for the database: see `started`. */
export async function openRecorder(options: RecorderOptions): Promise<Recorder> {
  const { clock, log } = options;
  const intervals = new Map<string, number>();
  return new SpoolingRecorder(options, await openSpool({ ...options.spool, clock, log, intervals }), intervals);
}

interface Waiting {
  readonly entries: readonly Entry[];
  /** By the monotonic clock: from then on the database is late with it. */
  readonly due: number;
  readonly since: number;
  readonly readings: number;
  readonly weight: number;
  readonly resolve: (outcome: Outcome) => void;
}

class SpoolingRecorder implements Recorder {
  readonly lease?: (request: LeaseRequest) => Promise<string | null>;
  readonly #options: RecorderOptions;
  readonly #limitMs: number;
  readonly #commitEveryMs: number;
  readonly #spool: Spool;
  readonly #database: Database;
  readonly #letters: DeadLetters;
  readonly #replay: Replay;
  readonly #intervals: Map<string, number>;
  /** Aborts when live writes have no more time. */
  readonly #hurry = new AbortController();
  #flush = new AbortController();
  #waiting: Waiting[] = [];
  #waitingWeight = 0;
  #underWay: readonly Waiting[] = [];
  #writing: Promise<void> | null = null;
  #liveWrite: Promise<unknown> = Promise.resolve();
  /** Lost, and noted nowhere yet: ahead of what waits, and behind all that waits. */
  readonly #losses: Losses;
  readonly #overflow: Losses;
  #lost = 0;
  #losing = false;
  /** The warning that the database is slow was logged; reset when the spool is empty. */
  #slow = false;
  #closing: Promise<void> | null = null;

  constructor(options: RecorderOptions, spool: Spool, intervals: Map<string, number>) {
    const { dialect, openStore, clock, log } = options;
    const limitMs = options.writeLimitMs ?? 5000;
    this.#options = options;
    this.#limitMs = limitMs;
    this.#commitEveryMs = options.commitEveryMs ?? 0;
    this.#spool = spool;
    this.#intervals = intervals;
    this.#losses = new Losses(intervals);
    this.#overflow = new Losses(intervals);
    const database = new Database({ dialect, openStore, clock, log, limitMs });
    const letters = new DeadLetters(options.spool.directory, log);
    const idle = () => this.#liveWrite;
    this.#database = database;
    this.#letters = letters;
    this.#replay = new Replay({ database, spool, letters, clock, log, limitMs: limitMs * REPLAY_LIMITS, idle });
    if (dialect !== 'sqlite') this.lease = (request) => database.lease(request);
  }

  async started(): Promise<void> {
    const answered = new AbortController();
    const limit = this.#options.clock.sleep(this.#limitMs, answered.signal).then(() => null);
    const error: EmdcError | null = await Promise.race([this.#replay.firstAnswer, limit]);
    answered.abort();
    if (error?.remedy === 'stop') throw error;
  }

  record(batch: Batch, { flush = false }: { readonly flush?: boolean } = {}): Promise<Outcome> {
    return this.#enqueue(entriesOf(batch), flush);
  }

  begin(starts: readonly RunStart[]): void {
    for (const { meter, intervalMs } of starts) this.#intervals.set(meter.name, intervalMs);
    if (starts.length > 0)
      void this.#enqueue(
        starts.map((start): Entry => ({ kind: 'start', start })),
        true,
      );
  }

  setMeters(meters: readonly MeterInfo[]): void {
    this.#database.setMeters(meters);
    this.#replay.metersChanged();
  }

  async newestPolls(meters: readonly MeterInfo[]): Promise<readonly Poll[]> {
    try {
      return await this.#database.newestPolls(meters);
    } catch {
      return [];
    }
  }

  async identities(meters: readonly MeterInfo[]): Promise<ReadonlyMap<string, MeterIdentity>> {
    try {
      return await this.#database.identities(meters.map(({ name }) => name));
    } catch {
      return new Map();
    }
  }

  state(): RecorderState {
    const spool = { ...this.#spool.status(), deadLetters: this.#letters.readings };
    const lost = this.#lost + this.#letters.lost;
    const open = [...this.#underWay, ...this.#waiting];
    const readings = open.reduce((sum, one) => sum + one.readings, 0);
    return { database: this.#database.status(), spool, lost, waiting: { readings, since: open[0]?.since ?? null } };
  }

  close({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    const { clock, log } = this.#options;
    const ended = new AbortController();
    void clock.sleep(deadlineMs / 2, ended.signal).then(() => this.#hurry.abort());
    const limit = clock.sleep(Math.max(deadlineMs, MIN_CLOSE_MS), ended.signal).then(() => false);
    const inTime = await Promise.race([this.#finish(deadlineMs).then(() => true), limit]);
    ended.abort();
    if (inTime) return;
    log.error('closing the recorder takes too long: left as it is', { deadlineMs });
    for (const { entries, resolve } of [...this.#underWay, ...this.#waiting.splice(0)]) resolve(this.#lose(entries));
  }

  async #finish(deadlineMs: number): Promise<void> {
    this.#flush.abort();
    await this.#writing;
    if (!this.#losses.empty || !this.#overflow.empty) await this.#write([], false, true);
    await this.#replay.stop();
    await this.#database.close(Math.max(deadlineMs / 4, MIN_CLOSE_MS / 2));
    await this.#spool.close();
  }

  #enqueue(entries: readonly Entry[], flush: boolean): Promise<Outcome> {
    const { clock } = this.#options;
    const weight = entries.reduce((sum, entry) => sum + weightOf(entry), 0);
    if (this.#closing || this.#waitingWeight + weight > MAX_WAITING) {
      return Promise.resolve(this.#lose(entries, this.#overflow));
    }
    const { readings } = addTotals(noTotals, entries);
    const due = clock.monotonic() + this.#commitEveryMs;
    return new Promise((resolve) => {
      this.#waiting.push({ entries, due, since: clock.now(), readings, weight, resolve });
      this.#waitingWeight += weight;
      if (flush || this.#waitingWeight > MAX_GROUP) this.#flush.abort();
      this.#writing ??= this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#commitEveryMs > 0) await this.#options.clock.sleep(this.#commitEveryMs, this.#flush.signal);
      if (!this.#closing) this.#flush = new AbortController();
      for (let left = this.#waiting.length; left > 0; left -= this.#underWay.length) {
        this.#underWay = this.#nextGroup();
        const entries = this.#underWay.flatMap((one) => one.entries);
        const outcome = await this.#write(entries, this.#isSlow(this.#underWay), this.#waiting.length === 0);
        for (const { resolve } of this.#underWay) resolve(outcome);
      }
      this.#underWay = [];
    }
    this.#writing = null;
  }

  #nextGroup(): Waiting[] {
    let weight = 0;
    const end = this.#waiting.findIndex((one, index) => {
      weight += one.weight;
      return index > 0 && weight > MAX_GROUP;
    });
    const group = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
    this.#waitingWeight -= group.reduce((sum, one) => sum + one.weight, 0);
    return group;
  }

  /** Whether the group waited for longer than a write may take: the database stores less than comes in. */
  #isSlow([oldest]: readonly Waiting[]): boolean {
    const { clock, log } = this.#options;
    const waitedMs = oldest ? clock.monotonic() - oldest.due : 0;
    if (waitedMs <= this.#limitMs || !this.#database.connected) {
      if (this.#spool.empty) this.#slow = false;
      return false;
    }
    if (!this.#slow) log.warn('database stores less than comes in: readings go through the spool', { waitedMs });
    this.#slow = true;
    return true;
  }

  /** `isLast`: nothing older waits behind the group. */
  async #write(group: readonly Entry[], isSlow: boolean, isLast: boolean): Promise<Outcome> {
    const entries = [...this.#losses.entries, ...group, ...(isLast ? this.#overflow.entries : [])];
    this.#losses.clear();
    if (isLast) this.#overflow.clear();
    const isBehindStart = this.#spool.holdsStarts || entries.some(({ kind }) => kind === 'start');
    const isDirect = this.#database.connected && !this.#database.metersPending && !isBehindStart && !isSlow;
    const result = isDirect ? await this.#store(entries) : null;
    if (result?.kind === 'stored') return this.#keep('stored');
    if (await this.#spool.append(entries)) {
      this.#replay.wake();
      return this.#keep('spooled');
    }
    // The disk takes nothing: perhaps the database is back and was not checked yet, or is merely slow.
    if (result?.kind !== 'away' && !this.#spool.holdsStarts) {
      const move = this.#replay.move(entries);
      this.#liveWrite = move;
      if ((await move) === null) return this.#keep('stored');
    }
    return this.#lose(entries);
  }

  async #store(entries: readonly Entry[]) {
    const write = this.#database.write(batchOf(entries), this.#limitMs, this.#hurry.signal);
    this.#liveWrite = write;
    const result = await write;
    if (result.kind === 'away') this.#database.setAway(result.error);
    // What is refused goes through the spool to replay, which finds out what exactly is refused.
    return result;
  }

  #keep(outcome: Outcome): Outcome {
    if (this.#losing) this.#options.log.info('readings are kept again', { lost: this.#lost });
    this.#losing = false;
    return outcome;
  }

  #lose(entries: readonly Entry[], losses = this.#losses): Outcome {
    const { readings } = addTotals(noTotals, entries);
    losses.add(entries);
    this.#lost += readings;
    if (!this.#losing && readings > 0) {
      this.#options.log.error('readings are being lost: neither database nor spool takes them', { readings });
      this.#losing = true;
    }
    return 'lost';
  }
}
