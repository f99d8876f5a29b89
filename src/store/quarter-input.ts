// From rows of the database to what the pure functions of quarters.ts take.

import type { CounterReading } from './counters.js';
import type { Db } from './db.js';
import type { PollColumns } from './poll-columns.js';
import type { QuarterTopic, StoredGap, StoredPoll } from './quarters.js';

export interface GapColumns {
  readonly meter_id: number | bigint;
  readonly ts: number | bigint;
  readonly until: number | bigint;
  readonly reason: string;
  readonly slots: number | bigint;
}

export interface AcceptedColumns {
  readonly topic_id: number | bigint;
  readonly ts: number | bigint;
  readonly value: number;
}

type TopicRow = Awaited<ReturnType<Db['topic']['findMany']>>[number];

export function groupBy<Row>(rows: readonly Row[], keyOf: (row: Row) => number): Map<number, Row[]> {
  const groups = new Map<number, Row[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group) group.push(row);
    else groups.set(keyOf(row), [row]);
  }
  return groups;
}

export const meterIdOf = ({ meter_id }: { readonly meter_id: number | bigint }): number => Number(meter_id);

/** Oldest first; quarters without a new accepted reading repeat the one before. */
export function acceptedByTopic(rows: readonly AcceptedColumns[]): Map<number, CounterReading[]> {
  const byTopic = new Map<number, CounterReading[]>();
  for (const [id, own] of groupBy(rows, ({ topic_id }) => Number(topic_id))) {
    const readings = own.map(({ ts, value }) => ({ ts: Number(ts), value })).sort((a, b) => a.ts - b.ts);
    byTopic.set(
      id,
      readings.filter(({ ts }, i) => ts !== readings[i - 1]?.ts),
    );
  }
  return byTopic;
}

export const storedPoll = (row: PollColumns): StoredPoll => ({
  slot: Number(row.slot),
  expected: Number(row.expected),
  stored: Number(row.stored),
  readings: row.readings === null ? [] : JSON.parse(row.readings),
  missing: row.missing === null ? {} : JSON.parse(row.missing),
});

export const storedGap = ({ ts, until, reason, slots }: GapColumns): StoredGap => ({
  ts: Number(ts),
  until: Number(until),
  reason,
  slots: Number(slots),
});

export function quarterTopic(topic: TopicRow, maxPowerW: number | null): QuarterTopic {
  return {
    id: topic.id,
    position: topic.position,
    kind: topic.kind,
    counterRange: topic.counterRange,
    maxPerHour: topic.kind === 'counter' ? (topic.maximum ?? maxPerHourOf(topic.unit, maxPowerW)) : null,
  };
}

/** What a meter of this power can count in an hour, in a counter's unit; null: the unit is none of energy. */
function maxPerHourOf(unit: string, maxPowerW: number | null): number | null {
  const [, prefix = null] = /^(k|M|G)?(?:Wh|varh|VAh)$/.exec(unit) ?? [null, null];
  if (maxPowerW === null || !/^(k|M|G)?(?:Wh|varh|VAh)$/.test(unit)) return null;
  return maxPowerW / { '': 1, k: 1e3, M: 1e6, G: 1e9 }[(prefix ?? '') as '' | 'k' | 'M' | 'G'];
}
