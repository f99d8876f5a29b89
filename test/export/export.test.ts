import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import xlsx from 'xlsx';
import { type ExportOptions, exportData } from '../../src/export/export.js';
import { grouped, periodStart } from '../../src/export/figures.js';
import { timeFormat } from '../../src/export/table.js';
import { matcher } from '../../src/export/topics.js';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import { openReader } from '../../src/store/read.js';
import type { TestDatabase } from '../contract/database.js';
import { type Kind, kinds, runImport } from '../import/support.js';
import { counter, gauge, sampleMeter, samplePoll } from '../store/sample.js';
import { temporaryFolder } from '../support/polls.js';

const MINUTE_MS = 60_000;
/** Midnight in Berlin; clocks go forward a day later. */
const midnight = Date.UTC(2026, 2, 27, 23);
const meters = [
  sampleMeter('Plant/A', [gauge('W', 'W'), counter('Wh', 2 ** 32)]),
  sampleMeter('Plant/B, "new"', [counter('Wh', 2 ** 32)]),
];

async function fill(database: TestDatabase): Promise<void> {
  const store = await openStore({ url: database.url, log: silentLog, timezone: 'Europe/Berlin' });
  const [a, b] = meters as [(typeof meters)[0], (typeof meters)[0]];
  await store.setMeters(meters, midnight);
  // Three local days, the second of which has 23 hours; the last digits of doubles must survive.
  for (let slot = midnight; slot < midnight + 71 * 60 * MINUTE_MS; slot += 10 * MINUTE_MS) {
    const run = (slot - midnight) / MINUTE_MS;
    await store.write({
      polls: [
        samplePoll(a, slot, [run % 70 === 0 ? null : Math.sin(run) / 3, run / 7]),
        samplePoll(b, slot + 1, [run]),
      ],
      gaps: [],
    });
  }
  while (await store.maintain(midnight + 80 * 60 * MINUTE_MS));
  await store.close();
}

async function run(
  database: TestDatabase,
  options: Partial<ExportOptions> & Pick<ExportOptions, 'to'>,
): Promise<number> {
  const reader = await openReader(database.url);
  const shared = {
    reader,
    what: 'readings',
    format: 'csv',
    wide: false,
    timezone: 'Europe/Berlin',
    times: 'local',
  } as const;
  const all = { meters: [], metrics: [], from: 0, until: Date.UTC(9000, 0), onProgress: () => {} };
  try {
    return await exportData({ ...shared, ...all, ...options });
  } finally {
    await reader.close();
  }
}

for (const kind of kinds) {
  describe(`export from ${kind.name}`, { skip: kind.skip }, () => {
    test('export, import into an empty database, export: the same bytes, long and wide, and the same figures', async (t) => {
      const folder = await temporaryFolder(t);
      const [first, second, third] = [await kind.make(), await kind.make(), await kind.make()];
      t.after(() => Promise.all([first.drop(), second.drop(), third.drop()]));
      await fill(first);
      const file = (name: string) => join(folder, `${name}.csv`);
      const text = (name: string) => readFileSync(file(name), 'utf8');
      assert.equal(await run(first, { to: file('long-1') }), 426 + 426 - 61 + 426);
      await run(first, { to: file('wide-1'), wide: true, times: 'utc' });
      await runImport(file('long-1'), second, { configured: meters, timezone: 'Europe/Berlin' });
      await runImport(file('wide-1'), third, { configured: meters, timezone: 'Europe/Berlin' });
      await run(second, { to: file('long-2') });
      await run(third, { to: file('wide-2'), wide: true, times: 'utc' });
      assert.equal(text('long-2'), text('long-1'));
      assert.equal(text('wide-2'), text('wide-1'));
      assert.match(text('long-1'), /^time,meter,metric,unit,value\r\n2026-03-28T00:00:00\+01:00,Plant\/A,Wh,kWh,0\r\n/);
      assert.match(text('wide-1'), /\r\n2026-03-27T23:10:00Z,Plant\/A,-?0\.\d+,1\.428/);
      for (const what of ['quarters', 'hours', 'days', 'months', 'peaks'] as const) {
        await run(first, { what, to: file(`${what}-1`) });
        await run(second, { what, to: file(`${what}-2`) });
        assert.equal(text(`${what}-2`), text(`${what}-1`), what);
      }
    });

    test('days and months are those of the view energy', async (t) => {
      const database = await kind.make();
      const folder = await temporaryFolder(t);
      t.after(() => database.drop());
      await fill(database);
      for (const [what, period] of [
        ['hours', 'hour'],
        ['days', 'day'],
        ['months', 'month'],
      ] as const) {
        await run(database, { what, times: 'utc', metrics: ['Wh'], to: join(folder, 'x.csv') });
        const rows = readFileSync(join(folder, 'x.csv'), 'utf8').trim().split('\r\n').slice(1);
        const own = rows.map((row) => row.split(',')).filter(([, meter]) => meter === 'Plant/A');
        const view = await database.rows(
          `SELECT ${kind.ms('time')}, consumption, quality FROM energy WHERE meter = 'Plant/A' AND period = '${period}' ORDER BY 1`,
        );
        const figures = (time: number, consumption: unknown, quality: unknown) => [
          time,
          Number(consumption).toFixed(9),
          quality,
        ];
        assert.deepEqual(
          own.map((row) => figures(Date.parse(row[0] ?? ''), row[10], row[11])),
          // The calendar, and so the view's first month, begins with the first reading; a month of an export is whole.
          view.map(([time, consumption, quality]) =>
            figures(period === 'month' ? Date.UTC(2026, 1, 28, 23) : Number(time), consumption, quality),
          ),
          what,
        );
      }
      await run(database, { what: 'coverage', to: join(folder, 'c.csv') });
      const [header = '', ...hours] = readFileSync(join(folder, 'c.csv'), 'utf8').trim().split('\r\n');
      assert.match(header, /^time,meter,expected,stored,missing,timeout,/);
      const missing = hours.reduce((sum, line) => sum + Number(/,(\d+)(?:,\d+){17}$/.exec(line)?.[1]), 0);
      assert.equal(missing, 61);
    });
  });
}

