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
      assert.deepEqual(await database.rows(`SELECT ${ms('time')}, meter, metric, reason FROM missing`), [
        [noon, 'Site/first', 'Current_A', 'timeout'],
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
        // MySQL's views make 0 of -0.
        rows.map((row) => Number(row[2]) + 0),
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

    it('keeps a gap as one row, and of two with one beginning the longer', async () => {
      const meter = sampleMeter('Site/gap');
      const gap = { meter, from: noon, until: noon + 2 * HOUR_MS, slots: 480, reason: 'down' as const };
      await store.write({ polls: [], gaps: [gap] });
      await store.write({ polls: [], gaps: [gap, { ...gap, until: noon + 3 * HOUR_MS, slots: 720 }] });
      await store.write({ polls: [], gaps: [gap] });
      const sql = `SELECT ${ms('g.ts')}, ${ms('g.until')}, g.reason, g.slots FROM gap g JOIN meter m ON m.id = g.meter_id WHERE m.name = 'Site/gap'`;
      assert.deepEqual(await database.rows(sql), [[noon, noon + 3 * HOUR_MS, 'down', 720]]);
    });

    it('keeps events, and the serial number that the newest one tells', async () => {
      const meter = sampleMeter('Site/event');
      const event = { meter, ts: noon, what: 'exchanged' as const, before: '4711', after: '4712' };
      await store.write({
        polls: [],
        gaps: [],
        events: [event, { ...event, what: 'firmware', before: null, after: '2.1' }],
      });
      await store.write({ polls: [], gaps: [], events: [event] });
      const sql = "FROM event e JOIN meter m ON m.id = e.meter_id WHERE m.name = 'Site/event' ORDER BY e.what";
      assert.deepEqual(await database.rows(`SELECT ${ms('e.ts')}, e.what, m.serial_number ${sql}`), [
        [noon, 'exchanged', '4712'],
        [noon, 'firmware', '4712'],
      ]);
      const identities = await store.identities(['Site/event', 'Site/unheard of']);
      assert.deepEqual([...identities], [['Site/event', { serialNumber: '4712', model: null, firmware: '2.1' }]]);
    });

    it('gives back the newest poll of each meter, whatever the order of its metrics now', async () => {
      const meter = sampleMeter('Site/latest', [gauge('a'), gauge('b'), gauge('c')]);
      await store.write({
        polls: [samplePoll(meter, noon, [1, 2, 3]), samplePoll(meter, noon + 1000, [4, null, -0])],
        gaps: [],
      });
      const changed = sampleMeter('Site/latest', [gauge('c'), gauge('new'), gauge('a'), gauge('b')]);
      const [poll] = await store.newestPolls([changed, sampleMeter('Site/never polled')]);
      assert.equal(poll?.slot, noon + 1000);
      assert.equal(poll?.meter, changed);
      assert.deepEqual([...(poll?.values ?? [])], [-0, Number.NaN, 4, Number.NaN]);
      assert.equal(poll?.missing.get(3), 'timeout');
      assert.deepEqual([...(poll?.missing.keys() ?? [])], [1, 3]);
    });

    it('marks polls by hand, so that views can leave them out', async () => {
      const meter = sampleMeter('Site/hand', [gauge('v')]);
      await store.write({
        polls: [samplePoll(meter, noon, [1]), { ...samplePoll(meter, noon + 7, [2]), byHand: true }],
        gaps: [],
      });
      const rows = await database.rows("SELECT value FROM measurement WHERE meter = 'Site/hand' AND NOT by_hand");
      assert.deepEqual(rows, [[1]]);
    });

    it('knows the newest slot of each meter, spans included', async () => {
      const polled = sampleMeter('Site/newest');
      const spanned = sampleMeter('Site/newest span');
      await store.write({
        polls: [samplePoll(polled, noon + 5000, [1, 2]), samplePoll(polled, noon, [null, null])],
        gaps: [{ meter: spanned, from: noon, until: noon + 9000, slots: 9, reason: 'down' }],
      });
      const slots = await store.newestSlots(['Site/newest', 'Site/newest span', 'Site/unheard of']);
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
        await database.rows(`SELECT ${columns} FROM latest_measurement WHERE topic = 'Site/views/Voltage_AN'`),
        [[noon + 1000, ...an, 11]],
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

    it('a metric whose meaning changes gets a new topic under the same name, and says so', async () => {
      const before = sampleMeter('Site/changed', [gauge('Power', 'W'), gauge('Gone'), gauge('Stays')]);
      await store.setMeters([before], noon);
      await store.write({ polls: [samplePoll(before, noon, [1, 2, 3])], gaps: [] });
      const now = {
        ...sampleMeter('Site/changed', [gauge('Stays'), gauge('Added'), gauge('Power', 'kW')]),
        host: '10.0.0.2',
      };
      const changes = await store.setMeters([now], noon + 1000);
      await store.write({ polls: [samplePoll(now, noon + 2000, [30, 40, 0.1])], gaps: [] });
      assert.deepEqual(
        await database.rows(
          `SELECT ${ms('time')}, metric, unit, value FROM measurement WHERE meter = 'Site/changed' ORDER BY 2, 1`,
        ),
        [
          [noon + 2000, 'Added', 'V', 40],
          [noon, 'Gone', 'V', 2],
          [noon, 'Power', 'W', 1],
          [noon + 2000, 'Power', 'kW', 0.1],
          [noon, 'Stays', 'V', 3],
          [noon + 2000, 'Stays', 'V', 30],
        ],
      );
      const topics = "FROM topic WHERE name LIKE 'Site/changed/%' ORDER BY position";
      assert.deepEqual(
        await database
          .rows(`SELECT position, metric, unit, retired IS NULL ${topics}`)
          .then((rows) => rows.map((row) => [...row.slice(0, 3), Number(row[3])])),
        [
          [0, 'Power', 'W', 0],
          [1, 'Gone', 'V', 0],
          [2, 'Stays', 'V', 1],
          [3, 'Added', 'V', 1],
          [4, 'Power', 'kW', 1],
        ],
      );
      assert.deepEqual(
        changes.map(({ event, level }) => [event.what, level]),
        [
          ['address', 'info'],
          ['metric', 'warn'],
        ],
      );
      assert.match(changes[1]?.message ?? '', /Power: W .* → kW .*1 earlier polls keep the old meaning/);
      // The same again is no change.
      assert.deepEqual(await store.setMeters([now], noon + 3000), []);
    });

    it('a meter that is not configured any more is retired, and one that comes back is not', async () => {
      const [stays, goes] = [sampleMeter('Site/stays'), { ...sampleMeter('Site/goes'), port: 503 }];
      await store.setMeters([stays, goes], noon);
      await store.write({ polls: [samplePoll(goes, noon, [1, 2])], gaps: [] });
      const left = await store.setMeters([stays], noon + 1000);
      assert.deepEqual(
        left.map(({ event }) => [event.meter.name, event.what]).filter(([name]) => name === 'Site/goes'),
        [['Site/goes', 'retired']],
      );
      const latest = () => database.rows("SELECT count(*) FROM latest_measurement WHERE meter = 'Site/goes'");
      assert.deepEqual((await latest())[0]?.map(Number), [0]);
      const back = await store.setMeters([stays, goes], noon + 2000);
      assert.deepEqual(
        back.map(({ event }) => event.what),
        ['returned'],
      );
      assert.deepEqual((await latest())[0]?.map(Number), [2]);
    });

    it("a renamed meter's history goes on; without `was` a rename is recognised and said", async () => {
      const old = { ...sampleMeter('Site/old name'), port: 504 };
      await store.setMeters([old], noon);
      await store.write({ polls: [samplePoll(old, noon, [1, 2])], gaps: [] });
      const hint = await store.setMeters([{ ...old, name: 'Site/other' }], noon + 1000);
      assert.ok(
        hint.some(
          ({ level, message }) => level === 'warn' && /looks like a rename.*`was: Site\/old name`/.test(message),
        ),
      );
      const renamed = { ...old, name: 'Site/new name', was: 'Site/old name' };
      await store.setMeters([renamed], noon + 2000);
      await store.write({ polls: [samplePoll(renamed, noon + 3000, [3, 4])], gaps: [] });
      const rows = await database.rows(
        "SELECT value FROM measurement WHERE topic = 'Site/new name/Voltage_AN' ORDER BY time",
      );
      assert.deepEqual(rows, [[1], [3]]);
    });

    it("another collector's meters are not retired", async () => {
      const other = await openStore({ url: database.url, log: silentLog, collector: 'other site' });
      try {
        await other.setMeters([sampleMeter('Other/meter')], noon);
        await store.setMeters([sampleMeter('Site/mine')], noon + 1000);
        const rows = await database.rows("SELECT count(*) FROM meter WHERE name = 'Other/meter' AND retired IS NULL");
        assert.deepEqual(rows[0]?.map(Number), [1]);
      } finally {
        await other.close();
      }
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
