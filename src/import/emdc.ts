// Copies everything from another EMDC database: meters, topics, rollups, polls, reasons, coverage, readings. Topics and meters keep
// their names and get ids of this database.

import type { DataType, MeterInfo, MetricInfo } from '../model/meter.js';
import type { Bulk, TopicIds } from '../store/bulk.js';
import type { Reader } from '../store/reader.js';
import type { Dialect } from '../store/store.js';
import { Report } from './report.js';

export interface EmdcOptions {
  readonly reader: Reader;
  readonly bulk: Bulk;
  readonly onProgress: (done: number, total: number) => void;
}

const PAGE_ROWS = 20_000;
const QUARTER_MS = 900_000;

export const isEmdc = (reader: Reader): Promise<boolean> =>
  reader.rows('SELECT unit_id FROM meter LIMIT 1').then(
    () => true,
    () => false,
  );

export async function importEmdc(options: EmdcOptions): Promise<Report> {
  const { reader } = options;
  const report = new Report();
  const { topics, meterIds } = await enterTopics(options);
  report.topics = topics.size;
  await copyPolls(options, meterIds, report);
  await copyGaps(options, meterIds);
  await copyTally(options, meterIds);
  await copyRollups(options, topics, report);
  const [[total = 0] = []] = await reader.rows('SELECT count(*) FROM reading');
  const tables = reader.dialect === 'sqlite' ? ['reading_history'] : ['reading'];
  for (const table of tables) {
    for (const [id, ids] of topics) await copyTopic({ ...options, table, total: Number(total) }, id, ids, report);
  }
  if (reader.dialect === 'sqlite') await copyRecent({ ...options, total: Number(total) }, topics, report);
  return report;
}

