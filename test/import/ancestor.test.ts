import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { packageRoot } from '../../src/model/paths.js';
import type { TestDatabase } from '../contract/database.js';
import { sampleMeter } from '../store/sample.js';
import { makeMysqlDatabase, skipMysql } from '../store/server-databases.js';
import { makeSqliteDatabase } from '../store/sqlite-database.js';
import { type Kind, kinds, readingsOf, runImport } from './support.js';

const sql = [
  'CREATE TABLE topics (topic_id int NOT NULL, topic_name varchar(512) NOT NULL, PRIMARY KEY (topic_id), UNIQUE (topic_name))',
  'CREATE TABLE meta (topic_id int NOT NULL, metadata text NOT NULL, PRIMARY KEY (topic_id))',
  'CREATE TABLE data (ts datetime(6), topic_id int NOT NULL, value_string text NOT NULL, UNIQUE (ts, topic_id))',
  `INSERT INTO topics VALUES (1,'UW/Alder/eaton_meter/VA'),(2,'UW/Alder/eaton_meter/W'),(7,'Outside'),(8,'Nothing/ever')`,
  `INSERT INTO meta VALUES (1,'{"units":"VA","tz":"PT","type":"float"}'),(2,'{"units":"W ","type":"float"}')`,
  `INSERT INTO data VALUES
    ('2017-06-06 00:00:00.185833',1,'25293.236328125'),('2017-06-06 00:00:00.185833',2,'8702.662109375'),
    ('2017-06-06 00:00:01.500000',1,'nan'),('2017-06-06 00:00:02.000000',7,'True'),
    ('2017-06-06 00:00:03.000000',99,'1.0'),('2017-11-05 01:30:00.000000',2,'-1e-05'),
    ('2018-01-01 00:00:00.000000',2,'12')`,
];

async function makeAncestor(make: () => Promise<TestDatabase> | TestDatabase): Promise<TestDatabase> {
  const database = await make();
  for (const statement of sql) await database.run(statement);
  return database;
}

const expected = [
  ['UW/Alder/eaton_meter/VA', Date.UTC(2017, 5, 6, 7, 0, 0, 185), 25293.236328125],
  ['UW/Alder/eaton_meter/W', Date.UTC(2017, 5, 6, 7, 0, 0, 185), 8702.662109375],
  ['UW/Alder/eaton_meter/W', Date.UTC(2017, 10, 5, 8, 30), -1e-5],
  ['UW/Alder/eaton_meter/W', Date.UTC(2018, 0, 1, 8), 12],
  ['imported/Outside', Date.UTC(2017, 5, 6, 7, 0, 2), 1],
];

for (const kind of kinds) {
  test(`an ancestor's database into ${kind.name}: one poll per meter and time, the rest is told, twice is as once`, {
    skip: kind.skip,
  }, async (t) => {
    const source = await makeAncestor(makeSqliteDatabase);
    const target = await kind.make();
    t.after(() => Promise.all([source.drop(), target.drop()]));
    for (const time of ['first', 'second']) {
      const report = await runImport(source.url, target, { timezone: 'America/Los_Angeles' });
      assert.deepEqual([report.readings, report.polls, report.topics], [5, 4, 3], time);
      assert.deepEqual(
        [...report.skipped].map(([reason, { count }]) => [reason, count]),
        [
          ['not a number', 1],
          ['unknown topic', 1],
        ],
      );
      assert.equal(report.notes.size, 2, 'a renamed topic and a repeated hour');
      assert.deepEqual(await readingsOf(target, kind), expected, time);
    }
    assert.deepEqual(await target.rows("SELECT unit FROM topic WHERE metric = 'W'"), [['W']]);
    assert.deepEqual((await target.rows('SELECT count(*) FROM rollup')).flat().map(Number), [5]);
    assert.deepEqual((await target.rows('SELECT count(*) FROM dirty')).flat().map(Number), [0]);
    assert.deepEqual((await target.rows('SELECT sum(expected), sum(stored) FROM poll')).flat().map(Number), [5, 5]);
    const first = await target.rows(`SELECT min(day) FROM calendar`);
    assert.deepEqual(first, [['2017-06-06']], 'local days from the first reading on');
  });
}

