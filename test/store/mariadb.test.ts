// Writes in MariaDB's bulk protocol: what binary rows, two lists of readings and statements sent ahead might get wrong.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import * as mariadb from 'mariadb';
import { silentLog } from '../../src/model/log.js';
import { connectionOf } from '../../src/store/mysql/open.js';
import { openStore } from '../../src/store/open.js';
import { type Store, StoreFailure } from '../../src/store/store.js';
import type { TestDatabase } from '../contract/database.js';
import { gauge, noon, sampleMeter, samplePoll } from './sample.js';
import { makeMysqlDatabase, skipMysql } from './server-databases.js';

const metricsOf = (count: number) => Array.from({ length: count }, (_, index) => gauge(`m${index}`));

describe('a write in the bulk protocol', { skip: skipMysql }, () => {
  let database: TestDatabase;
  let store: Store;
  let other: mariadb.Connection;

  before(async () => {
    database = await makeMysqlDatabase();
    store = await openStore({ url: database.url, log: silentLog });
    other = await mariadb.createConnection({ ...connectionOf(database.url), rowsAsArray: true });
  });
  after(async () => {
    await other.end();
    await store.close();
    await database.drop();
  });

  const valuesOf = async (meter: string, slot = noon): Promise<unknown[]> => {
    const at = new Date(slot).toISOString().slice(0, -1).replace('T', ' ');
    // Executed, so that doubles come as they are and not as text.
    const rows = await other.execute(
      `SELECT r.value FROM reading r JOIN topic t ON t.id = r.topic_id JOIN meter m ON m.id = t.meter_id
       WHERE m.name = ? AND r.ts = ? ORDER BY t.id`,
      [meter, at],
    );
    return rows.map((row: unknown[]) => row[0]);
  };

  it('keeps any double bit for bit, whole numbers among them, in thousands', async () => {
    const bits = new DataView(new ArrayBuffer(8));
    const edges = [2 ** 31, 2 ** 31 - 1, 2 ** 31 - 2, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32, 2 ** 53 + 2, 5e-324, 1e308];
    const values = Array.from({ length: 9_000 }, (_, index) => {
      if (index < edges.length) return edges[index] as number;
      if (index % 3 === 0) return Math.trunc((Math.random() - 0.5) * 2 ** (index % 60));
      for (;;) {
        bits.setUint32(0, Math.random() * 2 ** 32);
        bits.setUint32(4, Math.random() * 2 ** 32);
        const value = bits.getFloat64(0);
        if (Number.isFinite(value)) return value;
      }
    });
    const meter = sampleMeter('Bulk/doubles', metricsOf(values.length));
    await store.write({ polls: [samplePoll(meter, noon, values)], gaps: [] });
    assert.deepEqual(
      await valuesOf(meter.name),
      values.map((value) => value + 0),
    );
  });

  it('of what comes twice in it the first stays, whole or not', async () => {
    const meter = sampleMeter('Bulk/twice', metricsOf(4));
    const polls = [samplePoll(meter, noon, [1, 2.5, 3, 4.5]), samplePoll(meter, noon, [1.5, 2, 30, 40.5])];
    await store.write({ polls, gaps: [] });
    assert.deepEqual(await valuesOf(meter.name), [1, 2.5, 3, 4.5]);
  });

  it('a deadlock undoes all of it, also what was on its way already, and is tried again', async () => {
    const meter = sampleMeter('Bulk/deadlock', metricsOf(9_000));
    const values = meter.metrics.map((_, index) => index / 2);
    await store.write({ polls: [samplePoll(meter, noon, values)], gaps: [] });
    // Whoever has changed less is the victim.
    await other.query('CREATE TABLE other (n INT PRIMARY KEY)');
    await other.query('BEGIN');
    await other.query(`INSERT INTO other VALUES ${Array.from({ length: 60_000 }, (_, n) => `(${n})`).join(',')}`);
    const at = new Date(noon + 1000).toISOString().slice(0, -1).replace('T', ' ');
    const [[topicId], [meterId]] = await other.query(
      `SELECT min(t.id) FROM topic t JOIN meter m ON m.id = t.meter_id WHERE m.name = '${meter.name}'
       UNION ALL SELECT id FROM meter WHERE name = '${meter.name}'`,
    );
    await other.query(`INSERT INTO reading VALUES (${Number(topicId) + 4}, '${at}', 0)`);
    const write = store.write({ polls: [samplePoll(meter, noon + 1000, values)], gaps: [] });
    const failure = write.then(
      () => null,
      (error: unknown) => error,
    );
    // It holds its poll and waits for the reading.
    const waits =
      "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE '%reading%'";
    while ((await database.rows(waits)).length === 0) await setTimeout(5);
    const poll = other.query(`INSERT INTO poll VALUES ('${at}', ${meterId}, '${at}', 1, 1, 1, 1, NULL)`);
    const error = await failure;
    await poll;
    await other.query('ROLLBACK');
    assert.ok(error instanceof StoreFailure, String(error));
    assert.equal(error.remedy, 'retry');
    assert.deepEqual(await valuesOf(meter.name, noon + 1000), []);
    await store.write({ polls: [samplePoll(meter, noon + 1000, values)], gaps: [] });
    assert.deepEqual(await valuesOf(meter.name, noon + 1000), values);
  });

  it('two collectors that write the same polls with other values at once wait for each other', async () => {
    const second = await openStore({ url: database.url, log: silentLog });
    try {
      const meters = Array.from({ length: 20 }, (_, index) => sampleMeter(`Bulk/both/${index}`, metricsOf(150)));
      const write = (to: Store, slot: number) =>
        to.write({
          polls: meters.map((meter) =>
            samplePoll(
              meter,
              slot,
              meter.metrics.map(() => (Math.random() < 0.5 ? 1 : 1.5)),
            ),
          ),
          gaps: [],
        });
      for (let round = 0; round < 10; round++) {
        const slot = noon + round * 1000;
        await Promise.all([write(store, slot), write(second, slot), write(store, slot), write(second, slot + 500)]);
      }
      const [[count]] = await other.query(
        "SELECT count(*) FROM reading r JOIN topic t ON t.id = r.topic_id WHERE t.name LIKE 'Bulk/both/%'",
      );
      assert.equal(Number(count), 20 * 150 * 20);
    } finally {
      await second.close();
    }
  });

  it('what the database cannot hold is refused for ever, and nothing of its write is kept', async () => {
    const meter = sampleMeter('Bulk/refused', metricsOf(2));
    const refused = (error: unknown) => error instanceof StoreFailure && error.remedy === 'stop';
    const good = samplePoll(meter, noon, [1, 2]);
    for (const poll of [samplePoll(meter, 9e15, [1, 2]), samplePoll(meter, noon + 1, [1, Number.POSITIVE_INFINITY])]) {
      await assert.rejects(store.write({ polls: [good, poll], gaps: [] }), refused);
      assert.deepEqual(await valuesOf(meter.name), []);
    }
    await store.write({ polls: [good], gaps: [] });
    assert.deepEqual(await valuesOf(meter.name), [1, 2]);
  });

  it('nothing of a write is kept whose last statement fails, the one that its commit follows at once', async () => {
    const meter = sampleMeter('Bulk/last', metricsOf(2));
    const polls = async () =>
      database.rows(`SELECT p.stored FROM poll p JOIN meter m ON m.id = p.meter_id WHERE m.name = '${meter.name}'`);
    const good = samplePoll(meter, noon, [0.5, 1.5]);
    const bad = samplePoll(meter, noon + 1, [2.5, Number.POSITIVE_INFINITY]);
    await assert.rejects(store.write({ polls: [good, bad], gaps: [] }), StoreFailure);
    assert.deepEqual([await polls(), await valuesOf(meter.name)], [[], []]);
    await store.write({ polls: [good], gaps: [] });
    assert.deepEqual([await polls(), await valuesOf(meter.name)], [[[2]], [0.5, 1.5]]);
  });

  it('a store that is closed leaves no connection behind', async () => {
    const connections = async () => {
      const [[count]] = await other.query(
        'SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
      );
      return Number(count);
    };
    const before = await connections();
    const second = await openStore({ url: database.url, log: silentLog });
    const meter = sampleMeter('Bulk/closed', metricsOf(1));
    await second.write({ polls: [samplePoll(meter, noon, [1.5])], gaps: [] });
    assert.ok((await connections()) > before);
    await second.close();
    while ((await connections()) > before) await setTimeout(5);
  });
});
