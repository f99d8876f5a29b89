// A large import, by hand: `node dist/test/import/large.js [rows] [target url]` makes an ancestor's database of that many
// rows (1,000,000), imports it twice from the beginning, prints the throughput, and fails when the second run changed
// anything. Without a URL it goes into a SQLite file.

import assert from 'node:assert/strict';
import process from 'node:process';
import { importAncestor } from '../../src/import/ancestor.js';
import { silentLog } from '../../src/model/log.js';
import { openBulk } from '../../src/store/bulk.js';
import { openReader } from '../../src/store/reader.js';
import { openConnection } from '../../src/store/sqlite/driver.js';
import { makeSqliteDatabase } from '../store/sqlite-database.js';

const rows = Number(process.argv[2] ?? 1_000_000);
const TOPICS = 84;

const source = makeSqliteDatabase();
const fallback = makeSqliteDatabase();
const url = process.argv[3] ?? fallback.url;

const connection = openConnection(source.path, 10_000);
connection.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
CREATE TABLE topics (topic_id int(11) NOT NULL, topic_name varchar(512) NOT NULL, PRIMARY KEY (topic_id), UNIQUE (topic_name));
CREATE TABLE meta (topic_id int(11) NOT NULL, metadata text NOT NULL, PRIMARY KEY (topic_id));
CREATE TABLE data (ts timestamp, topic_id int(11) NOT NULL, value_string text NOT NULL, UNIQUE (ts, topic_id));
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${TOPICS})
INSERT INTO topics SELECT i, 'UW/Building' || (i / 21) || '/meter/metric' || i FROM n;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows - 1})
INSERT INTO data SELECT strftime('%Y-%m-%d %H:%M:%f', 1496732400 + (i / ${TOPICS}) * 15, 'unixepoch'), i % ${TOPICS} + 1,
  CAST(i * 0.37 AS TEXT) FROM n;`);
connection.close();

const count = async () => {
  const reader = await openReader(url);
  const [figures] = await reader.rows('SELECT count(*), sum(value), count(DISTINCT ts) FROM reading');
  await reader.close();
  return figures;
};

const figures: unknown[] = [];
for (const run of ['first', 'second']) {
  const reader = await openReader(source.url);
  const bulk = await openBulk({ url, log: silentLog });
  const started = performance.now();
  const report = await importAncestor({ reader, bulk, timezone: 'UTC', note: null, onProgress: () => {} });
  const seconds = (performance.now() - started) / 1000;
  await Promise.all([reader.close(), bulk.close()]);
  assert.equal(report.readings, rows);
  figures.push(await count());
  const { rss } = process.memoryUsage();
  console.log(
    `${run} run: ${rows} rows in ${seconds.toFixed(1)} s, ${Math.round(rows / seconds)} rows/s, ${Math.round(rss / 2 ** 20)} MB`,
  );
}
assert.deepEqual(figures[1], figures[0], 'the second run changed nothing');
console.log('the second run changed nothing:', figures[1]);
await Promise.all([source.drop(), fallback.drop()]);
