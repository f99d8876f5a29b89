// The store on one of Prisma's clients: the same for all databases. What differs lies in Statements.

import type { MeterInfo } from '../model/meter.js';
import type { Db, Statement } from './db.js';
import { runAll } from './db.js';
import { toStoreFailure } from './failure.js';
import { Meters } from './meters.js';
import { columnsOfPoll, mergedPoll, type PollColumns, type PositionedPoll, positionedPoll } from './poll-columns.js';
import type { PollRow, Rows } from './rows.js';
import type { Statements } from './statements.js';
import type { LeaseRequest, MeterChange, MeterIdentity, VirtualMembers } from './store.js';
import { Upkeep, type UpkeepOptions } from './upkeep.js';

/** A poll as the database has it. */
export interface PollData {
  /** Key of the meter, as it was announced. */
  readonly meter: number;
  readonly slot: number;
  readonly readAt: number;
  readonly durationMs: number;
  readonly requests: number;
  readonly byHand: boolean;
  /** By index of the meter's metrics; NaN: no value. */
  readonly values: Float64Array;
  readonly missing: readonly (readonly [index: number, reason: string])[];
  readonly error: string | null;
}

/** What a store does behind `Store`, with plain data in and out: in this thread, or at the other end of a worker's. */
export interface Backend {
  write(rows: Rows): Promise<void>;
  setMeters(
    meters: readonly (readonly [key: number, meter: MeterInfo])[],
    now: number,
  ): Promise<readonly MeterChange[]>;
  setVirtualMeters(virtual: readonly VirtualMembers[]): Promise<void>;
  newestSlots(meters: readonly string[]): Promise<readonly (readonly [name: string, slot: number])[]>;
  newestPolls(meters: readonly (readonly [key: number, meter: MeterInfo])[]): Promise<readonly PollData[]>;
  identities(meters: readonly string[]): Promise<readonly (readonly [name: string, identity: MeterIdentity])[]>;
  check(): Promise<void>;
  maintain(now: number): Promise<boolean>;
  catchUp(): Promise<boolean>;
  setting(name: string): Promise<string | null>;
  keepSetting(name: string, value: string | null): Promise<void>;
  lease?(request: LeaseRequest): Promise<string | null>;
  close(): Promise<void>;
}

export interface PrismaStoreOptions extends UpkeepOptions {
  readonly db: Db;
  readonly statements: Statements;
  /** Name of this collector: it retires and keeps up only the meters that it was configured with. */
  readonly collector: string;
  /** `host:port/database`, or the file: for error messages. */
  readonly where: string;
}

export class PrismaStore implements Backend {
  readonly #db: Db;
  readonly #statements: Statements;
  readonly #where: string;
  readonly #meters: Meters;
  readonly #upkeep: Upkeep;
  /** Meters that were announced and have no rows yet: entering them may have failed. */
  readonly #announced = new Map<number, MeterInfo>();
  readonly lease?: (request: LeaseRequest) => Promise<string | null>;

  constructor(options: PrismaStoreOptions) {
    const { db, statements, collector } = options;
    this.#db = db;
    this.#statements = statements;
    this.#where = options.where;
    this.#meters = new Meters(db, collector);
    this.#upkeep = new Upkeep(db, statements, options);
    const { takeLease } = statements;
    if (takeLease !== null) this.lease = (request) => this.#translated(() => this.#lease(takeLease, request));
  }

  write(rows: Rows): Promise<void> {
    return this.#translated(async () => {
      for (const [key, meter] of rows.newMeters) if (!this.#meters.knows(key)) this.#announced.set(key, meter);
      await this.#enterMetersOf(rows);
      const { merge } = rows;
      await runAll(this.#db, merge === undefined ? this.#insert(rows) : await this.#insertMerged(rows, merge));
      await this.#keepSerialNumbers(rows);
    });
  }

