// Copies a database of EMDC 0.1, which has one row per reading: meters, topics, polls with their readings, and gaps. It
// kept per poll how many readings are missing for which reason, and not of which metrics: the metrics without a reading get
// the poll's reasons in their order. Rollups are made again from the polls.

import type { MeterInfo, MetricInfo } from '../model/meter.js';
import type { Gap, MissingReason, Poll } from '../model/poll.js';
import type { Reader } from '../store/reader.js';
import { BEFORE_ALL, type EmdcOptions, positionOf, type Source } from './emdc.js';
import { metricFrom } from './known-metrics.js';
import { Report } from './report.js';

/** Read and written at once: a meter's polls of this span. */
const WINDOW_MS = 3_600_000;

/** Rejects with an EmdcError. */
export async function importFirstEdition(options: EmdcOptions): Promise<Report> {
  const { reader, store, note, onProgress } = options;
  const report = new Report();
  const sources = await readSources(options);
  report.topics = sources.reduce((sum, { meter }) => sum + meter.metrics.length, 0);
  const [[total = 0] = []] = await reader.rows('SELECT count(*) FROM reading');
  const [reachedMeter, reachedTime] = positionOf((await store.setting?.(note)) ?? null);
  for (const source of sources) {
    if (source.id < reachedMeter) continue;
    for (let from = source.id === reachedMeter ? reachedTime : BEFORE_ALL; ; ) {
      const start = await nextTime(reader, source, from);
      if (start === null) break;
      from = start - (start % WINDOW_MS) + WINDOW_MS;
      const { polls, gaps } = await readWindow(reader, source, start, from);
      await store.write({ polls, gaps });
      report.polls += polls.length;
      report.gaps += gaps.length;
      report.readings += polls.reduce((sum, { values }) => sum + values.filter((v) => !Number.isNaN(v)).length, 0);
      onProgress(report.readings, Math.max(Number(total), report.readings));
      await store.keepSetting?.(note, `${source.id} ${from}`);
    }
  }
  await store.keepSetting?.(note, null);
  return report;
}

/** `indexAt` is by topic id here. */
async function readSources({ reader, known }: EmdcOptions): Promise<Source[]> {
  const topics = await reader.rows(
    'SELECT meter_id, id, metric, description, unit, data_type, kind, counter_range FROM topic ORDER BY meter_id, id',
  );
  const meters = await reader.rows(
    `SELECT id, name, host, port, unit_id, ${reader.quoted('map')} FROM meter ORDER BY id`,
  );
  return meters.map(([id, name, host, port, unitId, mapName]) => {
    const own = topics.filter(([meterId]) => Number(meterId) === Number(id));
    const metrics: readonly MetricInfo[] = own.map(([, , ...columns]) =>
      known.matching(String(name), metricFrom(columns), Date.now()),
    );
    const place = { host: String(host), port: Number(port), unitId: Number(unitId), mapName: String(mapName) };
    const meter: MeterInfo = known.meter(String(name), metrics, place);
    return { id: Number(id), meter, indexAt: new Map(own.map(([, topicId], index) => [Number(topicId), index])) };
  });
}

const topicIds = ({ indexAt }: Source): string => (indexAt.size === 0 ? '-1' : [...indexAt.keys()].join(', '));

/** The first poll, gap or reading of the meter at or after a time; null: none. */
async function nextTime(reader: Reader, source: Source, from: number): Promise<number | null> {
  const { time } = reader;
  const firsts = await Promise.all([
    reader.rows(`SELECT ${reader.ms('min(slot)')} FROM poll WHERE meter_id = ? AND slot >= ${time}`, [source.id, from]),
    reader.rows(`SELECT ${reader.ms('min(ts)')} FROM gap WHERE meter_id = ? AND ts >= ${time}`, [source.id, from]),
    reader.rows(
      `SELECT ${reader.ms('min(ts)')} FROM reading WHERE topic_id IN (${topicIds(source)}) AND ts >= ${time}`,
      [from],
    ),
  ]);
  const times = firsts.flatMap((rows) => (rows[0]?.[0] == null ? [] : [Number(rows[0][0])]));
  return times.length === 0 ? null : Math.min(...times);
}

interface Draft {
  readonly readAt: number;
  readonly durationMs: number;
  readonly requests: number;
  readonly expected: number;
  readonly error: string | null;
  readonly values: Float64Array;
  readonly reasons: MissingReason[];
}

async function readWindow(reader: Reader, source: Source, from: number, until: number) {
  const { meter, indexAt } = source;
  const { time } = reader;
  const drafts = new Map<number, Draft>();
  const newDraft = (slot: number, rest: Partial<Draft> = {}): Draft => {
    const values = new Float64Array(meter.metrics.length).fill(Number.NaN);
    const draft = { readAt: slot, durationMs: 0, requests: 0, expected: 0, error: null, values, reasons: [], ...rest };
    drafts.set(slot, draft);
    return draft;
  };
  for (const [slot, readAt, durationMs, requests, expected, error] of await reader.rows(
    `SELECT ${reader.ms('slot')}, ${reader.ms('read_at')}, duration_ms, requests, expected, error
FROM poll WHERE meter_id = ? AND slot >= ${time} AND slot < ${time}`,
    [source.id, from, until],
  )) {
    newDraft(Number(slot), {
      readAt: Number(readAt),
      durationMs: Number(durationMs),
      requests: Number(requests),
      expected: Number(expected),
      error: error === null ? null : String(error),
    });
  }
  for (const [ts, topicId, value] of await reader.rows(
    `SELECT ${reader.ms('ts')}, topic_id, value FROM reading WHERE topic_id IN (${topicIds(source)}) AND ts >= ${time} AND ts < ${time}`,
    [from, until],
  )) {
    const draft = drafts.get(Number(ts)) ?? newDraft(Number(ts));
    draft.values[indexAt.get(Number(topicId)) ?? -1] = Number(value);
  }
  const gaps: Gap[] = [];
  for (const [ts, end, reason, slots, readings] of await reader.rows(
    `SELECT ${reader.ms('ts')}, ${reader.ms('until')}, reason, slots, readings FROM gap WHERE meter_id = ? AND ts >= ${time} AND ts < ${time} ORDER BY ts, reason`,
    [source.id, from, until],
  )) {
    // What a poll lacks is a gap without length there.
    if (Number(end) > Number(ts)) gaps.push(gapOf(meter, { ts, end, reason, slots }));
    else
      drafts.get(Number(ts))?.reasons.push(...new Array<MissingReason>(Number(readings)).fill(reason as MissingReason));
  }
  const polls = [...drafts].sort(([a], [b]) => a - b).map(([slot, draft]) => pollFrom(meter, slot, draft));
  return { polls, gaps };
}

const gapOf = (meter: MeterInfo, { ts, end, reason, slots }: Readonly<Record<string, unknown>>): Gap => ({
  meter,
  from: Number(ts),
  until: Number(end),
  slots: Number(slots),
  reason: reason === 'missed' || reason === 'lost' ? reason : 'down',
});

function pollFrom(meter: MeterInfo, slot: number, draft: Draft): Poll {
  const { readAt, durationMs, requests, expected, error, values, reasons } = draft;
  const without = [...values.keys()].filter((index) => Number.isNaN(values[index]));
  const missing = new Map<number, MissingReason>();
  // Metrics that came to the map later were not expected then.
  const count = Math.min(without.length, Math.max(0, expected - (values.length - without.length)));
  for (const [i, index] of without.slice(0, count).entries()) missing.set(index, reasons[i] ?? 'not available');
  return { meter, slot, readAt, durationMs, requests, values, missing, error };
}
