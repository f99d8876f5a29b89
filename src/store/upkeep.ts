// Upkeep of the database in small steps: the calendar, rollups and coverage of quarters that are over, of quarters that late
// polls made dirty, and of the open quarter; and the deletion of what is older than it is to be kept. A collector does this
// for the meters that it was configured with.

import type { CounterReading } from './counters.js';
import type { Db, Statement } from './db.js';
import { runAll } from './db.js';
import { keepCalendar } from './keep-calendar.js';
import { QUARTER_MS, type QuarterTopic, quarterOf, rollUp, type StoredGap, type StoredPoll } from './quarters.js';
import { pruning, type Retention } from './retention.js';
import type { PollColumns, Statements } from './statements.js';

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

  /** Each task does one step per call and resolves to true while it has more to do. */
  #planRound(now: number): (() => Promise<boolean>)[] {
    const tasks: (() => Promise<boolean>)[] = [];
    tasks.push(
      () => this.#keepCalendar(now),
      () => this.#rollUpOver(now),
      () => this.#rollUpDirty(),
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
    if (now < this.#calendarUntil) return false;
    const [first] = await this.#rows<{ slot: number | null }>(this.#statements.oldestSlot, this.#meterIds);
    const oldest = first?.slot == null || Number(first.slot) > 8e15 ? now : Number(first.slot);
    this.#calendarUntil = await keepCalendar(this.#db, { timezone: this.#options.timezone, oldest, now });
    return false;
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

  async #rollUpDirty(): Promise<boolean> {
    const [first] = await this.#db.dirty.findMany({
      where: { meterId: { in: [...this.#meterIds] } },
      orderBy: [{ bucket: 'asc' }],
      take: 1,
    });
    if (!first) return false;
    const bucket = first.bucket.getTime();
    const same = await this.#db.dirty.findMany({
      where: { meterId: { in: [...this.#meterIds] }, bucket: first.bucket },
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
      // A quarter whose last accepted reading changed passes it on to the next one.
      const next = dirty.filter((id) => until < (this.#rolledUntil.get(id) ?? 0) && until <= quarterOf(Date.now()));
      const changed = next.length === 0 ? [] : await this.#changedEnds(next, bucket, rollups as RollupRow[]);
      if (changed.length > 0) write.push([statements.insertDirty, JSON.stringify(changed.map((id) => [id, until]))]);
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

  /** Of these meters those whose counters end the quarter at another accepted reading than the rollup has so far. */
  async #changedEnds(meterIds: readonly number[], bucket: number, rollups: readonly RollupRow[]): Promise<number[]> {
    const before = acceptedByTopic(await this.#rows<AcceptedColumns>(this.#statements.accepted, meterIds, bucket + 1));
    const changed = new Set<number>();
    for (const [id, topicId, , , , , , , , , , , , value, ts] of rollups) {
      const old = before.get(topicId)?.at(-1);
      if (value !== null && (old?.value !== value || old.ts !== ts)) changed.add(id);
    }
    return meterIds.filter((id) => changed.has(id));
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

interface GapColumns {
  readonly meter_id: number | bigint;
  readonly ts: number | bigint;
  readonly until: number | bigint;
  readonly reason: string;
  readonly slots: number | bigint;
}

interface AcceptedColumns {
  readonly topic_id: number | bigint;
  readonly ts: number | bigint;
  readonly value: number;
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

type TopicRow = Awaited<ReturnType<Db['topic']['findMany']>>[number];

function groupBy<Row>(rows: readonly Row[], keyOf: (row: Row) => number): Map<number, Row[]> {
  const groups = new Map<number, Row[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group) group.push(row);
    else groups.set(keyOf(row), [row]);
  }
  return groups;
}

const meterIdOf = ({ meter_id }: { readonly meter_id: number | bigint }): number => Number(meter_id);

/** Oldest first; quarters without a new accepted reading repeat the one before. */
function acceptedByTopic(rows: readonly AcceptedColumns[]): Map<number, CounterReading[]> {
  const byTopic = new Map<number, CounterReading[]>();
  for (const [id, own] of groupBy(rows, ({ topic_id }) => Number(topic_id))) {
    const readings = own.map(({ ts, value }) => ({ ts: Number(ts), value })).sort((a, b) => a.ts - b.ts);
    byTopic.set(
      id,
      readings.filter(({ ts }, i) => ts !== readings[i - 1]?.ts),
    );
  }
  return byTopic;
}

const storedPoll = (row: PollColumns): StoredPoll => ({
  slot: Number(row.slot),
  expected: Number(row.expected),
  stored: Number(row.stored),
  readings: row.readings === null ? [] : JSON.parse(row.readings),
  missing: row.missing === null ? {} : JSON.parse(row.missing),
});

const storedGap = ({ ts, until, reason, slots }: GapColumns): StoredGap => ({
  ts: Number(ts),
  until: Number(until),
  reason,
  slots: Number(slots),
});

function quarterTopic(topic: TopicRow, maxPowerW: number | null): QuarterTopic {
  return {
    id: topic.id,
    position: topic.position,
    kind: topic.kind,
    counterRange: topic.counterRange,
    maxPerHour: topic.kind === 'counter' ? (topic.maximum ?? maxPerHourOf(topic.unit, maxPowerW)) : null,
  };
}

/** What a meter of this power can count in an hour, in a counter's unit; null: the unit is none of energy. */
function maxPerHourOf(unit: string, maxPowerW: number | null): number | null {
  const [, prefix = null] = /^(k|M|G)?(?:Wh|varh|VAh)$/.exec(unit) ?? [null, null];
  if (maxPowerW === null || !/^(k|M|G)?(?:Wh|varh|VAh)$/.test(unit)) return null;
  return maxPowerW / { '': 1, k: 1e3, M: 1e6, G: 1e9 }[(prefix ?? '') as '' | 'k' | 'M' | 'G'];
}
