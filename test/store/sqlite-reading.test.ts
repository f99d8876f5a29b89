// How one topic's readings are found among those of all: by key, in history and in the newest hours.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import { maintainAll } from '../contract/upkeep.js';
import { gauge, HOUR_MS, noon, sampleMeter, samplePoll } from './sample.js';
import { makeSqliteDatabase, type SqliteDatabase } from './sqlite-database.js';

const IN_HISTORY = /^SEARCH (reading_history|r) USING PRIMARY KEY \(topic_id=\? AND ts>\? AND ts<\?\)$/;
/** From time to time, other topics leapt over. */
const IN_RECENT = /^SEARCH (reading_recent|r) USING PRIMARY KEY \(ANY\(ts\) AND topic_id=\?\)$/;

const metrics = Array.from({ length: 50 }, (_, index) => gauge(`m${index}`));
const meters = ['A', 'B', 'C'].map((name) => sampleMeter(name, metrics));
const HOURS = 6;
const STEP_MS = 60_000;

describe("a topic's day on SQLite", () => {
  let database: SqliteDatabase;
  before(async () => {
    database = makeSqliteDatabase();
    const store = await openStore({ url: database.url, log: silentLog });
    for (let slot = noon - HOURS * HOUR_MS; slot < noon + HOUR_MS; slot += 10 * STEP_MS) {
      const slots = Array.from({ length: 10 }, (_, index) => slot + index * STEP_MS);
      const values = metrics.map((_, index) => index);
      await store.write({
        polls: slots.flatMap((at) => meters.map((meter) => samplePoll(meter, at, values))),
        gaps: [],
      });
    }
    // The hours before the database was made go to history, this one stays in order of time.
    await maintainAll(store, noon + HOUR_MS / 2);
    await store.close();
  });
  after(() => database.drop());

  const inRange = (time: string) => `${time} >= ${noon - HOURS * HOUR_MS} AND ${time} < ${noon + HOUR_MS}`;

  it('has readings in history and in the newest hours', async () => {
    const [counts] = await database.rows(
      `SELECT (SELECT count(*) FROM reading_history WHERE topic_id = 7), (SELECT count(*) FROM reading_recent WHERE topic_id = 7),
        (SELECT count(*) FROM reading WHERE topic_id = 7 AND ${inRange('ts')})`,
    );
    assert.deepEqual(counts, [HOURS * 60, 60, (HOURS + 1) * 60]);
  });

  for (const [view, query] of [
    ['reading', `SELECT ts, value FROM reading WHERE topic_id = 7 AND ${inRange('ts')} ORDER BY ts`],
    ['measurement', `SELECT time, value FROM measurement WHERE topic = 'A/m7' AND ${inRange('time')} ORDER BY time`],
  ] as const) {
    it(`is found by its keys through the view ${view}, without reading other topics or sorting`, async () => {
      const plan = (await database.rows(`EXPLAIN QUERY PLAN ${query}`)).map((row) => String(row[3]));
      assert.equal(plan.filter((step) => IN_HISTORY.test(step)).length, 1, plan.join('\n'));
      assert.equal(plan.filter((step) => IN_RECENT.test(step)).length, 1, plan.join('\n'));
      assert.deepEqual(
        plan.filter((step) => /^SCAN|TEMP B-TREE/.test(step)),
        [],
      );
    });
  }

  for (const [view, query] of [
    ['reading', `SELECT topic_id, ts, value FROM reading WHERE ${inRange('ts')}`],
    ['measurement', `SELECT topic, time, value FROM measurement WHERE ${inRange('time')}`],
  ] as const) {
    it(`as a stretch of time of all topics never costs the whole history through the view ${view}`, async () => {
      const plan = (await database.rows(`EXPLAIN QUERY PLAN ${query}`)).map((row) => String(row[3]));
      assert.deepEqual(
        plan.filter((step) => /^SCAN (reading_history|reading_recent|r)\b/.test(step)),
        [],
        plan.join('\n'),
      );
    });
  }

  it('by meter and metric leaps over other topics, in history and in the newest hours', async () => {
    const query = `SELECT time, value FROM measurement WHERE meter = 'A' AND metric = 'm7' AND ${inRange('time')}`;
    const plan = (await database.rows(`EXPLAIN QUERY PLAN ${query}`)).map((row) => String(row[3]));
    assert.equal(plan.filter((step) => IN_HISTORY.test(step)).length, 1, plan.join('\n'));
    assert.equal(plan.filter((step) => IN_RECENT.test(step)).length, 1, plan.join('\n'));
  });
});
