// The recorder's background work, one small step at a time, so that live cycles wait for one step at most: brings the
// database back, moves the spool into it in the spool's order, and does upkeep when the spool is empty.
//
//   database     spool              step
//   away         any                check the database, at growing intervals; drop what is too old
//   answers      a start is next    ask for the newest slots, write the gaps `down` up to this run, go on
//   answers      polls are next     write one chunk: the database counts as connected only after it took the chunk
//   connected    empty              upkeep, then wait for `wake`
//
// Every step may be interrupted and done again: polls and gaps are written once, and the newest slot tells what is there.

import type { Clock } from '../model/clock.js';
import { type EmdcError, messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { Batch, RunStart } from '../model/poll.js';
import type { Database, WriteResult } from './database.js';
import type { DeadLetters } from './dead-letters.js';
import { batchOf, type Entry } from './entry.js';
import { downGap } from './losses.js';
import type { Spool } from './spool.js';

export interface ReplayOptions {
  readonly database: Database;
  readonly spool: Spool;
  readonly letters: DeadLetters;
  readonly clock: Clock;
  readonly log: Log;
  /** For one write. */
  readonly limitMs: number;
  /** Resolves when no live write is under way. */
  readonly idle: () => Promise<unknown>;
}

/** Readings in one write. */
const MAX_CHUNK = 5000;
const MIN_CHUNK = 50;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
const UPKEEP_EVERY_MS = 60_000;
const UPKEEP_PAUSE_MS = 100;

export class Replay {
  /** How the first attempt to reach the database ended; null: it answered. */
  readonly firstAnswer: Promise<EmdcError | null>;
  readonly #options: ReplayOptions;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #wake = new AbortController();
  /** Of the newest `setMeters`: what lies before the mark in the spool was read with the configuration before. */
  #metersMark = 0;
  #chunkReadings = MAX_CHUNK;
  #replayed = 0;
  /** Log when the spool is empty the next time. */
  #announceEmpty = true;
  #upkeepFailing = false;

  constructor(options: ReplayOptions) {
    this.#options = options;
    let answered: (error: EmdcError | null) => void = () => {};
    this.firstAnswer = new Promise((resolve) => {
      answered = resolve;
    });
    this.#ended = this.#run(answered);
  }

  /** There is something new to do. */
  wake(): void {
    this.#wake.abort(WOKEN);
  }

  /** Meters of a new configuration: entered when what was recorded before is in the database. */
  metersChanged(): void {
    this.#metersMark = this.#options.spool.mark();
    this.wake();
  }

  /** Resolves when the step under way has ended; waits for the database are given up. */
  stop(): Promise<void> {
    this.#stopping.abort(WOKEN);
    this.#options.database.giveUp();
    return this.#ended;
  }

  /** Writes entries in their order, starts included. Resolves to why the database is away, or null; never rejects. */
  async move(entries: readonly Entry[]): Promise<EmdcError | null> {
    let rest = entries;
    while (rest.length > 0) {
      const isStart = rest[0]?.kind === 'start';
      const other = rest.findIndex(({ kind }) => (kind === 'start') !== isStart);
      const part = other < 0 ? rest : rest.slice(0, other);
      const away = isStart ? await this.#resolveStarts(part) : await this.#write(part);
      if (away) return away;
      rest = rest.slice(part.length);
    }
    return null;
  }

  async #run(answered: (error: EmdcError | null) => void): Promise<void> {
    const { database, spool, clock } = this.#options;
    const { signal } = this.#stopping;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const error = await this.#step();
      if (signal.aborted) break;
      if (error) database.setAway(error);
      answered(error);
      if (error) {
        await spool.dropAged();
        await clock.sleep(pauseMs, signal);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      } else {
        pauseMs = FIRST_PAUSE_MS;
        if (!spool.empty || database.metersPending) continue;
        this.#sayReplayed();
        await this.#upkeep();
      }
    }
    answered(null);
  }

  async #step(): Promise<EmdcError | null> {
    const { database, spool, idle, clock } = this.#options;
    if (!database.connected) {
      this.#announceEmpty = true;
      const error = await database.probe();
      if (error) return error;
    }
    if (database.metersPending && spool.isPast(this.#metersMark)) {
      const error = await database.enterMeters();
      if (error) return error;
    }
    const { readings } = spool.status();
    const chunk = await spool.take(this.#chunkReadings);
    if (chunk === null) {
      database.setConnected(0);
      return null;
    }
    await idle();
    const started = clock.monotonic();
    const error = await this.move(chunk.entries);
    await chunk.end(error === null);
    if (error) {
      this.#chunkReadings = Math.max(this.#chunkReadings >> 1, MIN_CHUNK);
      return error;
    }
    this.#chunkReadings = Math.min(this.#chunkReadings * 2, MAX_CHUNK);
    this.#replayed += readings - spool.status().readings;
    database.setConnected(readings);
    // Half of the time is left to live writes.
    await clock.sleep(clock.monotonic() - started, this.#stopping.signal);
    return null;
  }

  async #write(entries: readonly Entry[]): Promise<EmdcError | null> {
    const { database, letters, limitMs } = this.#options;
    const write = (batch: Batch): Promise<WriteResult> => database.write(batch, limitMs);
    const result = await write(batchOf(entries));
    if (result.kind === 'away') return result.error;
    return result.kind === 'refused' ? await letters.bisect(entries, result.error, write) : null;
  }

  /** Writes the gap before each start. Of several starts of a meter without a poll between them the last one counts. */
  async #resolveStarts(entries: readonly Entry[]): Promise<EmdcError | null> {
    const { database, log } = this.#options;
    const starts = new Map<string, RunStart>();
    for (const entry of entries) if (entry.kind === 'start') starts.set(entry.start.meter.name, entry.start);
    try {
      const newest = await database.newestSlots([...starts.keys()]);
      const gaps = [...starts].flatMap(([name, start]) => downGap(start, newest.get(name)) ?? []);
      if (gaps.length === 0) return null;
      const slots = gaps.reduce((sum, gap) => sum + gap.slots, 0);
      log.info('slots passed while the collector was down', { meters: gaps.length, slots });
      return await this.#write(gaps.map((gap): Entry => ({ kind: 'gap', gap })));
    } catch (error) {
      return error as EmdcError;
    }
  }

  #sayReplayed(): void {
    if (this.#announceEmpty && this.#replayed > 0)
      this.#options.log.info('spool replayed', { readings: this.#replayed });
    this.#replayed = 0;
    this.#announceEmpty = false;
  }

  async #upkeep(): Promise<void> {
    const { database, log, clock } = this.#options;
    let more = false;
    try {
      more = await database.maintain();
      this.#upkeepFailing = false;
    } catch (error) {
      if (!this.#upkeepFailing) log.warn('database upkeep fails, tried again later', { error: messageOf(error) });
      this.#upkeepFailing = true;
    }
    await clock.sleep(more ? UPKEEP_PAUSE_MS : UPKEEP_EVERY_MS, this.#wake.signal, this.#stopping.signal);
    this.#wake = new AbortController();
  }
}

/** Without a reason, an abort makes an error with a stack trace. */
const WOKEN = 'woken';
