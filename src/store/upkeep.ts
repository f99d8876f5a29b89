// Upkeep of the database in small steps: the calendar, rollups and coverage of quarters that are over, of quarters that late
// polls made dirty, and of the open quarter; and the deletion of what is older than it is to be kept. A collector does this
// for the meters that it was configured with.

import type { Db, Statement } from './db.js';
import { runAll } from './db.js';
import { keepCalendar } from './keep-calendar.js';
import type { PollColumns } from './poll-columns.js';
import {
  type AcceptedColumns,
  acceptedByTopic,
  type GapColumns,
  groupBy,
  meterIdOf,
  quarterTopic,
  storedGap,
  storedPoll,
} from './quarter-input.js';
import { QUARTER_MS, quarterOf, rollUp } from './quarters.js';
import { pruning, type Retention } from './retention.js';
import type { Statements } from './statements.js';

export interface UpkeepOptions {
  readonly retention: Retention;
  /** Of the local days in `calendar`. */
  readonly timezone: string;
}

/** A span of time of one meter that was written. */
interface Span {
  readonly meterId: number;
  readonly from: number;
  /** Exclusive. */
  readonly until: number;
}

/** A quarter is rolled up so long after its end: what comes later makes it dirty. */
const GRACE_MS = 20_000;
/** Polls that one step reads at most, or those of one meter. */
const POLLS_PER_STEP = 5_000;
const MAX_METERS_PER_STEP = 200;
const DAY_MS = 86_400_000;

export class Upkeep {
  readonly #db: Db;
  readonly #statements: Statements;
  readonly #options: UpkeepOptions;
  #meterIds: readonly number[] = [];
  /** Up to where each meter's quarters are rolled up, ms UTC; later polls are not late. */
  readonly #rolledUntil = new Map<number, number>();
  /** In one step; adapted to how many polls they have. */
  #meters = MAX_METERS_PER_STEP;
  #nextRound = Number.NEGATIVE_INFINITY;
  #tasks: (() => Promise<boolean>)[] = [];
  #calendarUntil = Number.NEGATIVE_INFINITY;
  #prunedDay = Number.NEGATIVE_INFINITY;
  #roundMs = 60_000;

  constructor(db: Db, statements: Statements, options: UpkeepOptions) {
    this.#db = db;
    this.#statements = statements;
    this.#options = options;
  }

  /** Finds out how far these meters' quarters are rolled up. Upkeep is for them only from now on. */
  async setMeters(meterIds: readonly number[]): Promise<void> {
    this.#meterIds = meterIds;
    this.#tasks = [];
    const unknown = meterIds.filter((id) => !this.#rolledUntil.has(id));
    if (unknown.length > 0) {
      const newest = await this.#rows<{ meter_id: number; bucket: number | null }>(
        this.#statements.newestCoverage,
        unknown,
      );
      const [oldest] = await this.#rows<{ slot: number | null }>(this.#statements.oldestSlot, unknown);
      const beginning = oldest?.slot === null || oldest === undefined ? null : quarterOf(Number(oldest.slot));
      for (const { meter_id, bucket } of newest) {
        const until = bucket === null ? beginning : Number(bucket);
        if (until !== null && until < 9e15) this.#rolledUntil.set(Number(meter_id), until);
      }
    }
    const topics = await this.#db.topic.count({ where: { meterId: { in: [...meterIds] }, retired: null } });
    this.#roundMs = roundMsFor(this.#statements.dialect, topics);
  }

