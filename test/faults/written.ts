// Looks into a database without the store, and compares what is there with what a load must have left.

import assert from 'node:assert/strict';
import mariadb from 'mariadb';
import pg from 'pg';
import { sqlitePath } from '../../src/store/open.js';
import { openConnection } from '../../src/store/sqlite/driver.js';
import type { Dialect } from '../../src/store/store.js';
import { type Load, meterOf, valueAt } from './load.js';

export async function sqlRows(dialect: Dialect, url: string, sql: string): Promise<unknown[][]> {
  switch (dialect) {
    case 'sqlite': {
      const connection = openConnection(sqlitePath(url), 10_000);
      try {
        return connection.prepare(sql).raw().all([]) as unknown[][];
      } finally {
        connection.close();
      }
    }
    case 'postgresql': {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        return (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
      } finally {
        await client.end();
      }
    }
    case 'mysql': {
      const client = await mariadb.createConnection(url.replace(/^mysql:/, 'mariadb:'));
      try {
        return (await client.query({ sql, rowsAsArray: true })) as unknown[][];
      } finally {
        await client.end();
      }
    }
  }
}

/** SQL for a time column's milliseconds since 1970. */
export function msOf(dialect: Dialect, column: string): string {
  switch (dialect) {
    case 'sqlite':
      return column;
    case 'postgresql':
      return `extract(epoch FROM ${column}) * 1000`;
    case 'mysql':
      return `timestampdiff(MICROSECOND, '1970-01-01', ${column}) / 1000`;
  }
}

export interface Written {
  readonly readings: number;
  readonly slots: number;
  /** Slots while no collector ran. */
  readonly downSlots: number;
}

/** Every acknowledged slot is there with all its readings, each once; every reading is one that was written. */
export async function assertWritten(url: string, load: Load, acknowledged: ReadonlySet<number>): Promise<Written> {
  const { dialect, prefix } = load;
  const values = new Map<string, (slot: number) => number>();
  for (let index = 0; index < load.meters; index++) {
    meterOf(load, index).metrics.forEach(({ name }, metric) => {
      values.set(`${prefix}/meter${index}/${name}`, (slot) => valueAt(index, metric, slot));
    });
  }
  const rows = await sqlRows(
    dialect,
    url,
    `SELECT t.name, ${msOf(dialect, 'r.ts')}, r.value FROM reading r JOIN topic t ON t.id = r.topic_id WHERE t.name LIKE '${prefix}/%'`,
  );
  const perSlot = new Map<number, Set<unknown>>();
  for (const [name, ts, value] of rows) {
    const slot = Number(ts);
    const topics = perSlot.get(slot) ?? new Set();
    assert.ok(!topics.has(name), `${name} at ${slot} is there twice`);
    topics.add(name);
    perSlot.set(slot, topics);
    assert.equal(value, values.get(String(name))?.(slot), `${name} at ${slot}`);
  }
  for (const [slot, topics] of perSlot) assert.equal(topics.size, values.size, `slot ${slot} is there in part`);
  const lost = [...acknowledged].filter((slot) => !perSlot.has(slot));
  assert.deepEqual(lost, [], 'acknowledged, but not there');
  const meters = `SELECT id FROM meter WHERE name LIKE '${prefix}/%'`;
  const [polls] = await sqlRows(dialect, url, `SELECT count(*) FROM poll WHERE meter_id IN (${meters})`);
  assert.equal(Number(polls?.[0]), perSlot.size * load.meters, 'one poll per meter and slot');
  const downSlots = await assertGaps(url, load, [...perSlot.keys()], meters);
  return { readings: rows.length, slots: perSlot.size, downSlots };
}

/** Each slot between the first and the last poll that is no poll lies in one gap `down`, and no other slot does. */
async function assertGaps(url: string, load: Load, polled: readonly number[], meters: string): Promise<number> {
  const { dialect, intervalMs } = load;
  const rows = await sqlRows(
    dialect,
    url,
    `SELECT meter_id, ${msOf(dialect, 'ts')}, ${msOf(dialect, 'until')}, slots, reason FROM gap
      WHERE meter_id IN (${meters}) AND reason IN ('down', 'missed', 'lost') ORDER BY 1, 2`,
  );
  const [first, last] = [Math.min(...polled), Math.max(...polled)];
  const missing: number[] = [];
  const isPolled = new Set(polled);
  for (let slot = first; slot <= last; slot += intervalMs) if (!isPolled.has(slot)) missing.push(slot);
  const perMeter = new Map<unknown, number[]>();
  for (const [meter, from, until, slots, reason] of rows) {
    assert.equal(reason, 'down');
    assert.equal(Number(slots), (Number(until) - Number(from)) / intervalMs, 'slots in the gap');
    const covered = perMeter.get(meter) ?? [];
    for (let slot = Number(from); slot < Number(until); slot += intervalMs) covered.push(slot);
    perMeter.set(meter, covered);
  }
  assert.equal(perMeter.size, missing.length === 0 ? 0 : load.meters, 'meters with gaps');
  for (const covered of perMeter.values()) assert.deepEqual(covered, missing, 'slots in gaps are those without a poll');
  return missing.length;
}