const sqlite = kinds[0] as Kind;

test('a metric that the database knows with another unit keeps the readings of both apart, under one name', async (t) => {
  const source = await makeAncestor(makeSqliteDatabase);
  const target = makeSqliteDatabase();
  t.after(() => Promise.all([source.drop(), target.drop()]));
  const metric = { name: 'W', description: '', unit: 'kW', dataType: 'FLOAT32', kind: { type: 'gauge' } } as const;
  await runImport(source.url, target, { configured: [sampleMeter('UW/Alder/eaton_meter', [metric])] });
  assert.deepEqual(await target.rows("SELECT unit, retired IS NOT NULL FROM topic WHERE metric = 'W'"), [['W', 1]]);
  assert.equal((await readingsOf(target, sqlite)).length, 5);
});

describe('from MySQL', { skip: skipMysql }, () => {
  test("the ancestor's own files: all readings, by the meters' names, with their microseconds cut", async (t) => {
    const source = await makeMysqlDatabase();
    const target = makeSqliteDatabase();
    t.after(() => Promise.all([source.drop(), target.drop()]));
    for (const file of ['topics', 'meta', 'data', 'volttron_table_definitions'])
      await source.run(readFileSync(`${packageRoot}test/golden/ancestor/${file}.sql`, 'utf8'));
    const report = await runImport(source.url, target);
    const [[rows]] = (await source.rows('SELECT count(*) FROM data')) as [[number]];
    assert.equal(report.readings, Number(rows));
    assert.equal(report.skipped.size, 0);
    const topics = await source.rows(
      `SELECT t.topic_name, d.ts, d.value_string FROM data d JOIN topics t ON t.topic_id = d.topic_id WHERE d.topic_id IN (1, 64)`,
    );
    const readings = new Map(
      (await readingsOf(target, sqlite)).map(([topic, time, value]) => [`${topic} ${time}`, value]),
    );
    for (const [topic, ts, text] of topics)
      assert.equal(readings.get(`${topic} ${(ts as Date).getTime()}`), Number(text), `${topic} ${ts}`);
    assert.deepEqual(
      await target
        .rows("SELECT name, unit FROM topic WHERE name = 'UW/Alder/eaton_meter/W'")
        .then((found) => found.length),
      (
        await source.rows(
          "SELECT 1 FROM topics t JOIN data d ON d.topic_id = t.topic_id WHERE topic_name = 'UW/Alder/eaton_meter/W' LIMIT 1",
        )
      ).length,
    );
  });
});

test('an interrupted import goes on where it was', async (t) => {
  const source = await makeAncestor(makeSqliteDatabase);
  const target = makeSqliteDatabase();
  t.after(() => Promise.all([source.drop(), target.drop()]));
  const values = Array.from({ length: 45_000 }, (_, i) => {
    const time = new Date(Date.UTC(2019, 0, 1) + i * 1000).toISOString().replace('T', ' ').replace('Z', '');
    return `('${time}',1,'${i}')`;
  });
  await source.run(`INSERT INTO data VALUES ${values.join(',')}`);
  await assert.rejects(runImport(source.url, target, { failAt: 3 }), { code: 'away' });
  assert.deepEqual((await target.rows('SELECT count(*) FROM reading')).flat(), [39_998]);
  const report = await runImport(source.url, target);
  assert.equal(report.readings, 5_007, 'only what was left');
  assert.deepEqual((await target.rows('SELECT count(*) FROM reading')).flat(), [45_005]);
  assert.deepEqual(await target.rows("SELECT * FROM setting WHERE name LIKE 'import%'"), []);
});