  setMeters(meters: readonly (readonly [number, MeterInfo])[], now: number): Promise<readonly MeterChange[]> {
    return this.#translated(async () => {
      const changes = await this.#meters.configure(meters, now);
      const keys = new Map(meters.map(([key, { name }]) => [name, key]));
      // Events of one meter and kind are told apart by their time.
      const events = changes.flatMap(({ event }, i) => {
        const key = keys.get(event.meter.name);
        return key === undefined ? [] : [{ ...event, meter: key, ts: event.ts + i }];
      });
      await runAll(this.#db, this.#insert({ polls: [], gaps: [], events }));
      await this.#upkeep.setMeters(meters.map(([key]) => this.#meters.idsOf(key).meterId));
      return changes;
    });
  }

  setVirtualMeters(virtual: readonly VirtualMembers[]): Promise<void> {
    return this.#translated(async () => {
      const data = virtual.flatMap(({ name, plus, minus }) => [
        ...plus.map((meter) => ({ name, meter, sign: 1 })),
        ...minus.map((meter) => ({ name, meter, sign: -1 })),
      ]);
      const names = virtual.map(({ name }) => name);
      if (names.length === 0) return;
      await this.#db.$transaction([
        this.#db.member.deleteMany({ where: { name: { in: names } } }),
        this.#db.member.createMany({ data }),
      ]);
    });
  }

  newestSlots(names: readonly string[]): Promise<readonly (readonly [string, number])[]> {
    return this.#translated(async () => {
      const meters = await this.#db.meter.findMany({
        where: { name: { in: [...names] } },
        select: { id: true, name: true },
      });
      const nameOf = new Map(meters.map(({ id, name }) => [id, name]));
      const rows = await this.#rows<{ meter_id: number; slot: number | bigint }>(this.#statements.newestSlots, [
        ...nameOf.keys(),
      ]);
      return rows
        .map(({ meter_id, slot }) => [nameOf.get(Number(meter_id)) ?? '', Number(slot)] as const)
        .filter(([, slot]) => slot >= 0);
    });
  }

  newestPolls(meters: readonly (readonly [number, MeterInfo])[]): Promise<readonly PollData[]> {
    return this.#translated(async () => {
      await this.#meters.enter(
        meters.filter(([key]) => !this.#meters.knows(key)),
        Date.now(),
      );
      const keyOf = new Map(meters.map(([key]) => [this.#meters.idsOf(key).meterId, key]));
      const rows = await this.#rows<PollColumns>(this.#statements.newestPolls, [...keyOf.keys()]);
      return rows.flatMap((row) => {
        const key = keyOf.get(Number(row.meter_id));
        return key === undefined ? [] : [pollFrom(row, key, this.#meters.idsOf(key).positions)];
      });
    });
  }

  identities(names: readonly string[]): Promise<readonly (readonly [string, MeterIdentity])[]> {
    return this.#translated(async () => {
      const meters = await this.#db.meter.findMany({
        where: { name: { in: [...names] } },
        select: { id: true, name: true },
      });
      const events = await this.#db.event.findMany({
        where: { meterId: { in: meters.map(({ id }) => id) }, what: { in: ['exchanged', 'firmware'] } },
        orderBy: { ts: 'asc' },
      });
      return meters.flatMap(({ id, name }) => {
        const newest = (what: string) =>
          events.findLast((event) => event.meterId === id && event.what === what)?.after ?? null;
        const [serialNumber, firmware] = [newest('exchanged'), newest('firmware')];
        return serialNumber === null && firmware === null
          ? []
          : [[name, { serialNumber, model: null, firmware }] as const];
      });
    });
  }

  check(): Promise<void> {
    return this.#translated(async () => {
      await this.#db.$queryRawUnsafe('SELECT 1');
    });
  }

  maintain(now: number): Promise<boolean> {
    return this.#translated(() => this.#upkeep.step(now));
  }

  catchUp(): Promise<boolean> {
    return this.#translated(() => this.#upkeep.catchUp());
  }

  setting(name: string): Promise<string | null> {
    return this.#translated(async () => (await this.#db.setting.findUnique({ where: { name } }))?.value ?? null);
  }

  keepSetting(name: string, value: string | null): Promise<void> {
    return this.#translated(async () => {
      if (value === null) await this.#db.setting.deleteMany({ where: { name } });
      else {
        const setting = { name, value };
        await this.#db.setting.upsert({ where: { name }, create: setting, update: setting });
      }
    });
  }

  async close(): Promise<void> {
    await this.#db.$disconnect();
  }

  /** Only meters of this batch: one that the database refuses must not keep others from being written. */
  async #enterMetersOf(rows: Rows): Promise<void> {
    if (this.#announced.size === 0) return;
    const used = new Set([...rows.polls, ...rows.gaps, ...rows.events].map(({ meter }) => meter));
    const unknown = [...this.#announced].filter(([key]) => used.has(key));
    if (unknown.length === 0) return;
    await this.#meters.enter(unknown, oldestTime(rows));
    for (const [key] of unknown) this.#announced.delete(key);
  }

  #insert({ polls, gaps, events }: Omit<Rows, 'newMeters'>): Statement[] {
    const { insertPolls, insertGaps, insertEvents, insertDirty } = this.#statements;
    const idOf = (key: number) => this.#meters.idsOf(key).meterId;
    const statements: Statement[] = [];
    const add = (sql: string, rows: readonly unknown[]) => {
      if (rows.length > 0) statements.push([sql, JSON.stringify(rows)]);
    };
    add(
      insertPolls,
      polls.map((poll) => columnsOfPoll(this.#positioned(poll), this.#statements)),
    );
    add(
      insertGaps,
      gaps.map(({ meter, from, until, reason, slots }) => [idOf(meter), from, until, reason, slots]),
    );
    add(
      insertEvents,
      events.map(({ meter, ts, what, before, after }) => [idOf(meter), ts, what, before, after]),
    );
    const spans = [
      ...polls.map(({ meter, slot }) => ({ meterId: idOf(meter), from: slot, until: slot + 1 })),
      ...gaps.map(({ meter, from, until }) => ({ meterId: idOf(meter), from, until })),
    ];
    add(insertDirty, this.#upkeep.lateQuarters(spans));
    return statements;
  }

  /** As `#insert`, with the values of polls that are there already. */
  async #insertMerged(rows: Rows, merge: 'keep' | 'replace'): Promise<Statement[]> {
    const { polls: select, deletePolls, insertPolls } = this.#statements;
    const polls = rows.polls.map((poll) => this.#positioned(poll));
    if (polls.length === 0) return this.#insert(rows);
    const ids = [...new Set(polls.map(({ meterId }) => meterId))];
    const [from, until] = polls.reduce(
      ([first, last], { slot }) => [Math.min(first, slot), Math.max(last, slot + 1)],
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    );
    const stored = await this.#db.$queryRawUnsafe<PollColumns[]>(select, JSON.stringify(ids), from, until);
    const keyOf = ({ meterId, slot }: { meterId: number; slot: number }) => `${meterId} ${slot}`;
    const before = new Map(stored.map(positionedPoll).map((poll) => [keyOf(poll), poll]));
    const byKey = new Map<string, PositionedPoll>();
    for (const poll of polls) {
      const key = keyOf(poll);
      const old = byKey.get(key) ?? before.get(key);
      const merged = old === undefined ? poll : mergedPoll(old, poll, merge);
      if (merged !== null) byKey.set(key, merged);
    }
    const changed = [...byKey.values()];
    const replaced = changed.filter((poll) => before.has(keyOf(poll)));
    const statements = this.#insert({ ...rows, polls: [] });
    if (replaced.length > 0)
      statements.push([deletePolls, JSON.stringify(replaced.map(({ meterId, slot }) => [meterId, slot]))]);
    if (changed.length > 0) {
      statements.push([insertPolls, JSON.stringify(changed.map((poll) => columnsOfPoll(poll, this.#statements)))]);
      const spans = changed.map(({ meterId, slot }) => ({ meterId, from: slot, until: slot + 1 }));
      const dirty = this.#upkeep.lateQuarters(spans);
      if (dirty.length > 0) statements.push([this.#statements.insertDirty, JSON.stringify(dirty)]);
    }
    return statements;
  }

  async #keepSerialNumbers({ events }: Pick<Rows, 'events'>): Promise<void> {
    for (const { meter, what, after } of events) {
      if (what !== 'exchanged') continue;
      await this.#db.meter.update({ where: { id: this.#meters.idsOf(meter).meterId }, data: { serialNumber: after } });
    }
  }

  #positioned(poll: PollRow): PositionedPoll {
    const { meterId, positions, width } = this.#meters.idsOf(poll.meter);
    const readings = new Array<number | null>(width).fill(null);
    for (const [index, position] of positions.entries()) {
      const value = poll.values[index] ?? Number.NaN;
      if (!Number.isNaN(value)) readings[position] = value;
    }
    const missing: Record<string, number[]> = {};
    for (const [index, reason] of poll.missing) {
      missing[reason] ??= [];
      missing[reason].push(positions[index] ?? -1);
    }
    const { slot, readAt, durationMs, requests, byHand, error } = poll;
    return { meterId, slot, readAt, durationMs, requests, byHand, readings, missing, error };
  }

  async #lease(takeLease: string, { name, holder, ttlMs }: LeaseRequest): Promise<string | null> {
    const [first, second] = this.#statements.dialect === 'postgresql' ? ['$1', '$2'] : ['?', '?'];
    if (ttlMs === 0) {
      await this.#db.$executeRawUnsafe(`DELETE FROM lease WHERE name = ${first} AND holder = ${second}`, name, holder);
    } else await this.#db.$executeRawUnsafe(takeLease, name, holder, ttlMs);
    const rows = await this.#db.$queryRawUnsafe<{ holder: string }[]>(
      `SELECT holder FROM lease WHERE name = ${first}`,
      name,
    );
    return rows[0]?.holder ?? null;
  }

  #rows<Row>(sql: string, ids: readonly number[]): Promise<Row[]> {
    return this.#db.$queryRawUnsafe<Row[]>(sql, JSON.stringify(ids));
  }

  /** Rejects with StoreFailures only. */
  async #translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toStoreFailure(error, this.#statements.dialect, this.#where);
    }
  }
}

function pollFrom(row: PollColumns, meter: number, positions: readonly number[]): PollData {
  const { readings, missing, slot, readAt, durationMs, requests, byHand, error } = positionedPoll(row);
  const reasonAt = new Map(
    Object.entries(missing).flatMap(([reason, at]) => at.map((position) => [position, reason] as const)),
  );
  const values = Float64Array.from(positions, (position) => readings[position] ?? Number.NaN);
  const without = [...values].flatMap((value, index) =>
    Number.isNaN(value) ? [[index, reasonAt.get(positions[index] ?? -1) ?? 'not available'] as const] : [],
  );
  return { meter, slot, readAt, durationMs, requests, byHand, values, missing: without, error };
}

/** When the topics of meters that are new are said to begin: with what is written first. */
function oldestTime({ polls, gaps }: Rows): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (const { slot } of polls) oldest = Math.min(oldest, slot);
  for (const { from } of gaps) oldest = Math.min(oldest, from);
  return Number.isFinite(oldest) ? oldest : Date.now();
}
