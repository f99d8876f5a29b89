// What all databases' upkeep has in common: history older than configured goes, a little at a time.

import type { Db, Statement } from './db.js';
import { topicIdsAfter } from './lookup.js';
import { nextStep } from './rollups.js';

/** Milliseconds that history is kept; null: for ever. */
export interface Retention {
  readonly readingsMs: number | null;
  readonly rollupsMs: number | null;
}

export const keepForever: Retention = { readingsMs: null, rollupsMs: null };

/** After the end of an hour or quarter, before it is taken to be complete; what comes later is late and costs more. */
export const GRACE_MS = 120_000;

const DAY_MS = 86_400_000;

/** Deletes rows older than `before` (ms), at most `limit` of them, oldest first. */
export interface RetentionSql {
  polls(before: number, limit: number): Statement;
  gaps(before: number, limit: number): Statement;
  /** Of these topics only; null: readings go otherwise. */
  readonly readings: ((topicIds: readonly number[], before: number, limit: number) => Statement) | null;
  rollups(topicIds: readonly number[], before: number, limit: number): Statement;
  tally(before: number, limit: number): Statement;
  /** Notes that polls and gaps older than `before` may go from now on; null: nobody asks. */
  readonly pruning: ((before: number) => Statement) | null;
}

const MAX_TOPICS = 500;
const FIRST_ROWS = 1_000;
const MAX_ROWS = 50_000;

/** Goes over everything once a day: history ends at the start of a day. */
export class Pruner {
  readonly #db: Db;
  readonly #tasks: readonly Task[];

  constructor(options: { readonly db: Db; readonly sql: RetentionSql; readonly retention: Retention }) {
    const { db, sql, retention } = options;
    const { readingsMs, rollupsMs } = retention;
    const tasks: Task[] = [];
    if (readingsMs !== null) {
      const { pruning } = sql;
      if (pruning !== null) tasks.push(task(readingsMs, (_, before) => pruning(before), false));
      tasks.push(task(readingsMs, (_, before, limit) => sql.polls(before, limit), false));
      tasks.push(task(readingsMs, (_, before, limit) => sql.gaps(before, limit), false));
      if (sql.readings !== null) tasks.push(task(readingsMs, sql.readings, true));
    }
    if (rollupsMs !== null) tasks.push(task(rollupsMs, sql.rollups, true));
    if (readingsMs !== null && rollupsMs !== null) {
      const keptMs = Math.max(readingsMs, rollupsMs);
      tasks.push(task(keptMs, (_, before, limit) => sql.tally(before, limit), false));
    }
    this.#db = db;
    this.#tasks = tasks;
  }

  /** true: there is more to do. */
  async step(now: number): Promise<boolean> {
    for (const entry of this.#tasks) {
      const before = dayOf(now - entry.keptMs);
      if (before === entry.doneBefore) continue;
      await this.#advance(entry, before);
      return true;
    }
    return false;
  }

  async #advance(entry: Task, before: number): Promise<void> {
    const topics = entry.byTopic ? await topicIdsAfter(this.#db, entry.lastTopic, MAX_TOPICS) : [];
    const last = topics.at(-1);
    let deleted = 0;
    if (!entry.byTopic || last !== undefined) {
      const started = performance.now();
      deleted = await this.#db.$executeRawUnsafe(...entry.remove(topics, before, entry.rows));
      const more = deleted >= entry.rows;
      entry.rows = nextStep(entry.rows, performance.now() - started, MAX_ROWS);
      if (more) return;
    }
    entry.lastTopic = last ?? 0;
    if (last === undefined) entry.doneBefore = before;
  }
}

interface Task {
  readonly keptMs: number;
  readonly byTopic: boolean;
  readonly remove: (topicIds: readonly number[], before: number, limit: number) => Statement;
  rows: number;
  lastTopic: number;
  /** All that is older than this has gone. */
  doneBefore: number;
}

const task = (keptMs: number, remove: Task['remove'], byTopic: boolean): Task => ({
  keptMs,
  byTopic,
  remove,
  rows: FIRST_ROWS,
  lastTopic: 0,
  doneBefore: Number.NEGATIVE_INFINITY,
});

export const dayOf = (time: number): number => time - (((time % DAY_MS) + DAY_MS) % DAY_MS);
