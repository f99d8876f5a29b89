// Rows reach the embedded database in statements of many sizes; what arrives is what was given.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import { migrate } from '../../src/store/migrate.js';
import { openConnection, type SqliteConnection } from '../../src/store/sqlite/driver.js';
import { migrationSession } from '../../src/store/sqlite/open.js';
import { insertPolls, insertReadings } from '../../src/store/sqlite/rows.js';
import type { Run } from '../../src/store/sqlite/work.js';
import { temporaryFolder } from '../support/polls.js';

const SLOT = 1_790_000_000_000;

/** A database of this program's schema; `run` also notes how many rows each statement took. */
async function database(t: TestContext): Promise<{ connection: SqliteConnection; run: Run; sizes: number[] }> {
  const connection = openConnection(join(await temporaryFolder(t), 'rows.db'), 1000);
  t.after(() => connection.close());
  await migrate(migrationSession(connection), { log: silentLog });
  const sizes: number[] = [];
  const run: Run = (sql, parameters) => void sizes.push(connection.prepare(sql).run(parameters).changes);
  return { connection, run, sizes };
}

/** [slot, topic id, value] */
type Reading = readonly [number, number, number];

async function writtenAs(t: TestContext, readings: readonly Reading[]): Promise<number[]> {
  const { connection, run, sizes } = await database(t);
  insertReadings(run, {
    slots: Float64Array.from(readings, ([slot]) => slot),
    topicIds: Int32Array.from(readings, ([, topicId]) => topicId),
    values: Float64Array.from(readings, ([, , value]) => value),
  });
  const found = connection
    .prepare('SELECT ts, topic_id, value FROM reading_recent ORDER BY ts, topic_id')
    .raw()
    .all([]);
  assert.deepEqual(
    found,
    [...readings].sort(([s, i], [t, k]) => s - t || i - k),
  );
  return sizes;
}

const reading = (topicId: number, slot = SLOT): Reading => [slot, topicId, topicId % 3 === 0 ? topicId : topicId / 7];

test('topics whose ids follow one another', async (t) => {
  const readings = Array.from({ length: 2247 }, (_, i) => reading(i + 40));
  assert.deepEqual(await writtenAs(t, readings), [1000, 1000, 100, 100, 20, 20, 5, 1, 1]);
});

test('topics in any order, with readings missing in between', async (t) => {
  const ids = Array.from({ length: 1200 }, (_, i) => (i < 1100 ? 9000 - 3 * i : 10_000 + i));
  assert.deepEqual(
    await writtenAs(
      t,
      ids.map((id) => reading(id)),
    ),
    [1000, 100, 100],
  );
});

test('several slots, some of few readings', async (t) => {
  const readings = [3, 1, 26, 0, 100].flatMap((count, slot) =>
    Array.from({ length: count }, (_, i) => reading(i + slot, SLOT + slot * 1000)),
  );
  assert.deepEqual(await writtenAs(t, readings), [1, 1, 1, 1, 20, 5, 1, 100]);
});

/** Slot, meter id, read at, duration, requests, expected, stored. */
type PollRow = readonly [number, number, number, number, number, number, number];

async function pollsWrittenAs(t: TestContext, polls: readonly PollRow[], errors: ReadonlyMap<number, string>) {
  const { connection, run, sizes } = await database(t);
  insertPolls(run, {
    slots: Float64Array.from(polls, ([slot]) => slot),
    numbers: Float64Array.from(polls.flatMap(([, ...numbers]) => numbers)),
    errors,
  });
  const found = connection.prepare('SELECT * FROM poll ORDER BY slot, meter_id').raw().all([]);
  assert.deepEqual(
    found,
    polls.map((poll, i) => [...poll, errors.get(i) ?? null]),
  );
  const types = 'typeof(read_at), typeof(duration_ms), typeof(requests), typeof(expected), typeof(stored)';
  const integers = Array(5).fill('integer');
  assert.deepEqual(connection.prepare(`SELECT DISTINCT ${types} FROM poll`).raw().all([]), [integers]);
  return sizes;
}

test('polls, some of which went wrong', async (t) => {
  const wrong = new Map([
    [20, 'timeout after 1000 ms'],
    [21, 'it\'s "broken"'],
    [43, ''],
  ]);
  const polls = Array.from({ length: 44 }, (_, i): PollRow => {
    const slot = SLOT + (i < 30 ? 0 : 1000);
    return [slot, i, slot + 2 + i, 1000 + i, 2, 21, 20 - (i % 3)];
  });
  assert.deepEqual(await pollsWrittenAs(t, polls, wrong), [20, 1, 1, 5, 1, 1, 1, 5, 5, 1, 1, 1, 1]);
});

test('polls of unusual figures', async (t) => {
  const [times, counts] = [2 ** 26 - 1, 2 ** 17 - 1];
  const polls: PollRow[] = [
    [SLOT, 1, SLOT, 0, 0, 0, 0],
    [SLOT, 2, SLOT + times, times, counts, counts, counts],
    [SLOT, 3, SLOT + 1, times, 0, counts, 0],
    [SLOT, 4, SLOT + times, 0, counts, 0, counts],
    [SLOT, 5, SLOT, 0, 0, 0, 0],
    [SLOT, 6, SLOT - 1, 5, 2, 21, 21],
    [SLOT, 7, SLOT + times + 1, 5, 2, 21, 21],
    [SLOT, 8, SLOT, times + 1, 2, 21, 21],
    [SLOT, 9, SLOT, 5, counts + 1, 21, 21],
    [SLOT, 10, SLOT, 5, 2, counts + 1, 21],
    [SLOT, 11, SLOT, 5, 2, 21, counts + 1],
  ];
  assert.deepEqual(await pollsWrittenAs(t, polls, new Map()), [5, 1, 1, 1, 1, 1, 1]);
});

test('rows that are there already stay as they are', async (t) => {
  const { connection, run } = await database(t);
  const write = (value: number) => {
    insertReadings(run, { slots: Float64Array.of(SLOT), topicIds: Int32Array.of(1), values: Float64Array.of(value) });
    const numbers = Float64Array.of(1, SLOT, value, 1, 1, 1);
    insertPolls(run, { slots: Float64Array.of(SLOT), numbers, errors: new Map([[0, 'again']]) });
  };
  write(5);
  write(6);
  assert.deepEqual(connection.prepare('SELECT value FROM reading_recent').raw().all([]), [[5]]);
  assert.deepEqual(connection.prepare('SELECT duration_ms FROM poll').raw().all([]), [[5]]);
});
