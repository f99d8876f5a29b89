import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import { packageRoot } from '../../src/model/paths.js';
import { openStore } from '../../src/store/open.js';
import { makeSqliteDatabase, type SqliteDatabase } from '../store/sqlite-database.js';
import { kinds, readingsOf, runImport } from './support.js';

const noon = Date.UTC(2026, 10, 20, 12);
const MINUTE_MS = 60_000;

/** Two meters, two hours of a poll a minute; the older hour lies in history. */
async function makeFirstEdition(): Promise<SqliteDatabase> {
  const database = makeSqliteDatabase();
  await database.run(readFileSync(`${packageRoot}test/import/fixtures/emdc-0.1.sqlite.sql`, 'utf8'));
  await database.run(`
    UPDATE upkeep SET value = ${noon + 60 * MINUTE_MS} WHERE name IN ('moved_until', 'moving_until');
    INSERT INTO meter VALUES (1, 'Plant/A', '10.0.0.1', 502, 1, 'nexus'), (2, 'Plant/B', '10.0.0.2', 503, 7, 'eaton');
    INSERT INTO topic VALUES (1, 1, 'W', 'Plant/A/W', 'power', 'W', 'FLOAT32', 'gauge', NULL),
      (2, 1, 'Wh', 'Plant/A/Wh', 'energy', 'kWh', 'UINT32', 'counter', 4294967296),
      (3, 2, 'W', 'Plant/B/W', '', 'W', 'FLOAT32', 'gauge', NULL);`);
  const rows: Record<'poll' | 'recent' | 'history', string[]> = { poll: [], recent: [], history: [] };
  for (let minute = 0; minute < 120; minute++) {
    const slot = noon + minute * MINUTE_MS;
    const table = minute < 60 ? 'history' : 'recent';
    const row = (topic: number, value: number) =>
      rows[table].push(table === 'history' ? `(${topic}, ${slot}, ${value})` : `(${slot}, ${topic}, ${value})`);
    if (minute === 30) {
      rows.poll.push(`(${slot}, 1, ${slot + 5}, 1000, 2, 2, 1, 'exception 2: holding 0+2')`);
      row(1, 100);
      continue;
    }
    rows.poll.push(`(${slot}, 1, ${slot + 5}, 12, 1, 2, 2, NULL)`);
    row(1, 100 + minute);
    row(2, 1000 + minute * 0.5);
  }
  await database.run(`
    INSERT INTO poll VALUES ${rows.poll.join(', ')};
    INSERT INTO reading_recent VALUES ${rows.recent.join(', ')};
    INSERT INTO reading_history VALUES ${rows.history.join(', ')};
    INSERT INTO reading_history VALUES (3, ${noon - 86_400_000}, 7.5);
    INSERT INTO gap VALUES (${noon + 30 * MINUTE_MS}, 1, 'exception 2', ${noon + 30 * MINUTE_MS}, 1, 1),
      (${noon + 120 * MINUTE_MS}, 1, 'down', ${noon + 180 * MINUTE_MS}, 60, 120);`);
  return database;
}

for (const kind of kinds) {
  test(`EMDC 0.1 into ${kind.name}: readings, reasons, gaps, energy; twice is as once`, {
    skip: kind.skip,
  }, async (t) => {
    const source = await makeFirstEdition();
    const target = await kind.make();
    t.after(() => Promise.all([source.drop(), target.drop()]));
    const before = await readingsOf(source, { ...kind, ms: (column) => column });
    assert.equal(before.length, 240);
    for (const time of ['first', 'second']) {
      const report = await runImport(source.url, target);
      assert.deepEqual([report.readings, report.polls, report.gaps, report.topics], [240, 121, 1, 3], time);
      assert.deepEqual(await readingsOf(target, kind), before, time);
    }
    const ms = (column: string) => kind.ms(column);
    assert.deepEqual(
      await target.rows('SELECT meter, metric, reason FROM missing'),
      [['Plant/A', 'Wh', 'exception 2']],
      'which metric, and why',
    );
    assert.deepEqual(
      (await target.rows(`SELECT reason, ${ms('ts')}, ${ms('until')}, slots FROM gap`)).map(([r, ...n]) => [
        r,
        ...n.map(Number),
      ]),
      [['down', noon + 120 * MINUTE_MS, noon + 180 * MINUTE_MS, 60]],
    );
    const [[energy]] = (await target.rows(
      "SELECT sum(consumption) FROM energy WHERE topic = 'Plant/A/Wh' AND period = 'day'",
    )) as [[number]];
    assert.equal(Number(energy), 59.5);
    const coverage = await target.rows(
      "SELECT sum(expected), sum(stored), sum(exception), sum(down) FROM coverage WHERE meter = 'Plant/A'",
    );
    assert.deepEqual(coverage.flat().map(Number), [360, 239, 1, 120]);
    assert.deepEqual(await target.rows("SELECT host, port, unit_id FROM meter WHERE name = 'Plant/B'"), [
      ['10.0.0.2', 503, 7],
    ]);
  });
}

test('a database of EMDC 0.1 is refused with the command that copies it, and stays as it is', async (t) => {
  const source = await makeFirstEdition();
  t.after(() => source.drop());
  await assert.rejects(
    openStore({ url: source.url, log: silentLog }),
    (error: Error & { code: string; hint: string }) => {
      assert.equal(error.code, 'database-older');
      assert.match(error.hint, /emdc import --from/);
      return true;
    },
  );
  assert.deepEqual(await source.rows('SELECT count(*) FROM reading'), [[240]]);
});

test('an interrupted import of EMDC 0.1 goes on where it was', async (t) => {
  const source = await makeFirstEdition();
  const target = makeSqliteDatabase();
  t.after(() => Promise.all([source.drop(), target.drop()]));
  await assert.rejects(runImport(source.url, target, { failAt: 2 }), { code: 'away' });
  assert.deepEqual(await target.rows('SELECT count(*) FROM poll'), [[60]]);
  assert.equal((await runImport(source.url, target)).polls, 61, 'only what was left');
  assert.deepEqual(await target.rows('SELECT count(*) FROM poll'), [[121]]);
});
