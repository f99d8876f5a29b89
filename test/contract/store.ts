// What every backend must do. One suite, run against each database by the files in test/store.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import { type Store, StoreFailure } from '../../src/store/store.js';
import { counter, gauge, HOUR_MS, noon, sampleMeter, samplePoll } from '../store/sample.js';
import type { TestDatabase } from './database.js';

export interface ContractOptions {
  /** Why the suite cannot run here; false: it can. */
  readonly skip?: string | false;
  readonly make: () => Promise<TestDatabase>;
  /** SQL for the milliseconds of a time column. */
  readonly ms: (column: string) => string;
}

export function storeContract(name: string, { make, ms, skip = false }: ContractOptions): void {
  describe(`a store on ${name}`, { skip }, () => {
    let database: TestDatabase;
    let store: Store;
    const open = () => openStore({ url: database.url, log: silentLog });
    const readings = (where = 'true') =>
      database.rows(
        `SELECT t.name, ${ms('r.ts')}, r.value FROM reading r JOIN topic t ON t.id = r.topic_id WHERE ${where} ORDER BY 1, 2`,
      );

    before(async () => {
      database = await make();
      store = await open();
    });
    after(async () => {
      await store.close();
      await database.drop();
    });

    it('keeps readings, poll and reasons of a cycle, meters and topics appearing by themselves', async () => {
      const meter = sampleMeter('Site/first', [gauge('Voltage_AN'), counter('Energy', 1e8), gauge('Current_A', 'A')]);
      await store.write({ polls: [samplePoll(meter, noon, [230.5, 12345678.25, null])], gaps: [] });
      assert.deepEqual(await readings("t.name LIKE 'Site/first/%'"), [
        ['Site/first/Energy', noon, 12345678.25],
        ['Site/first/Voltage_AN', noon, 230.5],
      ]);
      assert.deepEqual(
        await database.rows(
          `SELECT ${ms('slot')}, ${ms('read_at')}, duration_ms, requests, expected, stored, error FROM poll`,
        ),
        [[noon, noon + 3, 12, 2, 3, 2, 'timeout: holding 4610+90']],
      );
      assert.deepEqual(await database.rows(`SELECT ${ms('ts')}, ${ms('until')}, reason, slots, readings FROM gap`), [
        [noon, noon, 'timeout', 1, 1],
      ]);
      assert.deepEqual(await database.rows('SELECT name, host, port, unit_id, map FROM meter'), [
        ['Site/first', '10.0.0.1', 502, 1, 'nexus'],
      ]);
      assert.deepEqual(
        await database.rows('SELECT metric, name, unit, data_type, kind, counter_range FROM topic ORDER BY metric'),
        [
          ['Current_A', 'Site/first/Current_A', 'A', 'FLOAT32', 'gauge', null],
          ['Energy', 'Site/first/Energy', 'kWh', 'UINT32', 'counter', 1e8],
          ['Voltage_AN', 'Site/first/Voltage_AN', 'V', 'FLOAT32', 'gauge', null],
        ],
      );
    });

    it('writing the same again changes nothing, even with other values', async () => {
      const meter = sampleMeter('Site/twice');
      const poll = samplePoll(meter, noon, [1, null]);
      await store.write({ polls: [poll], gaps: [] });
      await store.write({ polls: [poll, poll], gaps: [] });
      await store.write({ polls: [samplePoll(meter, noon, [2, null], 'offline')], gaps: [] });
      assert.deepEqual(await readings("t.name LIKE 'Site/twice/%'"), [['Site/twice/Voltage_AN', noon, 1]]);
      const polls = `FROM poll p JOIN meter m ON m.id = p.meter_id WHERE m.name = 'Site/twice'`;
      assert.deepEqual(await database.rows(`SELECT p.stored ${polls}`), [[1]]);
    });

    it('every double survives', async () => {
      const values = [
        0,
        -0,
        5e-324,
        Number.MAX_VALUE,
        -1.7976931348623157e308,
        0.1,
        1 / 3,
        123456789012345680,
        2 ** 53,
        230.12345886230469,
      ];
      const metrics = values.map((_, index) => gauge(`v${index}`));
      await store.write({ polls: [samplePoll(sampleMeter('Site/doubles', metrics), noon, values)], gaps: [] });
      const rows = await readings("t.name LIKE 'Site/doubles/%'");
      assert.deepEqual(
        rows.map((row) => row[2]),
        values.map((value) => value + 0),
      );
    });

    it('every millisecond survives, from 1970 on', async () => {
      const meter = sampleMeter('Site/times', [gauge('v')]);
      const slots = [1, 999, 1_000_000_000_001, noon + 1, noon + 999, Date.UTC(2037, 11, 31, 23, 59, 59, 999)];
      await store.write({ polls: slots.map((slot) => samplePoll(meter, slot, [slot])), gaps: [] });
      const rows = await readings("t.name = 'Site/times/v'");
      assert.deepEqual(
        rows.map((row) => row[1]),
        slots,
      );
    });

    it('texts survive: quotes, umlauts, signs beyond the basic plane', async () => {
      const meter = sampleMeter(`Wörk'"\\ 😀`, [{ ...gauge('Ström "1"'), description: `it's 100 % \u{1F600}` }]);
      await store.write({ polls: [samplePoll(meter, noon, [1])], gaps: [] });
      assert.deepEqual(await database.rows(`SELECT name, description FROM topic WHERE metric = 'Ström "1"'`), [
        [`Wörk'"\\ 😀/Ström "1"`, `it's 100 % \u{1F600}`],
      ]);
    });

    it('names that differ in case or accents alone are different topics', async () => {
      const metrics = [gauge('kwh'), gauge('kWh'), gauge('kẃh')];
      await store.write({ polls: [samplePoll(sampleMeter('Site/case', metrics), noon, [1, 2, 3])], gaps: [] });
      assert.equal((await readings("t.metric IN ('kwh', 'kWh', 'kẃh') AND t.name LIKE 'Site/case%'")).length, 3);
    });

    it('a span that nobody read is kept per hour', async () => {
      const meter = sampleMeter('Site/span');
      const from = noon + HOUR_MS / 2;
      const gap = { meter, from, until: from + 2 * HOUR_MS, slots: 480, reason: 'down' as const };
      await store.write({ polls: [], gaps: [gap] });
      await store.write({ polls: [], gaps: [gap] });
      const sql = `SELECT ${ms('g.ts')}, ${ms('g.until')}, g.slots, g.readings FROM gap g JOIN meter m ON m.id = g.meter_id WHERE m.name = 'Site/span' ORDER BY 1`;
      assert.deepEqual(await database.rows(sql), [
        [from, noon + HOUR_MS, 120, 240],
        [noon + HOUR_MS, noon + 2 * HOUR_MS, 240, 480],
        [noon + 2 * HOUR_MS, from + 2 * HOUR_MS, 120, 240],
      ]);
    });

    it('of a gap whose beginning nobody knows yet there is no row', async () => {
      const meter = sampleMeter('Site/open');
      await store.write({ polls: [], gaps: [{ meter, from: noon, until: noon + 1000, slots: 0, reason: 'down' }] });
      const sql = "SELECT count(*) FROM gap g JOIN meter m ON m.id = g.meter_id WHERE m.name = 'Site/open'";
      assert.deepEqual((await database.rows(sql))[0]?.map(Number), [0]);
      assert.equal((await store.lastSlots()).get('Site/open'), undefined);
    });

    it('coverage adds up: expected = stored + missing, and missing = the sum of its reasons', async () => {
      const meter = sampleMeter('Site/coverage');
      await store.write({
        polls: [
          samplePoll(meter, noon, [1, 2]),
          samplePoll(meter, noon + 1000, [1, null], 'exception 2'),
          samplePoll(meter, noon + 2000, [null, null], 'offline'),
          samplePoll(meter, noon + HOUR_MS, [1, 2]),
        ],
        gaps: [{ meter, from: noon + 3000, until: noon + 6000, slots: 3, reason: 'missed' }],
      });
      const sql = `SELECT ${ms('time')}, expected, stored, missing, exception, offline, missed, timeout FROM coverage WHERE meter = 'Site/coverage' ORDER BY 1`;
      assert.deepEqual(
        (await database.rows(sql)).map((row) => row.map(Number)),
        [
          [noon, 12, 3, 9, 1, 2, 6, 0],
          [noon + HOUR_MS, 2, 2, 0, 0, 0, 0, 0],
        ],
      );
    });

    it('knows the newest slot of each meter, spans included', async () => {
      const polled = sampleMeter('Site/newest');
      const spanned = sampleMeter('Site/newest span');
      await store.write({
        polls: [samplePoll(polled, noon + 5000, [1, 2]), samplePoll(polled, noon, [null, null])],
        gaps: [{ meter: spanned, from: noon, until: noon + 9000, slots: 9, reason: 'down' }],
      });
      const slots = await store.lastSlots();
      assert.equal(slots.get('Site/newest'), noon + 5000);
      assert.equal(slots.get('Site/newest span'), noon + 9000 - 1);
      assert.equal(slots.get('Site/unheard of'), undefined);
    });

    it('measurement and latest_measurement show what is there', async () => {
      const meter = sampleMeter('Site/views');
      await store.write({ polls: [samplePoll(meter, noon, [10, 20])], gaps: [] });
      await store.write({ polls: [samplePoll(meter, noon + 1000, [11, null])], gaps: [] });
      const columns = `${ms('time')}, meter, metric, topic, unit, value`;
      const an = ['Site/views', 'Voltage_AN', 'Site/views/Voltage_AN', 'V'];
      const bn = ['Site/views', 'Voltage_BN', 'Site/views/Voltage_BN', 'V'];
      assert.deepEqual(
        await database.rows(`SELECT ${columns} FROM measurement WHERE meter = 'Site/views' ORDER BY 3, 1`),
        [
          [noon, ...an, 10],
          [noon + 1000, ...an, 11],
          [noon, ...bn, 20],
        ],
      );
      assert.deepEqual(
        await database.rows(`SELECT ${columns} FROM latest_measurement WHERE meter = 'Site/views' ORDER BY 3`),
        [
          [noon + 1000, ...an, 11],
          [noon, ...bn, 20],
        ],
      );
    });

    it("VOLTTRON's views answer", async () => {
      const meter = sampleMeter('Site/old', [gauge('Frequency', 'Hz')]);
      await store.write({ polls: [samplePoll(meter, noon + 250, [50.02])], gaps: [] });
      const rows = await database.rows(
        "SELECT d.value_string, m.metadata FROM data d JOIN topics t ON t.topic_id = d.topic_id JOIN meta m ON m.topic_id = t.topic_id WHERE t.topic_name = 'Site/old/Frequency'",
      );
      assert.equal(rows[0]?.[0], '50.02');
      assert.deepEqual(JSON.parse(String(rows[0]?.[1])), { units: 'Hz', type: 'float', tz: 'UTC' });
    });

    it('takes over what the newest configuration says of a meter and its metrics', async () => {
      const before = sampleMeter('Site/changed', [gauge('Power', 'W')]);
      const after_ = { ...sampleMeter('Site/changed', [gauge('Power', 'kW'), gauge('Added')]), host: '10.0.0.2' };
      await store.write({ polls: [samplePoll(before, noon, [1])], gaps: [] });
      await store.write({ polls: [samplePoll(after_, noon + 1000, [2, 3])], gaps: [] });
      const older = { ...sampleMeter('Site/changed', [gauge('Power', 'MW')]), host: '10.0.0.3' };
      await store.write({ polls: [samplePoll(older, noon - 1000, [0])], gaps: [] });
      assert.deepEqual(await database.rows("SELECT host FROM meter WHERE name = 'Site/changed'"), [['10.0.0.2']]);
      assert.deepEqual(
        await database.rows("SELECT metric, unit FROM topic WHERE name LIKE 'Site/changed/%' ORDER BY 1"),
        [
          ['Added', 'V'],
          ['Power', 'kW'],
        ],
      );
      assert.equal((await readings("t.name LIKE 'Site/changed/%'")).length, 4);
    });

    it('two stores that meet the same new meters at once agree on their topics', async () => {
      const other = await open();
      try {
        const metrics = Array.from({ length: 50 }, (_, index) => gauge(`m${index}`));
        const meters = Array.from({ length: 5 }, (_, index) => sampleMeter(`Race/${index}`, metrics));
        const write = (to: Store, slot: number) =>
          to.write({
            polls: meters.map((meter) =>
              samplePoll(
                meter,
                slot,
                metrics.map(() => slot),
              ),
            ),
            gaps: [],
          });
        await Promise.all([
          write(store, noon),
          write(other, noon + 1000),
          write(store, noon + 2000),
          write(other, noon),
        ]);
        const counts = await database.rows(
          "SELECT count(*), count(DISTINCT t.name) FROM reading r JOIN topic t ON t.id = r.topic_id WHERE t.name LIKE 'Race/%'",
        );
        assert.deepEqual(counts[0]?.map(Number), [750, 250]);
      } finally {
        await other.close();
      }
    });

    it('opens again what it has written, and closing twice is safe', async () => {
      const before_ = await readings();
      await store.close();
      await store.close();
      await assert.rejects(store.check(), StoreFailure);
      store = await open();
      await store.check();
      assert.deepEqual(await readings(), before_);
      await store.write({ polls: [samplePoll(sampleMeter('Site/first'), noon + 10_000, [1, 2])], gaps: [] });
      assert.equal((await readings()).length, before_.length + 2);
    });
  });
}
