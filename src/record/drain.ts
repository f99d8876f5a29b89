// The recorder's background work, one small step at a time so that live cycles wait for one step at most: brings the
// database back, moves the spool into it, oldest first, and does its upkeep when there is nothing else to do.

import type { Clock } from '../model/clock.js';
import { type EmdcError, messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { StoreBatch } from '../store/store.js';
import type { Database } from './database.js';
import { DeadLetters } from './dead-letters.js';
import { isolate } from './isolate.js';
import type { Batch } from './recorder.js';
import type { Chunk, Spool } from './spool.js';

export interface DrainOptions {
  readonly database: Database;
  readonly spool: Spool;
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limitMs: number;
  /** Resolves when no live write is under way. */
  readonly idle: () => Promise<unknown>;
  /** The database answers, and has been given nothing yet: what has to be known and done before, it waits for. */
  readonly onAnswer: () => Promise<void>;
}

/** Readings in one write. */
const MAX_CHUNK = 5000;
const MIN_CHUNK = 50;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
const UPKEEP_EVERY_MS = 60_000;
const UPKEEP_PAUSE_MS = 100;

export class Drain {
  readonly #options: DrainOptions;
  readonly #letters: DeadLetters;
  readonly #stopping = new AbortController();
  /** How the first attempt to reach the database ended; null: it answered. */
  readonly firstProbe: Promise<EmdcError | null>;
  readonly #ended: Promise<void>;
  readonly #refusedMeters = new Set<string>();
  #pausing: AbortController | null = null;
  #woken = false;
  /** The next time that the spool is empty is worth saying. */
  #announce = true;
  #upkeepFailing = false;
  #chunkReadings = MAX_CHUNK;
  #deadLetters = 0;
  #buried = 0;
  #drained = 0;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#letters = new DeadLetters(options.directory);
    let probed: (error: EmdcError | null) => void = () => {};
    this.firstProbe = new Promise((resolve) => {
      probed = resolve;
    });
    this.#ended = this.#run(probed);
  }

  /** Readings in the dead-letter file since start. */
  get deadLetters(): number {
    return this.#deadLetters;
  }

  /** Readings that were refused and could not be kept in the dead-letter file either. */
  get lost(): number {
    return this.#buried;
  }

  /** There is something new in the spool. */
  wake(): void {
    this.#woken = true;
    this.#pausing?.abort();
  }

  /** The next time that the spool is empty is said, as it is after the database was away. */
  announce(): void {
    this.#announce = true;
  }

  /** Resolves when the step under way has ended. */
  stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    return this.#ended;
  }

  async #run(probed: (error: EmdcError | null) => void): Promise<void> {
    const { database, spool } = this.#options;
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.#stopping.signal.aborted) {
      const error = await this.#step();
      if (this.#stopping.signal.aborted) break;
      if (error) database.setAway(error);
      probed(error);
      if (error) {
        await spool.dropAged();
        await this.#pause(pauseMs, false);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      } else {
        pauseMs = FIRST_PAUSE_MS;
        if (spool.empty) await this.#upkeep();
      }
    }
    probed(null);
  }

  /** Resolves to why the database is away. It counts as back only when it has taken what waits: answering is not enough. */
  async #step(): Promise<EmdcError | null> {
    const { database, spool, idle, onAnswer, clock } = this.#options;
    if (!database.connected) {
      this.#announce = true;
      const error = await database.probe();
      if (error) return error;
      await onAnswer();
    }
    const chunk = await spool.next(this.#chunkReadings);
    if (!chunk) {
      database.setConnected(0);
      this.#sayDrained();
      return null;
    }
    await idle();
    const started = clock.monotonic();
    const error = await this.#move(chunk);
    if (error) {
      this.#chunkReadings = Math.max(this.#chunkReadings >> 1, MIN_CHUNK);
      return error;
    }
    this.#chunkReadings = Math.min(this.#chunkReadings * 2, MAX_CHUNK);
    this.#drained += chunk.readings;
    database.setConnected(spool.status().readings);
    // Half of the time belongs to others.
    await clock.sleep(clock.monotonic() - started, this.#stopping.signal);
    return null;
  }

  async #move(chunk: Chunk): Promise<EmdcError | null> {
    const write = (batch: StoreBatch) =>
      this.#options.database.write(batch, this.#options.limitMs, this.#stopping.signal);
    const result = await write(chunk.batch);
    if (result.kind === 'away') return result.error;
    if (result.kind === 'refused') {
      const bury = (batch: Batch, error: EmdcError) => this.#bury(batch, error);
      const away = await isolate(chunk.batch, result.error, { write, bury });
      if (away) return away;
    }
    chunk.done();
    return null;
  }

  async #bury({ polls, gaps }: Batch, error: EmdcError): Promise<void> {
    const { log } = this.#options;
    const [poll] = polls;
    const [gap] = gaps;
    const readings = poll ? poll.values.length - poll.missing.size : 0;
    const meter = poll?.meter.name ?? gap?.meter.name ?? '';
    try {
      if (poll) await this.#letters.poll(poll, error);
      if (gap) await this.#letters.gap(gap, error);
      this.#deadLetters += readings;
    } catch (cause) {
      this.#buried += readings;
      log.error('dead-letter file cannot be written: refused readings are lost', { meter, readings, error: cause });
    }
    if (this.#refusedMeters.has(meter)) return;
    this.#refusedMeters.add(meter);
    const { message, code } = error;
    log.error('database refuses readings for good', { meter, error: message, code, file: this.#letters.path });
  }

  #sayDrained(): void {
    if (this.#announce && this.#drained > 0) this.#options.log.info('spool drained', { readings: this.#drained });
    this.#drained = 0;
    this.#announce = false;
  }

  async #upkeep(): Promise<void> {
    const { database, log } = this.#options;
    let more = false;
    try {
      more = await database.maintain();
      this.#upkeepFailing = false;
    } catch (error) {
      if (!this.#upkeepFailing) log.warn('database upkeep fails, tried again later', { error: messageOf(error) });
      this.#upkeepFailing = true;
    }
    await this.#pause(more ? UPKEEP_PAUSE_MS : UPKEEP_EVERY_MS, true);
  }

  async #pause(ms: number, wakeable: boolean): Promise<void> {
    const pausing = new AbortController();
    if (this.#stopping.signal.aborted || (wakeable && this.#woken)) pausing.abort();
    this.#pausing = wakeable ? pausing : null;
    await this.#options.clock.sleep(ms, wakeable ? pausing.signal : this.#stopping.signal);
    this.#woken = false;
  }
}
