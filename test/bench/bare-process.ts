// The bare reference: a socket per link, one prepared statement, nothing else. Reads every meter, stores every reading.

import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'libsql';
import { BareClient } from './bare-client.js';
import { serveParent } from './child.js';
import { BLOCKS, type Endpoint, METRICS } from './site.js';

export type BareQuestion =
  | { readonly do: 'setup'; readonly endpoints: readonly Endpoint[]; readonly database: string | null }
  | { readonly do: 'cycles'; readonly cycles: number }
  /** At so many milliseconds after each full second. */
  | { readonly do: 'every-second'; readonly seconds: number; readonly offsetMs: number };

export interface BareAnswer {
  /** Per cycle, ms. */
  readonly durationsMs: readonly number[];
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** Every second: how late each link's first request went out, ms. */
  readonly lateMs: readonly number[];
}

let links: { client: BareClient; units: { unitId: number; meter: number }[] }[] = [];
let insert: ((slot: number, values: Float64Array) => void) | null = null;

async function setup(endpoints: readonly Endpoint[], database: string | null): Promise<void> {
  const byPort = new Map<number, { unitId: number; meter: number }[]>();
  endpoints.forEach(({ port, unitId }, meter) => {
    byPort.set(port, [...(byPort.get(port) ?? []), { unitId, meter }]);
  });
  links = await Promise.all([...byPort].map(async ([port, units]) => ({ client: await BareClient.open(port), units })));
  if (database === null) return;
  const db = new Database(database);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec('CREATE TABLE reading (ts INTEGER, topic_id INTEGER, value REAL, PRIMARY KEY (ts, topic_id)) WITHOUT ROWID');
  const statement = db.prepare('INSERT INTO reading VALUES (?, ?, ?)');
  insert = (slot, values) => {
    db.exec('BEGIN');
    for (let topic = 0; topic < values.length; topic++) statement.run(slot, topic, values[topic]);
    db.exec('COMMIT');
  };
}

async function cycle(values: Float64Array, begun: () => void): Promise<void> {
  await Promise.all(
    links.map(async ({ client, units }) => {
      begun();
      for (const { unitId, meter } of units) {
        let index = meter * METRICS;
        for (const { start, count } of BLOCKS) {
          const answer = await client.read(unitId, start, count);
          for (let at = 9; at < 9 + 2 * count; at += 4) values[index++] = answer.readFloatBE(at);
        }
      }
    }),
  );
}

serveParent<BareQuestion, BareAnswer>(
  async (question) => {
    if (question.do === 'setup') {
      await setup(question.endpoints, question.database);
      return { durationsMs: [], cpuMs: 0, rssBytes: 0, lateMs: [] };
    }
    const meters = links.reduce((sum, { units }) => sum + units.length, 0);
    const values = new Float64Array(meters * METRICS);
    const durationsMs: number[] = [];
    const lateMs: number[] = [];
    const offsetMs = question.do === 'every-second' ? question.offsetMs : null;
    const cpu = process.cpuUsage();
    const cycles = question.do === 'every-second' ? question.seconds : question.cycles;
    for (let i = 0; i < cycles; i++) {
      const slot = Math.floor((Date.now() - (offsetMs ?? 0)) / 1000 + 1) * 1000 + (offsetMs ?? 0);
      if (offsetMs !== null) await sleep(slot - Date.now());
      const start = performance.now();
      await cycle(values, () => {
        if (offsetMs !== null) lateMs.push(Math.max(0, Date.now() - slot));
      });
      durationsMs.push(performance.now() - start);
      insert?.(Date.now(), values);
    }
    const { user, system } = process.cpuUsage(cpu);
    return { durationsMs, cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss(), lateMs };
  },
  async () => {
    for (const { client } of links) client.close();
  },
);
