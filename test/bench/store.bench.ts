// How fast readings become durable: one write of the store against the best batch that the database's own driver has.

import Database from 'libsql';
import { createPool } from 'mariadb';
import pg from 'pg';
import { silentLog } from '../../src/log.js';
import type { Poll } from '../../src/reading.js';
import { openStore } from '../../src/store/open.js';
import { makeMysqlDatabase, makePostgresDatabase } from '../store/server-databases.js';
import { meterInfo } from '../support/polls.js';
import { type Figure, median } from './figure.js';
import type { Context } from './main.js';

const SIZES = [21, 2100, 21_000];
/** At least, and as many as there is time for: a write of a millisecond differs from the next one by a half. */
const WRITES = 25;
const WRITES_MS = 2000;
/** Until V8 has compiled what runs often. */
const WARM_UP_MS = 1000;

interface Bare {
  write(slot: number, values: Float64Array): Promise<void>;
  close(): Promise<void>;
}

interface Backend {
  readonly name: string;
  /** Its database goes, too. */
  readonly drop?: () => Promise<void>;
  /** Of the store for writes of so many readings. */
  readonly url: (size: number) => string;
  readonly bare: () => Promise<Bare>;
  /** Of the bare driver's speed, from 2,100 readings on. */
  readonly target: number;
}

export async function storeFigures(context: Context): Promise<Figure[]> {
  const figures: Figure[] = [];
  // Never the same slot twice, whatever the clock does: a row that is there already is another thing to write.
  let slot = Math.floor(Date.now() / 1000) * 1000;
  for (const backend of await backends(context)) {
    const bare = await backend.bare();
    for (const size of SIZES) {
      context.say(`store: ${backend.name}, ${size} readings per write`);
      const meters = Array.from({ length: size / 21 }, (_, i) => meterInfo(`store/${size}/meter_${i}`, 21));
      const store = await openStore({ url: backend.url(size), meters: meters.length, log: silentLog });
      const own: number[] = [];
      const limits: number[] = [];
      const begin = performance.now() + WARM_UP_MS;
      while (own.length < WRITES || performance.now() < begin + WRITES_MS) {
        slot += 1000;
        const values = Float64Array.from({ length: size }, () => Math.fround(Math.random() * 500));
        const polls = meters.map((meter, i) => pollWith(meter, slot, values.subarray(i * 21, i * 21 + 21)));
        const start = performance.now();
        await store.write({ polls, gaps: [] });
        const middle = performance.now();
        await bare.write(slot, values);
        if (start < begin) continue;
        own.push(middle - start);
        limits.push(performance.now() - middle);
      }
      figures.push({
        group: 'Readings stored per second, against the driver alone',
        name: `${backend.name}, ${size.toLocaleString('en')} readings per write`,
        value: size / (median(own) / 1000),
        unit: '/s',
        limit: size / (median(limits) / 1000),
        target: size >= 2100 ? backend.target : null,
        least: true,
      });
      await store.close();
    }
    await bare.close();
    await backend.drop?.();
  }
  return figures;
}

export function pollWith(meter: Poll['meter'], slot: number, values: Float64Array): Poll {
  return {
    meter,
    slot,
    readAt: slot + 2,
    durationMs: 5,
    requests: 2,
    values: values.slice(),
    missing: new Map(),
    error: null,
  };
}

/** Databases of their own: what earlier runs have left would be in the store's way, and not in the bare driver's. */
async function backends({ folder, postgresUrl, mysqlUrl }: Context): Promise<Backend[]> {
  const directory = folder();
  const sqlite: Backend = {
    name: 'SQLite',
    // A file each: its pages are made for a site of that size.
    url: (size) => `file:${directory}/emdc-${size}.db`,
    target: 0.8,
    bare: async () => bareSqlite(`${directory}/bare.db`),
  };
  const made: Backend[] = [sqlite];
  if (postgresUrl) {
    const { url, drop } = await makePostgresDatabase();
    made.push({ name: 'PostgreSQL (COPY)', url: () => url, drop, target: 0.5, bare: () => barePostgres(url) });
  }
  if (mysqlUrl) {
    const { url, drop } = await makeMysqlDatabase();
    made.push({ name: 'MariaDB', url: () => url, drop, target: 0.8, bare: () => bareMariadb(url) });
  }
  return made;
}

async function bareSqlite(file: string): Promise<Bare> {
  const db = new Database(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec('CREATE TABLE reading (ts INTEGER, topic_id INTEGER, value REAL, PRIMARY KEY (ts, topic_id)) WITHOUT ROWID');
  // Its fastest batch: many rows to a statement, prepared once.
  const inserts = new Map<number, ReturnType<typeof db.prepare>>();
  const insertOf = (rows: number) => {
    const known = inserts.get(rows);
    if (known) return known;
    const made = db.prepare(
      `INSERT INTO reading VALUES ${Array(rows).fill('(?,?,?)').join(',')} ON CONFLICT DO NOTHING`,
    );
    inserts.set(rows, made);
    return made;
  };
  return {
    write: async (slot, values) => {
      db.exec('BEGIN');
      for (let topic = 0; topic < values.length; ) {
        const rows = Math.min(500, values.length - topic);
        const parameters: number[] = [];
        for (const end = topic + rows; topic < end; topic++) parameters.push(slot, topic, values[topic] as number);
        insertOf(rows).run(parameters);
      }
      db.exec('COMMIT');
    },
    close: async () => void db.close(),
  };
}

async function barePostgres(url: string): Promise<Bare> {
  const { from } = await import('pg-copy-streams');
  const { pipeline } = await import('node:stream/promises');
  const { Readable } = await import('node:stream');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    'CREATE TABLE bench_bare (topic_id int, ts timestamptz, value double precision, PRIMARY KEY (topic_id, ts))',
  );
  return {
    write: async (slot, values) => {
      const time = new Date(slot).toISOString();
      let text = '';
      for (let topic = 0; topic < values.length; topic++) text += `${topic}\t${time}\t${values[topic]}\n`;
      await pipeline(Readable.from([text]), client.query(from('COPY bench_bare FROM STDIN')));
    },
    close: () => client.end(),
  };
}

async function bareMariadb(url: string): Promise<Bare> {
  const pool = createPool(url.replace(/^mysql:/, 'mariadb:'));
  const connection = await pool.getConnection();
  await connection.query(
    'CREATE TABLE bench_bare (topic_id int, ts datetime(3), value double, PRIMARY KEY (topic_id, ts))',
  );
  return {
    write: async (slot, values) => {
      // A date as text: with dates the connector leaves its bulk protocol.
      const time = new Date(slot).toISOString().slice(0, -1).replace('T', ' ');
      await connection.batch(
        'INSERT IGNORE INTO bench_bare VALUES (?, ?, ?)',
        Array.from(values, (value, topic) => [topic, time, value]),
      );
    },
    close: async () => {
      await connection.release();
      await pool.end();
    },
  };
}
