import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { counter, gauge, sampleMeter } from '../store/sample.js';
import { makeSqliteDatabase } from '../store/sqlite-database.js';
import { temporaryFolder } from '../support/polls.js';
import { type Kind, kinds, readingsOf, runImport } from './support.js';

const sqlite = kinds[0] as Kind;
const at = (hour: number, minute = 0) => Date.UTC(2026, 0, 5, hour, minute);

test("another program's CSV: own column names, semicolons, decimal commas, local times; what is no reading is told", async (t) => {
  const file = join(await temporaryFolder(t), 'zähler.csv');
  const lines = [
    '\uFEFFZeitpunkt;Zähler;Größe;Wert;Bemerkung',
    '2026-01-05 08:00;Plant/A;W;1,5;ok',
    '2026-01-05 08:00;Plant/A;Wh;100;',
    '2026-01-05 08:10;Plant/A;Wh;100,25;',
    '2026-01-05 08:20;Plant/A;W;n/a;',
    'gestern;Plant/A;W;1;',
    '2026-01-05 08:20;;W;1;',
    '2026-01-05 08:00;Plant/A;W;9;',
  ];
  writeFileSync(file, lines.join('\r\n'));
  const target = makeSqliteDatabase();
  t.after(() => target.drop());
  const headers = new Map(Object.entries({ time: 'Zeitpunkt', meter: 'Zähler', metric: 'größe', value: 'Wert' }));
  const configured = [sampleMeter('Plant/A', [gauge('W', 'kW'), counter('Wh', 2 ** 32)])];
  const report = await runImport(file, target, { headers, configured, timezone: 'Europe/Berlin' });
  assert.deepEqual(await readingsOf(target, sqlite), [
    ['Plant/A/W', at(7), 1.5],
    ['Plant/A/Wh', at(7), 100],
    ['Plant/A/Wh', at(7, 10), 100.25],
  ]);
  assert.deepEqual([...report.skipped.keys()].sort(), [
    'a second value of the same time',
    'no meter',
    'not a number',
    'not a time',
  ]);
  assert.deepEqual(await target.rows('SELECT metric, unit, kind FROM topic ORDER BY metric'), [
    ['W', 'kW', 'gauge'],
    ['Wh', 'kWh', 'counter'],
  ]);
  assert.deepEqual(
    await target.rows("SELECT consumption FROM energy WHERE period = 'day'"),
    [[0.25]],
    'by the map, a counter',
  );
});

test('files of one metric each complete the polls of one another; a value that is there stays', async (t) => {
  const folder = await temporaryFolder(t);
  const target = makeSqliteDatabase();
  t.after(() => target.drop());
  const write = (name: string, ...lines: string[]) => {
    writeFileSync(join(folder, name), ['time,meter,metric,value', ...lines].join('\n'));
    return join(folder, name);
  };
  await runImport(write('w.csv', '2026-01-05T07:00:00Z,A,W,1'), target);
  await runImport(write('v.csv', '2026-01-05T07:00:00Z,A,V,230', '2026-01-05T07:00:00Z,A,W,99'), target);
  assert.deepEqual(await readingsOf(target, sqlite), [
    ['A/V', at(7), 230],
    ['A/W', at(7), 1],
  ]);
  assert.deepEqual(await target.rows('SELECT expected, stored FROM poll'), [[2, 2]]);
  assert.deepEqual(await target.rows('SELECT count FROM rollup ORDER BY topic_id'), [[1], [1]]);
});

test('a file without the columns is refused with what it has, and what to write', async (t) => {
  const file = join(await temporaryFolder(t), 'x.csv');
  const target = makeSqliteDatabase();
  t.after(() => target.drop());
  writeFileSync(file, 'when,meter,metric,value\n');
  await assert.rejects(runImport(file, target), { code: 'csv-columns', message: /no column time among when, meter/ });
  await assert.rejects(runImport(`${file}.csv`, target), { code: 'unreadable-file' });
});

test('an interrupted import of a CSV file goes on where it was', async (t) => {
  const file = join(await temporaryFolder(t), 'long.csv');
  const lines = Array.from({ length: 45_000 }, (_, i) => `${new Date(at(0) + i * 1000).toISOString()},A,W,${i}`);
  writeFileSync(file, ['time,meter,metric,value', ...lines].join('\n'));
  const target = makeSqliteDatabase();
  t.after(() => target.drop());
  await assert.rejects(runImport(file, target, { failAt: 3 }), { code: 'away' });
  assert.deepEqual(await target.rows('SELECT count(*) FROM poll'), [[40_000]]);
  assert.equal((await runImport(file, target)).readings, 5_000, 'only what was left');
  assert.deepEqual(await target.rows('SELECT count(*) FROM poll'), [[45_000]]);
});
