import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import type { MeterInfo } from '../../src/model/meter.js';
import { openStore } from '../../src/store/open.js';
import type { TestDatabase } from '../contract/database.js';
import { counter, gauge, sampleMeter, samplePoll } from '../store/sample.js';
import { type Kind, kinds, readingsOf, runImport } from './support.js';

const noon = Date.UTC(2026, 10, 20, 12);
const MINUTE_MS = 60_000;

async function fill(database: TestDatabase, polls = 90): Promise<void> {
  const store = await openStore({ url: database.url, log: silentLog, collector: 'site' });
  const [power, energy] = [gauge('W', 'W'), counter('Wh', 2 ** 32)];
  const a = sampleMeter('Plant/A', [power, energy]);
  const b: MeterInfo = { ...sampleMeter('Plant/B', [power]), ctRatio: 40 };
  await store.setMeters([a, b], noon);
  const slots = Array.from({ length: polls }, (_, minute) => noon + minute * MINUTE_MS);
  await store.write({
    polls: slots.flatMap((slot, i) => [
      samplePoll(a, slot, [i % 7 === 0 ? null : i / 3, 100 + i * 0.1], 'exception 2'),
      samplePoll(b, slot, [i]),
    ]),
    gaps: [{ meter: b, from: noon + 100 * MINUTE_MS, until: noon + 110 * MINUTE_MS, slots: 10, reason: 'missed' }],
    events: [{ meter: a, ts: noon, what: 'exchanged', before: null, after: '4711' }],
  });
  // From here on the power of A is measured in kW.
  const changed = sampleMeter('Plant/A', [gauge('W', 'kW'), energy]);
  await store.setMeters([changed, b], noon + 200 * MINUTE_MS);
  await store.write({ polls: [samplePoll(changed, noon + 200 * MINUTE_MS, [0.5, 200])], gaps: [] });
  while (await store.maintain(noon + 240 * MINUTE_MS));
  await store.close();
}

const withoutId = 'SELECT metric, version, unit, kind, retired IS NULL FROM topic ORDER BY name, version';

for (const from of kinds) {
  describe(`from ${from.name}`, { skip: from.skip }, () => {
    for (const to of kinds) {
      test(`to ${to.name}: polls, meanings, gaps, events, rollups; twice is as once`, { skip: to.skip }, async (t) => {
        const [source, target] = [await from.make(), await to.make()];
        t.after(() => Promise.all([source.drop(), target.drop()]));
        await fill(source);
        for (const time of ['first', 'second']) {
          const report = await runImport(source.url, target);
          assert.deepEqual([report.polls, report.gaps], [181, 1], time);
          assert.deepEqual(await readingsOf(target, to), await readingsOf(source, from), time);
        }
        const same = async (sql: (kind: Kind) => string) => {
          const numbers = (rows: unknown[][]) =>
            rows.map((row) => row.map((v) => (typeof v === 'string' ? v : Number(v))));
          const rows = numbers(await target.rows(sql(to)));
          assert.deepEqual(rows, numbers(await source.rows(sql(from))), sql(to));
          assert.ok(rows.length > 0, sql(to));
        };
        await same(() => withoutId);
        await same(({ ms }) => `SELECT ${ms('time')}, meter, metric, reason FROM missing ORDER BY 1, 2, 3`);
        await same(({ ms }) => `SELECT ${ms('ts')}, ${ms('until')}, reason, slots FROM gap`);
        await same(
          ({ ms }) =>
            `SELECT ${ms('slot')}, requests, expected, stored, ${ms('read_at')} FROM poll ORDER BY meter_id, 1`,
        );
        await same(
          ({ ms }) => `SELECT ${ms('time')}, meter, expected, stored, exception, missed FROM coverage ORDER BY 2, 1`,
        );
        await same(
          ({ ms }) =>
            `SELECT ${ms('time')}, topic, consumption, quality FROM energy WHERE period = 'quarter' ORDER BY 2, 1`,
        );
        await same(() => `SELECT name, host, serial_number, ct_ratio FROM meter ORDER BY name`);
      });
    }
  });
}

test('an interrupted import goes on where it was', async (t) => {
  const [sqlite] = kinds as [Kind];
  const [source, target] = [await sqlite.make(), await sqlite.make()];
  t.after(() => Promise.all([source.drop(), target.drop()]));
  await fill(source, 1_500);
  await assert.rejects(runImport(source.url, target, { failAt: 3 }), { code: 'away' });
  assert.deepEqual(await target.rows('SELECT count(*) FROM poll'), [[1_000]]);
  assert.equal((await runImport(source.url, target)).polls, 2_000, 'only what was left');
  assert.deepEqual(await readingsOf(target, sqlite), await readingsOf(source, sqlite));
});
