// What a database must hold after its collector, its server, or both were killed again and again: all that was said to be
// durable, everything once, and an account of every slot.

import assert from 'node:assert/strict';
import type { Dialect } from '../../src/store/store.js';
import { msOf, sqlRows } from '../faults/written.js';

export interface Acknowledged {
  /** Slots of cycles that the log says have ended. */
  readonly finished: readonly number[];
  /** Rows of answers to POST /collect. */
  readonly collected: readonly CollectedRow[];
}

export interface CollectedRow {
  readonly meter: string;
  readonly time: string;
  readonly stored: number;
  readonly spooled: number;
}

export interface Kept {
  readonly polls: number;
  readonly readings: number;
  /** Polls that brought nothing: they were cut at their slot's end. */
  readonly cut: number;
}

/** The meters are read every second, `metrics` each. */
export async function assertKept(options: {
  readonly dialect: Dialect;
  readonly url: string;
  readonly meters: readonly string[];
  readonly metrics: number;
  readonly acknowledged: Acknowledged;
}): Promise<Kept> {
  const { dialect, url, meters, metrics, acknowledged } = options;
  const ask = (sql: string) => sqlRows(dialect, url, sql);
  const ms = (column: string) => msOf(dialect, column);

  const reasons = await ask(`
    SELECT meter, ${ms('time')}, count(*) FROM missing GROUP BY meter, time`);
  const missing = new Map(reasons.map(([meter, slot, count]) => [`${meter} ${Number(slot)}`, Number(count)]));
  // Meter, slot, what the poll says it stored, and how many readings there are.
  const rows = await ask(`
    SELECT m.name, ${ms('p.slot')}, p.stored, coalesce(r.readings, 0)
    FROM poll p JOIN meter m ON m.id = p.meter_id LEFT JOIN (
      SELECT t.meter_id, r.ts, count(*) AS readings FROM reading r JOIN topic t ON t.id = r.topic_id GROUP BY t.meter_id, r.ts
    ) r ON r.meter_id = p.meter_id AND r.ts = p.slot`);
  const polls = new Map<string, number>();
  for (const [meter, slot, stored, readings] of rows) {
    const poll = `${meter} ${Number(slot)}`;
    assert.ok(!polls.has(poll), `${poll} is there twice`);
    polls.set(poll, Number(stored));
    assert.equal(Number(stored) + (missing.get(poll) ?? 0), metrics, `${poll} says why it is not whole`);
    assert.equal(Number(readings), Number(stored), `${poll} has the readings that it stored`);
  }
  const [counts] = await ask('SELECT count(*) FROM reading');
  const readings = Number(counts?.[0]);
  const stored = [...polls.values()].reduce((sum, count) => sum + count, 0);
  assert.equal(readings, stored, 'no reading without a poll, none twice');

  for (const slot of acknowledged.finished)
    for (const meter of meters) assert.ok(polls.has(`${meter} ${slot}`), `${meter} at ${slot} was finished`);
  for (const { meter, time, stored, spooled } of acknowledged.collected) {
    const poll = `${meter} ${Date.parse(time)}`;
    assert.equal(polls.get(poll), stored + spooled, `${poll} was acknowledged by POST /collect`);
  }

  const gaps = await ask(`
    SELECT m.name, ${ms('g.ts')}, ${ms('g.until')}, g.slots FROM gap g JOIN meter m ON m.id = g.meter_id
    WHERE g.reason IN ('down', 'missed')`);
  for (const name of meters) assertAccount(name, [...polls.keys()], gaps);
  return { polls: polls.size, readings, cut: [...polls.values()].filter((count) => count === 0).length };
}

/** Every second between the first and the last is a poll or a gap, and not both. Cycles by hand lie between seconds. */
function assertAccount(meter: string, polls: readonly string[], gaps: readonly unknown[][]): void {
  const counts = new Map<number, number>();
  const count = (slot: number) => counts.set(slot, (counts.get(slot) ?? 0) + 1);
  for (const poll of polls) {
    const slot = Number(poll.slice(meter.length));
    if (poll.startsWith(`${meter} `) && slot % 1000 === 0) count(slot);
  }
  for (const [name, start, end, slots] of gaps) {
    if (name !== meter) continue;
    const [from, until] = [Number(start), Number(end)];
    assert.equal(until - from, Number(slots) * 1000);
    for (let slot = from; slot < until; slot += 1000) count(slot);
  }
  const slots = [...counts.keys()].sort((a, b) => a - b);
  const untold = slots.filter((slot, i) => i > 0 && slot !== (slots[i - 1] ?? 0) + 1000);
  assert.deepEqual(untold, [], `${meter}: every slot is a poll or a gap`);
  assert.deepEqual(
    slots.filter((slot) => counts.get(slot) !== 1),
    [],
    `${meter}: and not both`,
  );
}