describe('files', () => {
  const [sqlite] = kinds as [Kind];

  test('a workbook has local date cells, a Parquet file instants; patterns and times choose', async (t) => {
    const database = await sqlite.make();
    const folder = await temporaryFolder(t);
    t.after(() => database.drop());
    await fill(database);
    const choice = { meters: ['Plant/?'], metrics: ['Wh'], from: midnight, until: midnight + 60 * MINUTE_MS };
    assert.equal(await run(database, { ...choice, format: 'xlsx', to: join(folder, 'x.xlsx') }), 6);
    const book = xlsx.read(readFileSync(join(folder, 'x.xlsx')), { cellNF: true });
    const sheet = book.Sheets['readings'];
    assert.equal(sheet?.['A2']?.w, '2026-03-28 00:00:00');
    assert.deepEqual([sheet?.['B3']?.v, sheet?.['E3']?.v], ['Plant/A', 10 / 7]);
    assert.equal(await run(database, { ...choice, format: 'parquet', to: join(folder, 'x.parquet') }), 6);
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(join(folder, 'x.parquet')) });
    assert.deepEqual(rows[1], {
      time: new Date(midnight + 10 * MINUTE_MS),
      meter: 'Plant/A',
      metric: 'Wh',
      unit: 'kWh',
      value: 10 / 7,
    });
    assert.equal(rows.length, 6);
  });

  test('a file that cannot be written is told, and leaves nothing', async (t) => {
    const database = await sqlite.make();
    const folder = await temporaryFolder(t);
    t.after(() => database.drop());
    await fill(database);
    for (const format of ['csv', 'xlsx', 'parquet'] as const) {
      const to = join(folder, 'none', `x.${format}`);
      await assert.rejects(run(database, { format, to }), { code: 'unwritable-file' });
      assert.equal(existsSync(to), false);
    }
  });
});

test('periods: local days of 23 and 25 hours, months, half-hour zones', () => {
  const iso = (time: number) => new Date(time).toISOString();
  const day = periodStart('days', 'Europe/Berlin');
  assert.equal(iso(day(Date.UTC(2026, 2, 29, 21, 45))), '2026-03-28T23:00:00.000Z');
  assert.equal(iso(day(Date.UTC(2026, 2, 29, 22))), '2026-03-29T22:00:00.000Z');
  assert.equal(iso(periodStart('months', 'Europe/Berlin')(Date.UTC(2026, 3, 15))), '2026-03-31T22:00:00.000Z');
  assert.equal(iso(periodStart('days', 'Asia/Kathmandu')(Date.UTC(2026, 0, 1, 18, 15))), '2026-01-01T18:15:00.000Z');
  assert.equal(timeFormat('Asia/Kathmandu')(Date.UTC(2026, 0, 1, 18, 15)), '2026-01-02T00:00:00+05:45');
  assert.equal(timeFormat('America/St_Johns')(Date.UTC(2026, 0, 1, 0, 0, 0, 5)), '2025-12-31T20:30:00.005-03:30');
});

test('figures of a period: the mean weighs by count, the worst quality counts', async () => {
  const figure = { min: 1, max: 2, first: 1, last: 2, consumption: 1 };
  async function* quarters() {
    yield { ...figure, time: 0, count: 1, mean: 1, quality: 'good' };
    yield { ...figure, time: 900_000, count: 3, mean: 5, max: 9, last: 7, quality: 'gap' };
    yield { ...figure, time: 3_600_000, count: 1, mean: 1, quality: 'good' };
  }
  const hours = [];
  for await (const hour of grouped(quarters(), periodStart('hours', 'UTC'))) hours.push(hour);
  assert.deepEqual(hours, [
    { time: 0, count: 4, min: 1, max: 9, mean: 4, first: 1, last: 7, consumption: 2, quality: 'gap' },
    { ...figure, time: 3_600_000, count: 1, mean: 1, quality: 'good' },
  ]);
});

test('patterns', () => {
  const site = matcher(['Site/*', 'Plant/M?']);
  assert.deepEqual(['Site/a/b', 'Plant/M1', 'Plant/M12', 'Other', 'xSite/a'].map(site), [
    true,
    true,
    false,
    false,
    false,
  ]);
  assert.equal(matcher(['a.b'])('axb'), false);
});