  /** The quarters of these spans that have been rolled up already: [meter id, bucket] each. */
  lateQuarters(spans: readonly Span[]): (readonly [number, number])[] {
    const late = new Map<string, readonly [number, number]>();
    const own = new Set(this.#meterIds);
    for (const { meterId, from, until } of spans) {
      // Meters of other collectors, or of none yet: an import. Whoever keeps them up rolls up these quarters.
      const rolledUntil = own.has(meterId)
        ? (this.#rolledUntil.get(meterId) ?? quarterOf(from))
        : Number.POSITIVE_INFINITY;
      if (own.has(meterId) && !this.#rolledUntil.has(meterId)) this.#rolledUntil.set(meterId, quarterOf(from));
      for (let bucket = quarterOf(from); bucket < Math.min(until, rolledUntil); bucket += QUARTER_MS)
        late.set(`${meterId} ${bucket}`, [meterId, bucket]);
    }
    return [...late.values()];
  }

  /** One small step; true: there is more to do. */
  async step(now: number): Promise<boolean> {
    if (this.#tasks.length === 0) {
      if (now < this.#nextRound) return false;
      this.#nextRound = now + this.#roundMs;
      this.#tasks = this.#planRound(now);
    }
    const [task] = this.#tasks;
    if (task && !(await task())) this.#tasks.shift();
    return this.#tasks.length > 0;
  }

  /**
   * The quarters that are marked, of all meters, oldest first, and the calendar back to the oldest poll: what an import leaves
   * to be done. True: there is more to do.
   */
  async catchUp(): Promise<boolean> {
    if (await this.#rollUpDirty({})) return true;
    const meters = await this.#db.meter.findMany({ select: { id: true } });
    await this.#coverCalendar(
      meters.map(({ id }) => id),
      Date.now(),
    );
    return false;
  }

  /** Each task does one step per call and resolves to true while it has more to do. */
  #planRound(now: number): (() => Promise<boolean>)[] {
    const tasks: (() => Promise<boolean>)[] = [];
    tasks.push(
      () => this.#keepCalendar(now),
      () => this.#rollUpOver(now),
      () => this.#rollUpDirty({ meterId: { in: [...this.#meterIds] } }),
      this.#openQuarter(now),
    );
    const today = Math.floor(now / DAY_MS);
    if (today !== this.#prunedDay) {
      this.#prunedDay = today;
      const { retention } = this.#options;
      tasks.push(pruning(this.#db, this.#statements, { retention, meterIds: this.#meterIds, now }));
    }
    return tasks;
  }

  async #keepCalendar(now: number): Promise<boolean> {
    if (now >= this.#calendarUntil) this.#calendarUntil = await this.#coverCalendar(this.#meterIds, now);
    return false;
  }

  async #coverCalendar(meterIds: readonly number[], now: number): Promise<number> {
    const [first] = await this.#rows<{ slot: number | null }>(this.#statements.oldestSlot, meterIds);
    const oldest = first?.slot == null || Number(first.slot) > 8e15 ? now : Number(first.slot);
    return keepCalendar(this.#db, { timezone: this.#options.timezone, oldest, now });
  }

  /** Rolls up the oldest quarter that is over and not rolled up yet, of some meters. */
  async #rollUpOver(now: number): Promise<boolean> {
    const over = quarterOf(now - GRACE_MS);
    let bucket = over;
    for (const id of this.#meterIds) bucket = Math.min(bucket, this.#rolledUntil.get(id) ?? over);
    if (bucket >= over) return false;
    const due = this.#meterIds.filter((id) => this.#rolledUntil.get(id) === bucket).slice(0, this.#meters);
    // From now on what is written to the quarter makes it dirty, so that nothing is overlooked.
    for (const id of due) this.#rolledUntil.set(id, bucket + QUARTER_MS);
    try {
      await this.#rollUp(due, bucket, []);
    } catch (error) {
      for (const id of due) this.#rolledUntil.set(id, bucket);
      throw error;
    }
    return true;
  }

  async #rollUpDirty(meters: { readonly meterId?: { readonly in: number[] } }): Promise<boolean> {
    const [first] = await this.#db.dirty.findMany({
      where: { ...meters },
      orderBy: [{ bucket: 'asc' }],
      take: 1,
    });
    if (!first) return false;
    const bucket = first.bucket.getTime();
    const same = await this.#db.dirty.findMany({
      where: { ...meters, bucket: first.bucket },
      take: this.#meters,
    });
    await this.#rollUp(
      same.map(({ meterId }) => meterId),
      bucket,
      same.map(({ meterId }) => meterId),
    );
    return true;
  }

  /** The quarter that is not over yet, as far as it is there. */
  #openQuarter(now: number): () => Promise<boolean> {
    let left = this.#meterIds;
    return async () => {
      const over = quarterOf(now - GRACE_MS);
      const due = left.slice(0, this.#meters);
      left = left.slice(due.length);
      if (due.length > 0) await this.#rollUp(due, over, []);
      return left.length > 0;
    };
  }

  /** `dirty`: of which of the meters the quarter is marked; the marks go in the same transaction. */
  async #rollUp(meterIds: readonly number[], bucket: number, dirty: readonly number[]): Promise<void> {
    const statements = this.#statements;
    const until = bucket + QUARTER_MS;
    // A mark that goes first is set again by a poll that is written from then on.
    if (dirty.length > 0)
      await this.#db.dirty.deleteMany({ where: { meterId: { in: [...dirty] }, bucket: new Date(bucket) } });
    try {
      const polls = groupBy(await this.#rows<PollColumns>(statements.polls, meterIds, bucket, until), meterIdOf);
      const gaps = groupBy(await this.#rows<GapColumns>(statements.gaps, meterIds, bucket, until), meterIdOf);
      const topics = groupBy(
        await this.#db.topic.findMany({ where: { meterId: { in: [...meterIds] } } }),
        ({ meterId }) => meterId,
      );
      const meters = new Map(
        (await this.#db.meter.findMany({ where: { id: { in: [...meterIds] } } })).map((meter) => [meter.id, meter]),
      );
      const accepted = acceptedByTopic(await this.#rows<AcceptedColumns>(statements.accepted, meterIds, bucket));
      const exchanged = groupBy(
        await this.#db.event.findMany({
          where: {
            meterId: { in: [...meterIds] },
            what: 'exchanged',
            before: { not: null },
            ts: { lte: new Date(until) },
          },
        }),
        ({ meterId }) => meterId,
      );
      const rollups: unknown[] = [];
      const coverage: unknown[] = [];
      let count = 0;
      for (const id of meterIds) {
        const own = (polls.get(id) ?? []).map(storedPoll);
        count += own.length;
        const all = topics.get(id) ?? [];
        const quarter = rollUp({
          bucket,
          topics: all.map((topic) => quarterTopic(topic, meters.get(id)?.maxPower ?? null)),
          polls: own,
          gaps: (gaps.get(id) ?? []).map(storedGap),
          accepted,
          cuts: (exchanged.get(id) ?? []).map(({ ts }) => ts.getTime()),
          metrics: all.filter(({ retired }) => retired === null).length,
        });
        for (const r of quarter.rollups) {
          const { topicId, min, max, mean, first, last, firstTs, lastTs, increase, quality } = r;
          rollups.push([
            id,
            topicId,
            bucket,
            r.count,
            min,
            max,
            mean,
            first,
            last,
            firstTs,
            lastTs,
            increase,
            quality,
            r.accepted?.value ?? null,
            r.accepted?.ts ?? null,
          ]);
        }
        for (const { reason, slots, readings } of quarter.coverage)
          coverage.push([id, bucket, reason, slots, readings]);
      }
      const ids = JSON.stringify(meterIds);
      const write: Statement[] = [
        [statements.deleteRollups, ids, bucket],
        [statements.deleteCoverage, ids, bucket],
      ];
      if (rollups.length > 0) write.push([statements.upsertRollups, JSON.stringify(rollups)]);
      if (coverage.length > 0) write.push([statements.upsertCoverage, JSON.stringify(coverage)]);
      const next = dirty.length === 0 ? [] : await this.#quartersAfter(dirty, bucket, rollups as RollupRow[]);
      if (next.length > 0) write.push([statements.insertDirty, JSON.stringify(next)]);
      await runAll(this.#db, write);
      this.#meters = stepSize(this.#meters, meterIds.length, count);
    } catch (error) {
      if (dirty.length > 0) {
        const again = JSON.stringify(dirty.map((id) => [id, bucket]));
        await this.#db.$executeRawUnsafe(statements.insertDirty, again);
      }
      throw error;
    }
  }

  /**
   * The next rolled up quarters of counters that end this one at another accepted reading than before: their increase starts
   * from it. [meter id, bucket] each.
   */
  async #quartersAfter(
    meterIds: readonly number[],
    bucket: number,
    rollups: readonly RollupRow[],
  ): Promise<(readonly [number, number])[]> {
    const before = acceptedByTopic(await this.#rows<AcceptedColumns>(this.#statements.accepted, meterIds, bucket + 1));
    const next = new Map<string, readonly [number, number]>();
    for (const [meterId, topicId, , , , , , , , , , , , value, ts] of rollups) {
      const old = before.get(topicId)?.at(-1);
      if (value === null || (old?.value === value && old.ts === ts)) continue;
      const where = { meterId, topicId, bucket: { gt: new Date(bucket) } };
      const after = (await this.#db.rollup.findFirst({ where, orderBy: { bucket: 'asc' } }))?.bucket.getTime();
      if (after !== undefined && after < (this.#rolledUntil.get(meterId) ?? Number.POSITIVE_INFINITY))
        next.set(`${meterId} ${after}`, [meterId, after]);
    }
    return [...next.values()];
  }

  #rows<Row>(sql: string, ids: readonly number[], ...parameters: readonly number[]): Promise<Row[]> {
    return this.#db.$queryRawUnsafe<Row[]>(sql, JSON.stringify(ids), ...parameters);
  }
}

/**
 * Between two rounds. On SQLite each topic's rollup lies on another page, and every round writes that page to the device:
 * 4 KB twice. Longer rounds keep that below a third of what the readings themselves take (measured in test/bench).
 */
function roundMsFor(dialect: Statements['dialect'], topics: number): number {
  if (dialect !== 'sqlite') return 60_000;
  return Math.min(3_600_000, Math.max(300_000, topics * 1_500));
}

/** As many meters per step as read about POLLS_PER_STEP polls. */
function stepSize(now: number, meters: number, polls: number): number {
  if (polls === 0) return now;
  const perMeter = polls / meters;
  return Math.max(1, Math.min(MAX_METERS_PER_STEP, Math.round(POLLS_PER_STEP / perMeter)));
}

type RollupRow = readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number | null,
  string | null,
  number | null,
  number | null,
];
