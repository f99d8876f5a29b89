import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { generate } from '../../src/gendata/generate.js';
import { parseSeries } from '../../src/gendata/series.js';
import { importAncestor } from '../../src/import/ancestor.js';
import { importEmdc, isEmdc } from '../../src/import/emdc.js';
import { silentLog } from '../../src/model/log.js';
import { type Bulk, openBulk } from '../../src/store/bulk.js';
import { openStore } from '../../src/store/open.js';
import { openReader } from '../../src/store/reader.js';
import type { TestDatabase } from '../contract/database.js';
import { makeMysqlDatabase, makePostgresDatabase, skipMysql, skipPostgres } from '../store/server-databases.js';
import { makeSqliteDatabase } from '../store/sqlite-database.js';
import { meterInfo, pollOf } from '../support/polls.js';

const ancestorSql = [
  'CREATE TABLE topics (topic_id int NOT NULL, topic_name varchar(512) NOT NULL, PRIMARY KEY (topic_id), UNIQUE (topic_name))',
  'CREATE TABLE meta (topic_id int NOT NULL, metadata text NOT NULL, PRIMARY KEY (topic_id))',
  'CREATE TABLE data (ts datetime(6), topic_id int NOT NULL, value_string text NOT NULL, UNIQUE (ts, topic_id))',
  `INSERT INTO topics VALUES (1,'UW/Alder/eaton_meter/VA'),(2,'UW/Alder/eaton_meter/W'),(7,'Outside')`,
  `INSERT INTO meta VALUES (1,'{"units":"VA","tz":"PT","type":"float"}'),(2,'{"units":"W ","type":"float"}')`,
  `INSERT INTO data VALUES
    ('2017-06-06 00:00:00.185833',1,'25293.236328125'),('2017-06-06 00:00:00.185833',2,'8702.662109375'),
    ('2017-06-06 00:00:01.500000',1,'nan'),('2017-06-06 00:00:02.000000',7,'True'),
    ('2017-06-06 00:00:03.000000',99,'1.0'),('2017-11-05 01:30:00.000000',2,'-1e-05'),
    ('2018-01-01 00:00:00.000000',2,'12')`,
];

async function makeAncestor(make: () => Promise<TestDatabase> | TestDatabase): Promise<TestDatabase> {
  const database = await make();
  for (const sql of ancestorSql) await database.run(sql);
  return database;
}

const targets = [
  { name: 'SQLite', make: makeSqliteDatabase, skip: false as const, ms: 'r.ts' },
  {
    name: 'PostgreSQL',
    make: makePostgresDatabase,
    skip: skipPostgres,
    ms: '(extract(epoch FROM r.ts) * 1000)::bigint',
  },
  {
    name: 'MySQL',
    make: makeMysqlDatabase,
    skip: skipMysql,
    ms: "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', r.ts) DIV 1000",
  },
];

