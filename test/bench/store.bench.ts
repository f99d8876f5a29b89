// How fast readings become durable: one write of the store against the best batch that the database's own driver has.

import { Worker } from 'node:worker_threads';
import { createPool } from 'mariadb';
import pg from 'pg';
import { silentLog } from '../../src/model/log.js';
import type { Poll } from '../../src/model/poll.js';
import { openStore } from '../../src/store/open.js';
import type { TestDatabase } from '../contract/database.js';
import { makeMysqlDatabase, makePostgresDatabase } from '../store/server-databases.js';
import { meterInfo } from '../support/polls.js';
import { type Bare, bareSqlite } from './bare-sqlite.js';
import type { BareWrite } from './bare-sqlite-thread.js';
import { type Figure, middleOf, type Pair } from './figure.js';
import type { Context } from './main.js';

/** Readings per write. */
const SIZES = [21, 2100, 21_000];
/** Opened one after the other to write 2,100 readings: they differ, with where their memory happens to lie. */
const STORES = 3;
/** Until V8 has compiled what runs with each write; that begins anew in each thread. */
const WARM_UP = { writes: 1000, ms: 2000 };
/**
 * EMDC writes for so long without a break, then the driver as often; all turns count together: what has to be done now and
 * then belongs to a write, too. As often, since the pages of an index fill up together and are split together.
 */
const TURN_MS = 200;
const TURNS = 4;

/** For one store: what others have left would be in the way, and may be more than the server has memory for. */
interface Made {
  readonly url: string;
  readonly bare: Bare;
  readonly drop: () => Promise<void>;
}

interface Backend {
  readonly name: string;
  /** Whether its store works in a thread of its own. */
  readonly ownThread: boolean;
  readonly make: () => Promise<Made>;
  readonly sizes: readonly number[];
}

export async function storeFigures(context: Context): Promise<Figure[]> {
  const figures: Figure[] = [];
  // Never the same slot twice, whatever the clock does: a row that is there already is another thing to write.
  let slot = Math.floor(Date.now() / 1000) * 1000;
  let isWarm = false;
  const measure = async (backend: Backend, size: number): Promise<Pair> => {
    const meters = Array.from({ length: size / 21 }, (_, i) => meterInfo(`store/${size}/meter_${i}`, 21));
    const { url, bare, drop } = await backend.make();
    const store = await openStore({ url, meters: meters.length, log: silentLog });
    // V8 gives a collector of so many meters as much room for garbage.
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
    const turnOf = async (limit: Limit) => {
      const ownTurn = await timed(own, limit);
      const { ms } = await timed(alone, { writes: ownTurn.writes });
      return { writes: ownTurn.writes, own: ownTurn.ms, limit: ms };
    };
    await turnOf(isWarm ? { ms: TURN_MS } : WARM_UP);
    isWarm = !backend.ownThread;
    const sum = { writes: 0, own: 0, limit: 0 };
    for (let turns = 0; turns < TURNS; turns++) {
      const { writes, own, limit } = await turnOf({ ms: TURN_MS });
      sum.writes += writes;
      sum.own += own;
      sum.limit += limit;
    }
    await store.close();
    await bare.close();
    await drop();
    return { own: sum.own / sum.writes, limit: sum.limit / sum.writes };
  };
  for (const backend of backends(context)) {
    for (const size of backend.sizes) {
      context.say(`store: ${backend.name}, ${size} readings per write`);
      const pairs: Pair[] = [];
      for (let stores = size === 2100 ? STORES : 1; stores > 0; stores--) pairs.push(await measure(backend, size));
      const { own, limit } = middleOf(pairs);
      const figure = {
        name: `${backend.name}, ${size.toLocaleString('en')} readings per write`,
        unit: '/s',
        least: true,
      };
      const value = size / (own / 1000);
      const bare = size / (limit / 1000);
      figures.push({
        ...figure,
        group: 'Readings stored per second, against the driver alone',
        value,
        limit: bare,
        target: null,
      });
      if (size === 2100)
        figures.push({ ...figure, group: 'Readings stored per second', value, limit: null, target: 250_000 });
    }
  }
  return figures;
}

/** Whichever is reached first. */
interface Limit {
  readonly writes?: number;
  readonly ms?: number;
}

/** What a write is of is made by `prepared`, which takes no time that counts. */
async function timed(prepared: () => () => Promise<void>, limit: Limit) {
  const { writes: enough = Number.POSITIVE_INFINITY, ms: long = Number.POSITIVE_INFINITY } = limit;
  let writes = 0;
  let ms = 0;
  for (; writes < enough && ms < long; writes++) {
    const write = prepared();
    const start = performance.now();
    await write();
    ms += performance.now() - start;
  }
  return { writes, ms };
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

function backends({ folder, postgresUrl, mysqlUrl }: Context): Backend[] {
  const sqliteBeside = (bare: (file: string) => Bare) => async (): Promise<Made> => {
    const directory = folder();
    return { url: `file:${directory}/emdc.db`, bare: bare(`${directory}/bare.db`), drop: async () => {} };
  };
  const sqlite = { ownThread: true, sizes: SIZES };
  const made: Backend[] = [
    { ...sqlite, name: 'SQLite', make: sqliteBeside(bareSqlite) },
    {
      ...sqlite,
      name: 'SQLite (driver in a thread)',
      sizes: [2100],
      make: sqliteBeside(bareSqliteThread),
    },
  ];
  const server = { ownThread: false, sizes: SIZES };
  if (postgresUrl) {
    const make = async () => madeOn(await makePostgresDatabase(), barePostgres);
    made.push({ ...server, name: 'PostgreSQL', make });
  }
  if (mysqlUrl) {
    const make = async () => madeOn(await makeMysqlDatabase(), bareMariadb);
    made.push({ ...server, name: 'MariaDB', make });
  }
  return made;
}

async function madeOn({ url, drop }: TestDatabase, bare: (url: string) => Promise<Bare>): Promise<Made> {
  return { url, bare: await bare(url), drop };
}

function bareSqliteThread(file: string): Bare {
  const thread = new Worker(new URL('./bare-sqlite-thread.js', import.meta.url), { workerData: file });
  let answered = () => {};
  thread.on('message', () => answered());
  return {
    write: (slot, values) => {
      const write: BareWrite = { slot, values };
      thread.postMessage(write, [values.buffer as ArrayBuffer]);
      return new Promise((resolve) => {
        answered = resolve;
      });
    },
    close: async () => void (await thread.terminate()),
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
