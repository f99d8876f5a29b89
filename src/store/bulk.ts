// Readings by the thousand, without meters and cycles: what import and data generation need of a database. In this thread,
// also for SQLite: a command has nothing else to do.

import { EmdcError } from '../model/errors.js';
import type { MeterInfo } from '../model/meter.js';
import { type PrismaBackend, translated, writeRows } from './backend.js';
import { bulkSql } from './bulk-sql.js';
import { type Db, runAll } from './db.js';
import { metersNamed, topicsOf } from './lookup.js';
import { type StoreOptions, sqlitePath } from './open.js';
import { columnsOf, topicColumns } from './registry.js';
import { BUCKET_MS, Buckets } from './rows.js';
import type { Polls, Readings, Sql } from './sql.js';
import type { Dialect } from './store.js';
import { insertTally, type TallyRow } from './tally.js';
import { keepForever } from './upkeep.js';

export interface TopicIds {
  readonly topicId: number;
  readonly meterId: number;
}

export interface PollRow {
  readonly meterId: number;
  readonly slot: number;
  readonly readAt: number;
  readonly durationMs: number;
  readonly requests: number;
  readonly expected: number;
  readonly stored: number;
  readonly error: string | null;
}

export interface GapSpan {
  readonly meterId: number;
  readonly ts: number;
  readonly until: number;
  readonly reason: string;
  readonly slots: number;
  readonly readings: number;
}

/** A topic's quarter of an hour, as the table has it; times in ms. */
export interface RollupRow {
  readonly topicId: number;
  readonly bucket: number;
  readonly firstTs: number;
  readonly lastTs: number;
  /** min, max, mean, first, last, increase */
  readonly figures: readonly number[];
  /** count, wraps, resets, suspect */
  readonly counts: readonly number[];
}

export interface Row extends TopicIds {
  /** ms UTC. */
  readonly time: number;
  readonly value: number;
}

/** Everything that it writes may be written again without harm; what is there already stays as it is. */
export interface Bulk {
  readonly dialect: Dialect;
  /** Enters meters and topics that are new. Resolves to the ids by topic. */
  enter(meters: readonly MeterInfo[]): Promise<ReadonlyMap<string, TopicIds>>;
  write(rows: readonly Row[]): Promise<void>;
  writePolls(polls: readonly PollRow[], gaps: readonly GapSpan[]): Promise<void>;
  writeRollups(rollups: readonly RollupRow[]): Promise<void>;
  /** Of quarters whose polls and gaps are not written, since they are no more. */
  writeTally(rows: readonly TallyRow[]): Promise<void>;
  /** Deletes a topic's readings from `from` to `until`, both included. Resolves to how many. */
  remove(topic: TopicIds, from: number, until: number): Promise<number>;
  /** A number kept under a name; null: none. */
  note(name: string): Promise<number | null>;
  setNote(name: string, value: number): Promise<void>;
  /** One small step of upkeep; true: there is more to do. */
  maintain(now: number): Promise<boolean>;
  close(): Promise<void>;
}

/** Migrates, too. Rejects with an EmdcError. */
export async function openBulk({ url, log, meters = 1 }: Omit<StoreOptions, 'retention'>): Promise<Bulk> {
  const scheme = /^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase();
  const options = { url, retention: keepForever, log, meters };
  switch (scheme) {
    case 'file':
    case 'sqlite':
      return new PrismaBulk(await (await import('./sqlite/open.js')).openSqlite({ ...options, path: sqlitePath(url) }));
    case 'postgres':
    case 'postgresql':
      return new PrismaBulk(await (await import('./postgresql/open.js')).openPostgresql(options));
    case 'mysql':
    case 'mariadb':
      return new PrismaBulk(await (await import('./mysql/open.js')).openMysql(options));
    default:
      throw new EmdcError({ code: 'database-url', message: 'the URL is none of file:…, postgresql://…, mysql://…' });
  }
}

/** Names per query. */
const CHUNK = 500;

class PrismaBulk implements Bulk {
  readonly #backend: PrismaBackend;
  readonly #db: Db;
  readonly #sql: Sql;

  constructor(backend: PrismaBackend) {
    this.#backend = backend;
    this.#db = backend.db;
    this.#sql = backend.sql;
  }

  get dialect(): Dialect {
    return this.#sql.dialect;
  }