for (const { name, make, skip, ms } of targets) {
  const readingsOf = async (database: TestDatabase) =>
    (
      await database.rows(
        `SELECT t.name, ${ms}, r.value FROM reading r JOIN topic t ON t.id = r.topic_id ORDER BY 1, 2`,
      )
    ).map(([topic, time, value]) => [topic, Number(time), value]);

  const withBulk = async <T>(database: TestDatabase, work: (bulk: Bulk) => Promise<T>): Promise<T> => {
    const bulk = await openBulk({ url: database.url, log: silentLog });
    try {
      return await work(bulk);
    } finally {
      await bulk.close();
    }
  };

  describe(`into ${name}`, { skip }, () => {
    test("an ancestor's database: what means something is there, what does not is told, a second time changes nothing", async (t) => {
      const source = await makeAncestor(makeSqliteDatabase);
      const target = await make();
      t.after(() => Promise.all([source.drop(), target.drop()]));
      const run = (note: string | null) =>
        withBulk(target, async (bulk) => {
          const reader = await openReader(source.url);
          assert.equal(await isEmdc(reader), false);
          const options = { reader, bulk, timezone: 'America/Los_Angeles', note, onProgress: () => {} };
          const report = await importAncestor(options);
          await reader.close();
          return report;
        });
      const report = await run('import:test');
      assert.equal(report.readings, 5);
      assert.deepEqual(
        [...report.skipped].map(([reason, { count }]) => [reason, count]),
        [
          ['not a number', 1],
          ['unknown topic', 1],
        ],
      );
      assert.equal(report.notes.size, 2, 'a renamed topic and a repeated hour');
      const expected = [
        ['UW/Alder/eaton_meter/VA', Date.UTC(2017, 5, 6, 7, 0, 0, 185), 25293.236328125],
        ['UW/Alder/eaton_meter/W', Date.UTC(2017, 5, 6, 7, 0, 0, 185), 8702.662109375],
        ['UW/Alder/eaton_meter/W', Date.UTC(2017, 10, 5, 8, 30), -1e-5],
        ['UW/Alder/eaton_meter/W', Date.UTC(2018, 0, 1, 8), 12],
        ['imported/Outside', Date.UTC(2017, 5, 6, 7, 0, 2), 1],
      ];
      assert.deepEqual(await readingsOf(target), expected);
      assert.deepEqual(await target.rows("SELECT unit FROM topic WHERE metric = 'W'"), [['W']]);
      assert.equal((await run('import:test')).readings, 1, 'goes on at the last moment');
      assert.equal((await run(null)).readings, 5);
      assert.deepEqual(await readingsOf(target), expected);
    });

    test('another EMDC database: everything is there, under the same names, and again changes nothing', async (t) => {
      const source = makeSqliteDatabase();
      const target = await make();
      t.after(() => Promise.all([source.drop(), target.drop()]));
      const store = await openStore({ url: source.url, log: silentLog });
      const meters = [meterInfo('plant/a', 3), meterInfo('plant/b', 2)];
      const noon = Date.UTC(2024, 4, 5, 12);
      for (let slot = noon; slot < noon + 7_200_000; slot += 60_000) {
        const polls = meters.map((meter) => pollOf(meter, slot));
        if (slot === noon) polls.push(pollOf(meterInfo('plant/c', 2), slot, [1.25, Number.NaN], 'exception 2'));
        await store.write({ polls, gaps: [] });
      }
      // The older half moves to where history lies.
      while (await store.maintain(noon + 2 * 3_600_000));
      await store.close();
      const run = () =>
        withBulk(target, async (bulk) => {
          const reader = await openReader(source.url);
          assert.equal(await isEmdc(reader), true);
          const report = await importEmdc({ reader, bulk, onProgress: () => {} });
          await reader.close();
          return report;
        });
      const before = (await source.rows(
        'SELECT t.name, r.ts, r.value FROM reading r JOIN topic t ON t.id = r.topic_id ORDER BY 1, 2',
      )) as unknown[];
      for (const time of ['first', 'second']) {
        const report = await run();
        assert.deepEqual([report.readings, report.polls], [601, 241], time);
        assert.ok(report.rollups > 0);
        const figures = 'SELECT t.name, u.count, u.min, u.max, u.mean, u.first, u.last, u.increase';
        const rollups = `${figures} FROM rollup u JOIN topic t ON t.id = u.topic_id ORDER BY 1, u.bucket`;
        assert.deepEqual(await target.rows(rollups), await source.rows(rollups), time);
        assert.deepEqual(await readingsOf(target), before, time);
        assert.deepEqual((await target.rows('SELECT count(*), sum(stored) FROM poll')).flat().map(Number), [241, 601]);
        assert.deepEqual(await target.rows('SELECT reason, readings FROM gap'), [['exception 2', 1]]);
      }
    });

    test('another EMDC database whose old polls are no more: coverage is that of the source, and again changes nothing', async (t) => {
      const [source, target] = [await make(), await make()];
      t.after(() => Promise.all([source.drop(), target.drop()]));
      const day = 86_400_000;
      const today = Date.now() - (Date.now() % day);
      const store = await openStore({
        url: source.url,
        log: silentLog,
        retention: { readingsMs: 10 * day, rollupsMs: null },
      });
      for (const slot of [today - 20 * day, today - 20 * day + 3_600_000, today - day]) {
        const polls = ['plant/a', 'plant/b'].map((meter) =>
          pollOf(meterInfo(meter, 2), slot, [1, Number.NaN], 'timeout'),
        );
        await store.write({ polls, gaps: [] });
      }
      while (await store.maintain(today));
      await store.close();
      assert.deepEqual((await source.rows('SELECT count(*) FROM poll')).flat().map(Number), [2]);
      const coverage = async (database: TestDatabase) =>
        (
          await database.rows(
            `SELECT meter, ${ms.replace('r.ts', 'time')}, expected, stored, timeout FROM coverage ORDER BY 1, 2`,
          )
        ).map(([meter, ...numbers]) => [meter, ...numbers.map(Number)]);
      assert.equal((await coverage(source)).length, 6);
      for (const time of ['first', 'second']) {
        await withBulk(target, async (bulk) => {
          const reader = await openReader(source.url);
          await importEmdc({ reader, bulk, onProgress: () => {} });
          await reader.close();
          assert.deepEqual(await coverage(target), await coverage(source), time);
          while (await bulk.maintain(today));
        });
        assert.deepEqual(await coverage(target), await coverage(source), `${time}, counted`);
      }
    });

    test('generated data replaces what its topics have in its range, and nothing else', async (t) => {
      const target = await make();
      t.after(() => target.drop());
      const one = (start: string, end: string, offset: number, topic = 'a/b') =>
        ({ start, end, topic_name: topic, topic_id: 1, sample_rate: 1, amplitude_offset: offset, spread: 0 }) as const;
      const run = (...entries: object[]) =>
        withBulk(target, (bulk) => {
          const series = parseSeries(JSON.stringify(entries), 'test.json');
          return generate(series, { bulk, random: () => 0.5, onProgress: () => {} });
        });
      const first = await run(
        one('2017-01-01T00:00:00Z', '2017-01-01T00:00:10Z', 1),
        one('2017-01-01', '2017-01-01T00:00:10Z', 5, 'a/c'),
      );
      assert.deepEqual(first, { topics: 2, removed: 0, written: 20 });
      const second = await run(
        one('2017-01-01T00:00:04Z', '2017-01-01T00:00:06Z', 7),
        one('2017-01-01T00:00:05Z', '2017-01-01T00:00:06Z', 100),
      );
      assert.deepEqual(second, { topics: 1, removed: 3, written: 2 });
      const values = (await readingsOf(target))
        .filter(([topic]) => topic === 'a/b')
        .map(([, time, value]) => [Number(time) % 60_000, value]);
      assert.deepEqual(values, [
        [0, 1],
        [1000, 1],
        [2000, 1],
        [3000, 1],
        [4000, 7],
        [5000, 107],
        [7000, 1],
        [8000, 1],
        [9000, 1],
      ]);
    });
  });
}

describe('from MySQL', { skip: skipMysql }, () => {
  test("an ancestor's database with its microseconds", async (t) => {
    const source = await makeAncestor(makeMysqlDatabase);
    const target = makeSqliteDatabase();
    t.after(() => Promise.all([source.drop(), target.drop()]));
    const bulk = await openBulk({ url: target.url, log: silentLog });
    const reader = await openReader(source.url);
    const report = await importAncestor({ reader, bulk, timezone: 'UTC', note: null, onProgress: () => {} });
    await Promise.all([reader.close(), bulk.close()]);
    assert.equal(report.readings, 5);
    assert.deepEqual(await target.rows('SELECT min(ts) FROM reading'), [[Date.UTC(2017, 5, 6, 0, 0, 0, 185)]]);
  });
});
