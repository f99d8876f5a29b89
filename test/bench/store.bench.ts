// How fast readings become durable: one write of the store against the best batch that the database's own driver has.

import Database from 'libsql';
import { createPool } from 'mariadb';
import pg from 'pg';
import { collectAfter } from '../../src/collect/garbage.js';
import { silentLog } from '../../src/log.js';
import type { Poll } from '../../src/reading.js';
import { openStore } from '../../src/store/open.js';
import { makeMysqlDatabase, makePostgresDatabase } from '../store/server-databases.js';
import { meterInfo } from '../support/polls.js';
import { type Figure, middleOf, type Pair } from './figure.js';
import type { Context } from './main.js';

const SIZES = [21, 2100, 21_000];
/** Each side writes for so long without a break, then the other one: what has to be done now and then counts, too. */
const TURN_MS = 200;
const TURNS = 4;
/** Until V8 has compiled what runs often. */
const WARM_UP_TURNS = 2;
/** Stores opened one after the other for the same size: they differ by a twentieth, with where their memory happens to lie. */
const STORES = 3;

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
  const measure = async (backend: Backend, bare: Bare, size: number): Promise<Pair[]> => {
    const meters = Array.from({ length: size / 21 }, (_, i) => meterInfo(`store/${size}/meter_${i}`, 21));
    const store = await openStore({ url: backend.url(size), meters: meters.length, log: silentLog });
    // V8 gives a collector of so many meters as much room for garbage.
    collectAfter(meters.length);
    const next = () => {
      slot += 1000;
      return { slot, values: Float64Array.from({ length: size }, () => Math.fround(Math.random() * 500)) };
    };
    const own = () => {
      const { slot, values } = next();
      const polls = meters.map((meter, i) => pollWith(meter, slot, values.subarray(i * 21, i * 21 + 21)));
      return () => store.write({ polls, gaps: [] });
    };
    const alone = () => {
      const { slot, values } = next();
      return () => bare.write(slot, values);
    };
    const pairs: Pair[] = [];
    for (let turn = -WARM_UP_TURNS; turn < TURNS; turn++) {
      const pair = { own: await msPerWrite(own), limit: await msPerWrite(alone) };
      if (turn >= 0) pairs.push(pair);
    }
    await store.close();
    return pairs;
  };
  for (const backend of await backends(context)) {
    const bare = await backend.bare();
    for (const size of SIZES) {
      context.say(`store: ${backend.name}, ${size} readings per write`);
      const pairs: Pair[] = [];
      for (let stores = size === 2100 ? STORES : 1; stores > 0; stores--)
        pairs.push(...(await measure(backend, bare, size)));
      const { own, limit } = middleOf(pairs);
      figures.push({
        group: 'Readings stored per second, against the driver alone',
        name: `${backend.name}, ${size.toLocaleString('en')} readings per write`,
        value: size / (own / 1000),
        unit: '/s',
        limit: size / (limit / 1000),
        target: size >= 2100 ? backend.target : null,
        least: true,
      });
    }
    await bare.close();
    await backend.drop?.();
  }
  return figures;
}

/** Of a turn. What is written is made by `prepared`, beforehand. */
async function msPerWrite(prepared: () => () => Promise<void>): Promise<number> {
  let writes = 0;
  let ms = 0;
  for (; ms < TURN_MS; writes++) {
    const write = prepared();
    const start = performance.now();
    await write();
    ms += performance.now() - start;
  }
  return ms / writes;
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
