// What a reading costs on disk: the bytes that stay, and those written to the device, which wear an SD card, beside those of
// the table that one would make without thinking of it.

import Database from 'libsql';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import { meterInfo } from '../support/polls.js';
import type { Figure } from './figure.js';
import type { Context } from './main.js';
import { pollWith } from './store.bench.js';

const INTERVAL_MS = 10_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Of the obvious table: until each topic has pages of its own in the index, and then as many as are counted. */
const OBVIOUS_CYCLES = { first: 150, counted: 60 };

/** Bytes kept and written per reading over hours of cycles, each moved into history, in a database that is new. */
export async function diskFigures(context: Context): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [topics, cycles, target] of [
    [2100, 1440, 90],
    [21, 4320, 650],
  ] as const) {
    context.say(`disk: ${topics} topics every 10 s, ${cycles} cycles`);
    const directory = context.folder();
    const store = await openStore({ url: `file:${directory}/emdc.db`, meters: topics / 21, log: silentLog });
    const meters = Array.from({ length: topics / 21 }, (_, i) => meterInfo(`disk/meter_${i}`, 21));
    // Not before the database was made: what is older goes straight to history. At midnight, so that all of it is moved.
    const start = Math.ceil(Date.now() / DAY_MS) * DAY_MS;
    const before = context.deviceBytes(directory);
    for (let cycle = 0; cycle < cycles; cycle++) {
      const slot = start + cycle * INTERVAL_MS;
      const polls = meters.map((meter) =>
        pollWith(
          meter,
          slot,
          Float64Array.from({ length: 21 }, () => Math.fround(Math.random() * 500)),
        ),
      );
      await store.write({ polls, gaps: [] });
      if (cycle % 30 === 0) while (await store.maintain(slot)) await Promise.resolve();
    }
    while (await store.maintain(start + cycles * INTERVAL_MS + 2 * HOUR_MS)) await Promise.resolve();
    await store.close();
    const kept = bytesInUse(`${directory}/emdc.db`);
    const readings = topics * cycles;
    const group = `SQLite on disk, ${topics} topics every 10 s, the first ${(cycles * INTERVAL_MS) / HOUR_MS} hours`;
    figures.push({
      group,
      name: 'bytes kept per reading',
      value: kept / readings,
      unit: 'B',
      limit: null,
      target: topics === 2100 ? 23 : null,
    });
    const written = context.deviceBytes(directory) - before;
    const perReading = written / readings;
    figures.push({
      group,
      name: `bytes written per reading (${context.deviceCounter})`,
      value: perReading,
      unit: 'B',
      limit: null,
      target,
    });
    const perDay = (bytes: number) => (bytes * topics * (DAY_MS / INTERVAL_MS)) / 1e9;
    const obvious = perDay(obviousTable(context, topics));
    const alone = { group, unit: 'GB', limit: null, target: null };
    figures.push({ ...alone, name: 'written per day', value: perDay(perReading) });
    figures.push({ ...alone, name: 'written per day by the table that Prisma makes of a model', value: obvious });
  }
  return figures;
}

/** Bytes written to the device per reading: a row id, a unique index, times as text, and every cycle committed. */
function obviousTable(context: Context, topics: number): number {
  const directory = context.folder();
  const db = new Database(`${directory}/obvious.db`);
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
CREATE TABLE reading (id INTEGER PRIMARY KEY AUTOINCREMENT, topic_id INTEGER NOT NULL, ts DATETIME NOT NULL, value REAL NOT NULL);
CREATE UNIQUE INDEX reading_topic_id_ts_key ON reading (topic_id, ts)`);
  const insert = db.prepare('INSERT INTO reading (topic_id, ts, value) VALUES (?, ?, ?)');
  const { first, counted } = OBVIOUS_CYCLES;
  let before = 0;
  for (let cycle = 0; cycle < first + counted; cycle++) {
    if (cycle === first) before = context.deviceBytes(directory);
    const time = new Date(cycle * INTERVAL_MS).toISOString();
    db.exec('BEGIN');
    for (let topic = 0; topic < topics; topic++) insert.run(topic, time, Math.fround(Math.random() * 500));
    db.exec('COMMIT');
  }
  const written = context.deviceBytes(directory) - before;
  db.close();
  return written / (topics * counted);
}

/** Without the pages that what was moved left empty: the next hours fill them again. */
function bytesInUse(file: string): number {
  const db = new Database(file);
  const number = (name: string) => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() as object)[0]);
  const bytes = (number('page_count') - number('freelist_count')) * number('page_size');
  db.close();
  return bytes;
}
