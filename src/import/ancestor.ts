// Copies an ancestor's database (VOLTTRON's historian schema: topics, meta, data) in order of time: the readings of one meter
// and time become one poll. Values that are there already stay; an interrupted copy goes on where it was.

import type { MeterInfo, MetricInfo } from '../model/meter.js';
import type { Reader } from '../store/reader.js';
import { metricOf, parseValue, splitTopic } from './ancestor-row.js';
import { LocalTimeReader } from './local-time.js';
import { PollBuilder } from './poll-builder.js';
import { type ImportOptions, Report } from './report.js';

export interface AncestorOptions extends ImportOptions {
  readonly reader: Reader;
  /** IANA name; of times without an offset. */
  readonly timezone: string;
}

const PAGE_ROWS = 20_000;
/** Before every time that a row can have, also as text. */
const EARLIEST = '0001-01-01 00:00:00';

/** Rejects with an EmdcError. */
export async function importAncestor(options: AncestorOptions): Promise<Report> {
  const { reader, store, note, onProgress } = options;
  const times = new LocalTimeReader(options.timezone);
  const report = new Report();
  const tables = await tableNames(reader);
  const { topics, meters } = await readTopics(options, tables, report);
  const builder = new PollBuilder();
  const read = new Set<number>();
  let [ts, topic] = startFrom((await store.setting?.(note)) ?? null);
  const [[total = 0] = []] = await reader.rows(`SELECT count(*) FROM ${tables.data} WHERE ts >= ?`, [ts]);
  for (let done = 0; ; ) {
    const page = await reader.rows(
      `SELECT ${reader.text('ts')}, topic_id, value_string FROM ${tables.data} WHERE ts >= ? AND (ts > ? OR topic_id > ?) ORDER BY ts, topic_id LIMIT ${PAGE_ROWS}`,
      [ts, ts, topic],
    );
    for (const row of page) addRow(row, { topics, times, builder, report, read });
    report.readings += builder.readings;
    const polls = builder.take(meters);
    report.polls += polls.length;
    await store.write({ polls, gaps: [], merge: 'keep' });
    done += page.length;
    onProgress(done, Math.max(Number(total), done));
    const last = page.at(-1);
    if (!last) break;
    [ts, topic] = [String(last[0]), Number(last[1])];
    await store.keepSetting?.(note, `${topic} ${ts}`);
  }
  const [[undated = 0] = []] = await reader.rows(`SELECT count(*) FROM ${tables.data} WHERE ts IS NULL`);
  if (Number(undated) > 0) report.skip('no time', `${undated} rows`, Number(undated));
  report.topics = read.size;
  await store.keepSetting?.(note, null);
  return report;
}

function startFrom(note: string | null): [ts: string, topic: number] {
  const [, topic, ts] = /^(\d+) (.+)$/.exec(note ?? '') ?? [];
  return ts === undefined ? [EARLIEST, -1] : [ts, Number(topic)];
}

interface Place {
  readonly meter: string;
  readonly index: number;
}

interface Context {
  readonly topics: ReadonlyMap<number, Place>;
  readonly times: LocalTimeReader;
  readonly builder: PollBuilder;
  readonly report: Report;
  /** Topics that had a reading. */
  readonly read: Set<number>;
}

function addRow([ts, topicId, text]: readonly unknown[], { topics, times, builder, report, read }: Context): void {
  const place = topics.get(Number(topicId));
  const time = times.read(String(ts));
  const value = parseValue(String(text));
  if (!place) report.skip('unknown topic', `topic_id ${topicId} at ${ts}`);
  else if (!time) report.skip('not a time', `${ts} of topic_id ${topicId}`);
  else if (value === null) report.skip('not a number', `${JSON.stringify(text)} of topic_id ${topicId} at ${ts}`);
  else if (!builder.add(place.meter, time.time, place.index, value))
    report.skip('a second value of the same millisecond', `topic_id ${topicId} at ${ts}`);
  else read.add(Number(topicId));
  if (time?.note === 'skipped') report.note('a local time that clocks skipped, taken an hour later', `${ts}`);
  if (time?.note === 'repeated') report.note('a local time that clocks showed twice, taken as the first', `${ts}`);
}

interface Tables {
  readonly topics: string;
  readonly meta: string;
  readonly data: string;
}

/** VOLTTRON lets a site name its tables; `volttron_table_definitions` says how. */
async function tableNames(reader: Reader): Promise<Tables> {
  const names = { topics: 'topics', meta: 'meta', data: 'data' };
  const rows = await reader
    .rows('SELECT table_id, table_name, table_prefix FROM volttron_table_definitions')
    .catch(() => []);
  for (const [id, name, prefix] of rows) {
    const key = String(id).replace(/_table$/, '');
    const full = prefix ? `${prefix}_${name}` : String(name);
    if ((key === 'topics' || key === 'meta' || key === 'data') && /^\w+$/.test(full)) names[key] = full;
  }
  return names;
}

/** Where each topic's readings go. Meters of which there is no data are never entered. */
async function readTopics({ reader, known }: AncestorOptions, tables: Tables, report: Report) {
  const rows = await reader.rows(
    `SELECT t.topic_id, t.topic_name, m.metadata FROM ${tables.topics} t LEFT JOIN ${tables.meta} m ON m.topic_id = t.topic_id ORDER BY t.topic_id`,
  );
  const meters = new Map<string, MetricInfo[]>();
  const places = new Map<number, Place>();
  for (const [id, topic, metadata] of rows) {
    const { meter, metric } = splitTopic(String(topic));
    if (`${meter}/${metric}` !== topic)
      report.note('a topic without <meter>/<metric>, renamed', `${topic} → ${meter}/${metric}`);
    const metrics = meters.get(meter) ?? [];
    meters.set(meter, metrics);
    const given = metricOf(metric, metadata === null ? null : String(metadata));
    const kind = known.metric(meter, metric)?.kind ?? given.kind;
    places.set(Number(id), { meter, index: metrics.length });
    metrics.push(known.matching(meter, { ...given, kind }, Date.now()));
  }
  const infos = new Map<string, MeterInfo>();
  for (const [name, metrics] of meters) infos.set(name, known.meter(name, metrics));
  return { topics: places, meters: infos };
}
