// A store on one of Prisma's clients. The same for all databases: what differs lies in Sql and Upkeep.

import type { Batch } from './batch.js';
import { POLL_COLUMNS } from './batch.js';
import type { Db } from './db.js';
import { isDuplicate, toStoreFailure } from './failure.js';
import { takeLease } from './lease.js';
import { Registry } from './registry.js';
import { toRows } from './rows.js';
import type { Rows, Sql } from './sql.js';
import type { Dialect, LeaseRequest } from './store.js';

/** A store behind its batches: in this thread, or at the other end of a worker's. */
export interface Backend {
  write(batch: Batch): Promise<void>;
  /** [name, slot] of each meter that has one. */
  lastSlots(): Promise<readonly (readonly [string, number])[]>;
  check(): Promise<void>;
  maintain(now: number): Promise<boolean>;
  /** See Store. */
  lease?(request: LeaseRequest): Promise<string | null>;
  close(): Promise<void>;
}

/** One step of upkeep; true: there is more to do. */
export type Upkeep = (now: number) => Promise<boolean>;

export class PrismaBackend implements Backend {
  readonly db: Db;
  readonly sql: Sql;
  readonly #upkeep: Upkeep;
  readonly #registry: Registry;

  constructor(options: { db: Db; sql: Sql; upkeep: Upkeep }) {
    this.db = options.db;
    this.sql = options.sql;
    this.#upkeep = options.upkeep;
    this.#registry = new Registry(options.db, options.sql);
  }

  write(batch: Batch): Promise<void> {
    return this.#translated(async () => {
      this.#registry.add(batch.newMeters);
      await this.#registry.resolve(newestSlots(batch, (key) => !this.#registry.knows(key)));
      const rows = toRows(batch, this.#registry.idsOf);
      await writeRows(this.db, this.sql, rows);
    });
  }

  lastSlots(): Promise<(readonly [string, number])[]> {
    return this.#translated(async () => {
      const rows = await this.db.$queryRawUnsafe<{ name: string; slot: bigint | number }[]>(this.sql.lastSlots);
      return rows.flatMap(({ name, slot }) => (Number(slot) > 0 ? [[name, Number(slot)] as const] : []));
    });
  }

  check(): Promise<void> {
    return this.#translated(async () => {
      await this.db.$queryRawUnsafe('SELECT 1');
    });
  }

  maintain(now: number): Promise<boolean> {
    return this.#translated(() => this.#upkeep(now));
  }

  lease(request: LeaseRequest): Promise<string | null> {
    return this.#translated(() => takeLease(this.db, this.sql.dialect, request));
  }

  async close(): Promise<void> {
    await this.db.$disconnect();
  }

  #translated<T>(work: () => Promise<T>): Promise<T> {
    return translated(work, this.sql.dialect);
  }
}

/** Rows that are there already stay as they are. Rejects with the database's own errors. */
export async function writeRows(db: Db, sql: Sql, rows: Rows): Promise<void> {
  await sql.prepare(db, rows.readings);
  try {
    await sql.write(db, rows);
  } catch (error) {
    if (!sql.writeAgain || !isDuplicate(error)) throw error;
    await sql.writeAgain(db, rows);
  }
}

/** Rejects with StoreFailures only. */
export async function translated<T>(work: () => Promise<T>, dialect: Dialect): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toStoreFailure(error, dialect);
  }
}

/** Of the meters that are `wanted`, by their keys. */
function newestSlots(batch: Batch, wanted: (meterKey: number) => boolean): Map<number, number> {
  const newest = new Map<number, number>();
  const note = (key: number, slot: number) => {
    if (wanted(key)) newest.set(key, Math.max(slot, newest.get(key) ?? 0));
  };
  for (let i = 0; i < batch.polls.length; i += POLL_COLUMNS)
    note(batch.polls[i] as number, batch.polls[i + 1] as number);
  for (const gap of batch.gaps) note(gap.meterKey, gap.ts);
  return newest;
}
