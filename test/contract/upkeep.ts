// What upkeep must do on every database: rollups, coverage, energy and calendar for a collector's own meters, late polls
// included, and the deletion of what is too old.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import type { MeterInfo, MetricInfo } from '../../src/model/meter.js';
import { openStore } from '../../src/store/open.js';
import type { Store } from '../../src/store/store.js';
import { counter, gauge, sampleMeter, samplePoll } from '../store/sample.js';
import type { TestDatabase } from './database.js';
import type { ContractOptions } from './store.js';

const MINUTE_MS = 60_000;
const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;
/** Midnight in Berlin, in winter. */
const midnight = Date.UTC(2026, 10, 19, 23);

export function upkeepContract(name: string, { make, ms, skip = false }: ContractOptions): void {
  describe(`upkeep on ${name}`, { skip }, () => {
    let database: TestDatabase;
    let store: Store;
    const metrics: readonly MetricInfo[] = [gauge('W', 'W'), counter('Wh', null)];
    const open = (retention = { readingsMs: null as number | null, rollupsMs: null as number | null }) =>
      openStore({ url: database.url, log: silentLog, timezone: 'Europe/Berlin', retention });
    /** Far apart, so that each call is a round of its own. */
    let rounds = 0;
    const keepUp = async (now: number) => {
      rounds++;
      while (await store.maintain(now + rounds));
    };
    const minutes = (meter: MeterInfo, from: number, count: number) =>
      Array.from({ length: count }, (_, i) => {
        const slot = from + i * MINUTE_MS;
        const run = (slot - midnight) / MINUTE_MS;
        return samplePoll(meter, slot, [1000 + run, 500 + run * 0.01]);
      });
    const energy = (meter: string, period: string) =>
      database.rows(
        `SELECT ${ms('time')}, consumption, quality FROM energy WHERE meter = '${meter}' AND period = '${period}' ORDER BY 1`,
      );
    const rounded = (rows: unknown[][]) =>
      rows.map(([time, consumption, quality]) => [time, Number(Number(consumption).toFixed(6)), quality]);

    before(async () => {
      database = await make();
      store = await open();
    });
    after(async () => {
      await store.close();
      await database.drop();
    });

    it('rolls up quarters that are over and the open one, and knows local days', async () => {
      const meter = sampleMeter('Up/first', metrics);
      await store.setMeters([meter], midnight);
      await store.write({ polls: minutes(meter, midnight, 40), gaps: [] });
      await keepUp(midnight + 40 * MINUTE_MS);
      assert.deepEqual(rounded(await energy('Up/first', 'quarter')), [
        [midnight, 0.14, 'good'],
        [midnight + QUARTER_MS, 0.15, 'good'],
        [midnight + 2 * QUARTER_MS, 0.1, 'good'],
      ]);
      assert.deepEqual(rounded(await energy('Up/first', 'day')), [[midnight, 0.39, 'good']]);
      assert.deepEqual(await database.rows("SELECT DISTINCT day FROM energy WHERE period = 'month'"), [['2026-11']]);
      const gauges = await database.rows(
        `SELECT r.count, r.min, r.max, r.mean, r.first, r.last FROM rollup r JOIN topic t ON t.id = r.topic_id WHERE t.name = 'Up/first/W' AND ${ms('r.bucket')} = ${midnight}`,
      );
      assert.deepEqual(gauges, [[15, 1000, 1014, 1007, 1000, 1014]]);
    });

    it('a metric that the newest poll lacks is latest with its value before', async () => {
      const meter = sampleMeter('Up/latest', metrics);
      await store.setMeters([meter], midnight);
      const start = midnight + 60 * MINUTE_MS;
      const polls = [samplePoll(meter, start, [1, 7]), samplePoll(meter, start + MINUTE_MS, [2, null])];
      await store.write({ polls, gaps: [] });
      await keepUp(start + 40 * MINUTE_MS);
      const latest = `SELECT metric, ${ms('time')}, value FROM latest_measurement WHERE meter = 'Up/latest' ORDER BY 1`;
      assert.deepEqual(await database.rows(latest), [
        ['W', start + MINUTE_MS, 2],
        ['Wh', start, 7],
      ]);
    });

    it('late polls revise their quarter and the ones after it', async () => {
      const meter = sampleMeter('Up/late', metrics);
      await store.setMeters([meter], midnight);
      const polls = minutes(meter, midnight, 60);
      const late = polls.slice(10, 20);
      await store.write({ polls: [...polls.slice(0, 10), ...polls.slice(20)], gaps: [] });
      await keepUp(midnight + DAY_MS / 4);
      const before_ = rounded(await energy('Up/late', 'hour'));
      await store.write({ polls: late, gaps: [] });
      assert.deepEqual((await database.rows('SELECT count(*) FROM dirty'))[0]?.map(Number), [2]);
      await keepUp(midnight + DAY_MS / 4 + DAY_MS);
      assert.deepEqual(rounded(await energy('Up/late', 'hour')), before_);
      assert.deepEqual(rounded(await energy('Up/late', 'quarter')), [
        [midnight, 0.14, 'good'],
        [midnight + QUARTER_MS, 0.15, 'good'],
        [midnight + 2 * QUARTER_MS, 0.15, 'good'],
        [midnight + 3 * QUARTER_MS, 0.15, 'good'],
      ]);
      assert.deepEqual((await database.rows('SELECT count(*) FROM dirty'))[0]?.map(Number), [0]);
    });

    it('coverage adds up: expected = stored + missing, and missing = the sum of its reasons', async () => {
      const meter = sampleMeter('Up/coverage', metrics);
      await store.setMeters([meter], midnight);
      await store.write({
        polls: [
          samplePoll(meter, midnight, [1, 2]),
          samplePoll(meter, midnight + 1000, [1, null], 'exception 2'),
          samplePoll(meter, midnight + 2000, [null, null], 'offline'),
          samplePoll(meter, midnight + 4 * QUARTER_MS, [1, 2]),
        ],
        gaps: [{ meter, from: midnight + 3000, until: midnight + 6000, slots: 3, reason: 'missed' }],
      });
      await keepUp(midnight + 2 * DAY_MS);
      const sql = `SELECT ${ms('time')}, expected, stored, missing, exception, offline, missed, timeout FROM coverage WHERE meter = 'Up/coverage' ORDER BY 1`;
      assert.deepEqual(
        (await database.rows(sql)).map((row) => row.map(Number)),
        [
          [midnight, 12, 3, 9, 1, 2, 6, 0],
          [midnight + 4 * QUARTER_MS, 2, 2, 0, 0, 0, 0, 0],
        ],
      );
    });

    it('an exchanged meter is a cut: energy counts no step over it', async () => {
      const meter = sampleMeter('Up/exchanged', metrics);
      await store.setMeters([meter], midnight);
      const polls = minutes(meter, midnight, 30).map((poll, i) =>
        i < 20 ? poll : samplePoll(meter, poll.slot, [1000, 90_000 + i * 0.01]),
      );
      const event = { meter, ts: midnight + 20 * MINUTE_MS, what: 'exchanged' as const, before: '1', after: '2' };
      await store.write({ polls, gaps: [], events: [event] });
      await keepUp(midnight + 3 * DAY_MS);
      assert.deepEqual(rounded(await energy('Up/exchanged', 'hour')), [[midnight, 0.28, 'exchanged']]);
    });

    it('goes on where an earlier run stopped, and does the quarter in progress then again', async () => {
      const meter = sampleMeter('Up/again', metrics);
      await store.setMeters([meter], midnight);
      await store.write({ polls: minutes(meter, midnight, 20), gaps: [] });
      await keepUp(midnight + 4 * DAY_MS);
      await store.close();
      store = await open();
      await store.setMeters([meter], midnight);
      await store.write({ polls: minutes(meter, midnight + 20 * MINUTE_MS, 20), gaps: [] });
      await keepUp(midnight + 4 * DAY_MS + MINUTE_MS);
      assert.deepEqual(rounded(await energy('Up/again', 'quarter')), [
        [midnight, 0.14, 'good'],
        [midnight + QUARTER_MS, 0.15, 'good'],
        [midnight + 2 * QUARTER_MS, 0.1, 'good'],
      ]);
    });

    it('a virtual meter is the sum of its members, and none where one is missing', async () => {
      const [a, b] = [sampleMeter('Up/a', metrics), sampleMeter('Up/b', metrics)];
      await store.setVirtualMeters([{ name: 'Up/total', plus: ['Up/a', 'Up/b'], minus: [] }]);
      await store.setMeters([a, b], midnight);
      await store.write({ polls: [...minutes(a, midnight, 30), ...minutes(b, midnight, 15)], gaps: [] });
      await keepUp(midnight + 6 * DAY_MS);
      const sql = `SELECT ${ms('time')}, consumption, quality FROM virtual_energy WHERE meter = 'Up/total' AND period = 'quarter' ORDER BY 1`;
      assert.deepEqual(
        (await database.rows(sql)).map(([time, sum, quality]) => [
          time,
          sum === null ? null : Number(Number(sum).toFixed(6)),
          quality,
        ]),
        [
          [midnight, 0.28, 'good'],
          [midnight + QUARTER_MS, null, 'incomplete'],
        ],
      );
    });

    it('peak names the highest quarter of a local month', async () => {
      const rows = await database.rows(
        `SELECT month, ${ms('time')}, consumption, power, share FROM peak WHERE meter = 'Up/first' AND metric = 'Wh'`,
      );
      assert.deepEqual(
        rows.map(([month, time, consumption, power, share]) => [
          month,
          time,
          Number(consumption).toFixed(3),
          Number(power).toFixed(3),
          Number(share),
        ]),
        [['2026-11', midnight + QUARTER_MS, '0.150', '0.600', 1]],
      );
    });

    it('deletes polls, gaps, rollups and coverage that are older than configured, of its own meters only', async () => {
      const [own, foreign] = [sampleMeter('Up/old', metrics), sampleMeter('Up/foreign', metrics)];
      const other = await openStore({ url: database.url, log: silentLog, collector: 'other site' });
      await other.setMeters([foreign], midnight);
      await other.write({ polls: minutes(foreign, midnight, 5), gaps: [] });
      await other.close();
      await store.setMeters([own], midnight);
      await store.write({
        polls: [...minutes(own, midnight, 30), ...minutes(own, midnight + 10 * DAY_MS, 30)],
        gaps: [],
      });
      await keepUp(midnight + 10 * DAY_MS + 30 * MINUTE_MS);
      await store.close();
      store = await open({ readingsMs: 5 * DAY_MS, rollupsMs: 7 * DAY_MS });
      await store.setMeters([own], midnight);
      const count = async (sql: string) => Number((await database.rows(sql))[0]?.[0]);
      const polls = (meter: string) =>
        count(`SELECT count(*) FROM poll p JOIN meter m ON m.id = p.meter_id WHERE m.name = '${meter}'`);
      await keepUp(midnight + 11 * DAY_MS);
      assert.equal(await polls('Up/old'), 30);
      assert.equal(await polls('Up/foreign'), 5);
      const old = `JOIN meter m ON m.id = r.meter_id WHERE m.name = 'Up/old' AND ${ms('r.bucket')} < ${midnight + DAY_MS}`;
      assert.equal(await count(`SELECT count(*) FROM rollup r ${old}`), 0);
      assert.equal(await count(`SELECT count(*) FROM coverage_quarter r ${old}`), 0);
    });

    it('twelve hundred meters are no more than a query takes', async () => {
      const many = await make();
      const store = await openStore({ url: many.url, log: silentLog });
      try {
        const meters = Array.from({ length: 1_200 }, (_, index) => sampleMeter(`Many/${index}`, [gauge('W', 'W')]));
        const names = meters.map((meter) => meter.name);
        await store.setMeters(meters, midnight);
        await store.write({ polls: meters.map((meter, index) => samplePoll(meter, midnight, [index])), gaps: [] });
        assert.deepEqual(await store.setMeters(meters, midnight), [], 'nothing has changed');
        assert.equal((await store.newestSlots(names)).size, 1_200);
        assert.equal((await store.newestPolls(meters)).length, 1_200);
        await store.identities(names);
        while (await store.maintain(midnight + 20 * MINUTE_MS));
        assert.deepEqual((await many.rows('SELECT count(*) FROM rollup')).map(Number), [1_200]);
      } finally {
        await store.close();
        await many.drop();
      }
    });
  });
}