  enter(meters: readonly MeterInfo[]): Promise<ReadonlyMap<string, TopicIds>> {
    return this.#run(async () => {
      const ids = new Map<string, TopicIds>();
      for (let start = 0; start < meters.length; start += CHUNK) {
        await this.#enter(meters.slice(start, start + CHUNK), ids);
      }
      return ids;
    });
  }

  write(rows: readonly Row[]): Promise<void> {
    return this.#run(async () => {
      if (rows.length === 0) return;
      const sorted = [...rows].sort((a, b) => a.time - b.time || a.topicId - b.topicId);
      const readings: Readings = {
        topicIds: Int32Array.from(sorted, (row) => row.topicId),
        slots: Float64Array.from(sorted, (row) => row.time),
        values: Float64Array.from(sorted, (row) => row.value),
      };
      const buckets = new Buckets();
      for (const { meterId, time } of sorted) buckets.add(meterId, time, true);
      const polls = pollColumns([]);
      await writeRows(this.#db, this.#sql, { polls, gaps: null, buckets: () => buckets.json(), readings });
    });
  }

  writePolls(polls: readonly PollRow[], gaps: readonly GapSpan[]): Promise<void> {
    const gapsJson = gaps.map((g) => {
      return { m: g.meterId, s: g.ts, u: g.until, w: g.reason, n: g.slots, c: g.readings, r: null };
    });
    const readings = { topicIds: new Int32Array(), slots: new Float64Array(), values: new Float64Array() };
    const buckets = new Buckets();
    for (const { meterId, slot } of polls) buckets.add(meterId, slot, false);
    for (const { meterId, ts } of gaps) buckets.add(meterId, ts, false);
    const rows = {
      polls: pollColumns(polls),
      gaps: JSON.stringify(gapsJson),
      buckets: () => buckets.json(),
      readings,
    };
    return this.#run(() => writeRows(this.#db, this.#sql, rows));
  }

  writeRollups(rollups: readonly RollupRow[]): Promise<void> {
    const { time, ignoring } = bulkSql(this.dialect);
    // With an exponent, so that every database reads a double and not a decimal.
    const rows = rollups.map(({ topicId, bucket, firstTs, lastTs, figures, counts }) => {
      const doubles = figures.map((figure) => figure.toExponential()).join(',');
      return `(${topicId},${time(bucket)},${time(firstTs)},${time(lastTs)},${doubles},${counts.join(',')})`;
    });
    const columns =
      'topic_id, bucket, first_ts, last_ts, min, max, mean, first, last, increase, count, wraps, resets, suspect';
    return this.#run(async () => {
      for (let start = 0; start < rows.length; start += CHUNK) {
        const values = rows.slice(start, start + CHUNK).join(',');
        await this.#db.$executeRawUnsafe(
          `INSERT INTO rollup (${columns}) VALUES ${values} ${ignoring('topic_id', 'rollup.topic_id')}`,
        );
      }
    });
  }

  writeTally(rows: readonly TallyRow[]): Promise<void> {
    return this.#run(async () => {
      if (rows.length > 0) await runAll(this.#db, insertTally(this.dialect, rows));
    });
  }

  remove({ topicId, meterId }: TopicIds, from: number, until: number): Promise<number> {
    const { time, tables, marking } = bulkSql(this.dialect);
    return this.#run(async () => {
      let removed = 0;
      // A week at a time: no statement holds up a collector for long.
      for (let start = from; start <= until; start += WEEK_MS) {
        const end = Math.min(until, start + WEEK_MS - 1);
        for (const table of tables) {
          const where = `topic_id = ${topicId} AND ts >= ${time(start)} AND ts <= ${time(end)}`;
          removed += await this.#db.$executeRawUnsafe(`DELETE FROM ${table} WHERE ${where}`);
        }
        const where = `topic_id = ${topicId} AND bucket >= ${time(bucketOf(start))} AND bucket <= ${time(end)}`;
        await this.#db.$executeRawUnsafe(
          `INSERT INTO stale (meter_id, bucket, readings) SELECT ${meterId}, bucket, 1 FROM rollup WHERE ${where} ${marking}`,
        );
      }
      return removed;
    });
  }

  note(name: string): Promise<number | null> {
    return this.#run(async () => {
      const rows = await this.#db.$queryRawUnsafe<{ value: bigint | number }[]>(
        `SELECT value FROM upkeep WHERE name = '${plainName(name)}'`,
      );
      return rows[0] ? Number(rows[0].value) : null;
    });
  }

  setNote(name: string, value: number): Promise<void> {
    const insert = `INSERT INTO upkeep (name, value) VALUES ('${plainName(name)}', ${Math.trunc(value)})`;
    const update =
      this.dialect === 'mysql'
        ? 'ON DUPLICATE KEY UPDATE value = VALUES(value)'
        : 'ON CONFLICT (name) DO UPDATE SET value = excluded.value';
    return this.#run(async () => {
      await this.#db.$executeRawUnsafe(`${insert} ${update}`);
    });
  }

  maintain(now: number): Promise<boolean> {
    return this.#backend.maintain(now);
  }

  close(): Promise<void> {
    return this.#backend.close();
  }

  async #enter(meters: readonly MeterInfo[], ids: Map<string, TopicIds>): Promise<void> {
    const rows = meters.map(columnsOf);
    await this.#db.$executeRawUnsafe(this.#sql.insertMeters, JSON.stringify(rows));
    const found = await metersNamed(
      this.#db,
      this.dialect,
      rows.map(({ name }) => name),
    );
    const meterIds = new Map(found.map(({ id, name }) => [name, id]));
    const topics = meters.flatMap((meter) =>
      meter.metrics.map((metric) => topicColumns(meterIds.get(meter.name) as number, meter, metric)),
    );
    await this.#db.$executeRawUnsafe(this.#sql.insertTopics, JSON.stringify(topics));
    const known = await topicsOf(this.#db, meterIds.values());
    for (const { id, name, meterId } of known) ids.set(name, { topicId: id, meterId });
  }

  #run<T>(work: () => Promise<T>): Promise<T> {
    return translated(work, this.dialect);
  }
}

function pollColumns(polls: readonly PollRow[]): Polls {
  return {
    slots: Float64Array.from(polls, ({ slot }) => slot),
    numbers: Float64Array.from(
      polls.flatMap((p) => [p.meterId, p.readAt, p.durationMs, p.requests, p.expected, p.stored]),
    ),
    errors: new Map(polls.flatMap(({ error }, index) => (error === null ? [] : [[index, error] as const]))),
  };
}

const WEEK_MS = 7 * 86_400_000;

const bucketOf = (time: number): number => time - (((time % BUCKET_MS) + BUCKET_MS) % BUCKET_MS);

/** Only names of our own making come here; this keeps it so. */
function plainName(name: string): string {
  if (!/^[a-z0-9:-]{1,64}$/.test(name)) throw new Error(`not a plain name: ${name}`);
  return name;
}