/** SQL for a time column as ms since 1970, and for a parameter that is such a number. */
function timeSql(dialect: Dialect) {
  switch (dialect) {
    case 'sqlite':
      return { ms: (column: string) => column, at: '?' };
    case 'postgresql':
      return {
        ms: (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`,
        at: 'to_timestamp(?::float8 / 1000)',
      };
    case 'mysql':
      return {
        ms: (column: string) => `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ${column}) / 1000`,
        at: "TIMESTAMPADD(MICROSECOND, ? * 1000, '1970-01-01')",
      };
  }
}

/** Earlier, and later, than any time on record. */
const EARLIEST = 0;
const LATEST = Date.UTC(9999, 0);

async function enterTopics({ reader, bulk }: EmdcOptions) {
  const order = reader.dialect === 'mysql' ? '`map`' : 'map';
  const meters = new Map<number, MeterInfo & { metrics: MetricInfo[] }>();
  for (const [id, name, host, port, unitId, mapName] of await reader.rows(
    `SELECT id, name, host, port, unit_id, ${order} FROM meter`,
  )) {
    meters.set(Number(id), {
      name: String(name),
      host: String(host),
      port: Number(port),
      unitId: Number(unitId),
      mapName: String(mapName),
      metrics: [],
    });
  }
  const names = new Map<number, string>();
  for (const [id, meterId, metric, topic, description, unit, dataType, kind, range] of await reader.rows(
    'SELECT id, meter_id, metric, name, description, unit, data_type, kind, counter_range FROM topic ORDER BY id',
  )) {
    names.set(Number(id), String(topic));
    meters.get(Number(meterId))?.metrics.push({
      name: String(metric),
      description: String(description),
      unit: String(unit),
      dataType: String(dataType) as DataType,
      kind: kind === 'counter' ? { type: 'counter', range: range === null ? null : Number(range) } : { type: 'gauge' },
    });
  }
  const ids = await bulk.enter([...meters.values()]);
  const topics = new Map([...names].map(([id, name]) => [id, ids.get(name) as TopicIds]));
  const meterIds = new Map<number, number>();
  for (const [id, { name, metrics }] of meters) {
    const entered = ids.get(`${name}/${metrics[0]?.name}`);
    if (entered) meterIds.set(id, entered.meterId);
  }
  return { topics, meterIds };
}

type Counted = EmdcOptions & { readonly total: number };

async function copyTopic(options: Counted & { table: string }, id: number, ids: TopicIds, report: Report) {
  const { reader, bulk, table, total, onProgress } = options;
  const { ms, at } = timeSql(reader.dialect);
  for (let after = EARLIEST; ; ) {
    const sql = `SELECT ${ms('ts')}, value FROM ${table} WHERE topic_id = ? AND ts > ${at} ORDER BY ts LIMIT ${PAGE_ROWS}`;
    const page = await reader.rows(sql, [id, after]);
    await bulk.write(page.map(([time, value]) => ({ ...ids, time: Number(time), value: Number(value) })));
    report.readings += page.length;
    onProgress(report.readings, Math.max(total, report.readings));
    if (page.length < PAGE_ROWS) return;
    after = Number(page.at(-1)?.[0]);
  }
}

/** The newest hours of the embedded database lie in order of time. */
async function copyRecent(
  { reader, bulk, total, onProgress }: Counted,
  topics: ReadonlyMap<number, TopicIds>,
  report: Report,
) {
  for (let [after, topic] = [EARLIEST, 0]; ; ) {
    const page = await reader.rows(
      `SELECT ts, topic_id, value FROM reading_recent WHERE (ts, topic_id) > (?, ?) ORDER BY ts, topic_id LIMIT ${PAGE_ROWS}`,
      [after, topic],
    );
    const rows = page.flatMap(([time, id, value]) => {
      const ids = topics.get(Number(id));
      return ids ? [{ ...ids, time: Number(time), value: Number(value) }] : [];
    });
    await bulk.write(rows);
    report.readings += rows.length;
    onProgress(report.readings, Math.max(total, report.readings));
    const last = page.at(-1);
    if (!last || page.length < PAGE_ROWS) return;
    [after, topic] = [Number(last[0]), Number(last[1])];
  }
}

async function copyPolls({ reader, bulk }: EmdcOptions, meterIds: ReadonlyMap<number, number>, report: Report) {
  const { ms, at } = timeSql(reader.dialect);
  for (let [after, meter] = [EARLIEST, 0]; ; ) {
    const page = await reader.rows(
      `SELECT ${ms('slot')}, meter_id, ${ms('read_at')}, duration_ms, requests, expected, stored, error FROM poll
WHERE slot >= ${at} AND (slot > ${at} OR meter_id > ?) ORDER BY slot, meter_id LIMIT ${PAGE_ROWS}`,
      [after, after, meter],
    );
    const polls = page.flatMap(([slot, id, readAt, durationMs, requests, expected, stored, error]) => {
      const meterId = meterIds.get(Number(id));
      if (meterId === undefined) return [];
      const [times, counts] = [{ slot: Number(slot), readAt: Number(readAt) }, { requests: Number(requests) }];
      const rest = { durationMs: Number(durationMs), expected: Number(expected), stored: Number(stored) };
      return [{ meterId, ...times, ...counts, ...rest, error: error === null ? null : String(error) }];
    });
    await bulk.writePolls(polls, []);
    report.polls += polls.length;
    const last = page.at(-1);
    if (!last || page.length < PAGE_ROWS) return;
    [after, meter] = [Number(last[0]), Number(last[1])];
  }
}

async function copyGaps({ reader, bulk }: EmdcOptions, meterIds: ReadonlyMap<number, number>) {
  const { ms, at } = timeSql(reader.dialect);
  for (let after = EARLIEST; ; ) {
    // A moment has few gaps: a page that begins again at its last moment repeats some, which is harmless.
    const page = await reader.rows(
      `SELECT ${ms('ts')}, meter_id, ${ms('until')}, reason, slots, readings FROM gap WHERE ts >= ${at} ORDER BY ts LIMIT ${PAGE_ROWS}`,
      [after],
    );
    const gaps = page.flatMap(([ts, id, until, reason, slots, readings]) => {
      const meterId = meterIds.get(Number(id));
      if (meterId === undefined) return [];
      const span = { ts: Number(ts), until: Number(until), reason: String(reason) };
      return [{ meterId, ...span, slots: Number(slots), readings: Number(readings) }];
    });
    await bulk.writePolls([], gaps);
    const last = Number(page.at(-1)?.[0]);
    if (page.length < PAGE_ROWS || last === after) return;
    after = last;
  }
}

/** What is left of polls and gaps that have been pruned; the others are counted anew. */
async function copyTally({ reader, bulk }: EmdcOptions, meterIds: ReadonlyMap<number, number>) {
  const { ms, at } = timeSql(reader.dialect);
  const found = await reader.rows('SELECT 1 FROM tally LIMIT 1').catch(() => []);
  if (found.length === 0) return;
  const [[poll, gap] = []] = await reader.rows(
    `SELECT (SELECT min(${ms('slot')}) FROM poll), (SELECT min(${ms('ts')}) FROM gap)`,
  );
  const oldest = Math.min(...[poll, gap].map((time) => (time === null ? Number.MAX_SAFE_INTEGER : Number(time))));
  const before = Math.min(oldest - (oldest % QUARTER_MS), LATEST);
  for (let [after, meter] = [EARLIEST, 0]; ; ) {
    const page = await reader.rows(
      `SELECT ${ms('bucket')}, meter_id, reason, expected, stored, readings, slots, ${ms('hour')} FROM tally
WHERE hour >= ${at} AND (hour > ${at} OR meter_id >= ?) AND bucket < ${at}
ORDER BY hour, meter_id, bucket, reason LIMIT ${PAGE_ROWS}`,
      [after, after, meter, before],
    );
    const rows = page.flatMap(([bucket, id, reason, ...counts]) => {
      const meterId = meterIds.get(Number(id));
      if (meterId === undefined) return [];
      return [{ meterId, bucket: Number(bucket), reason: String(reason), counts: counts.slice(0, 4).map(Number) }];
    });
    await bulk.writeTally(rows);
    const last = page.at(-1);
    if (!last || page.length < PAGE_ROWS) return;
    // The hour of a meter at which a page ends is read again: writing it twice is harmless.
    [after, meter] = [Number(last[7]), Number(last[1])];
  }
}

/** Before the readings: the quarters of those are computed anew, the others are all that is left of their time. */
async function copyRollups({ reader, bulk }: EmdcOptions, topics: ReadonlyMap<number, TopicIds>, report: Report) {
  const { ms, at } = timeSql(reader.dialect);
  for (const [id, { topicId }] of topics) {
    for (let after = EARLIEST - 1; ; ) {
      const page = await reader.rows(
        `SELECT ${ms('bucket')}, ${ms('first_ts')}, ${ms('last_ts')}, min, max, mean, first, last, increase, count, wraps, resets, suspect
FROM rollup WHERE topic_id = ? AND bucket > ${at} ORDER BY bucket LIMIT ${PAGE_ROWS}`,
        [id, after],
      );
      const rollups = page.map((row) => {
        const [bucket = 0, firstTs = 0, lastTs = 0, ...rest] = row.map(Number);
        return { topicId, bucket, firstTs, lastTs, figures: rest.slice(0, 6), counts: rest.slice(6) };
      });
      await bulk.writeRollups(rollups);
      report.rollups += rollups.length;
      if (page.length < PAGE_ROWS) break;
      after = rollups.at(-1)?.bucket ?? after;
    }
  }
}
