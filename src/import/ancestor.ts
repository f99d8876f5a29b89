// Copies an ancestor's database (VOLTTRON's historian schema: topics, meta, data) in order of time. What was copied stays
// as it is when it is copied again; an interrupted copy goes on where it was. Rows that mean nothing are counted, not fatal.

import type { MetricInfo } from '../model/meter.js';
import type { Bulk, Row, TopicIds } from '../store/bulk.js';
import type { Reader } from '../store/reader.js';
import { importedMeter, metricOf, parseValue, splitTopic } from './ancestor-row.js';
import { LocalTimeReader } from './local-time.js';
import { Report } from './report.js';

export interface AncestorOptions {
  readonly reader: Reader;
  readonly bulk: Bulk;
  /** IANA name; of times without an offset. */
  readonly timezone: string;
  /** Under which the progress is kept in the database; null: from the beginning. */
  readonly note: string | null;
  readonly onProgress: (done: number, total: number) => void;
}

const PAGE_ROWS = 20_000;

export async function importAncestor(options: AncestorOptions): Promise<Report> {
  const { reader, bulk, note, onProgress } = options;
  const times = new LocalTimeReader(options.timezone);
  const report = new Report();
  const tables = await tableNames(reader);
  const topics = await enterTopics(options, tables, report);
  const start = note === null ? null : await bulk.note(note);
  let [ts, topic] = [start === null ? '' : naiveText(start), -1];
  const where = 'ts >= ? AND (ts > ? OR topic_id > ?)';
  const [[total = 0] = []] = await reader.rows(`SELECT count(*) FROM ${tables.data} WHERE ts >= ?`, [ts || EARLIEST]);
  ts ||= EARLIEST;
  for (let done = 0; ; ) {
    const sql = `SELECT ts, topic_id, value_string FROM ${tables.data} WHERE ${where} ORDER BY ts, topic_id LIMIT ${PAGE_ROWS}`;
    const page = await reader.rows(sql, [ts, ts, topic]);
    const rows: Row[] = [];
    for (const row of page) {
      const parsed = parseRow(row, topics, times, report);
      if (parsed) rows.push(parsed);
    }
    await bulk.write(rows);
    report.readings += rows.length;
    done += page.length;
    onProgress(done, Math.max(Number(total), done));
    const last = page.at(-1);
    if (!last) break;
    [ts, topic] = [String(last[0]), Number(last[1])];
    const reached = naiveTimes.read(ts)?.time;
    if (note !== null && reached !== undefined) await bulk.setNote(note, reached);
  }
  const [[undated = 0] = []] = await reader.rows(`SELECT count(*) FROM ${tables.data} WHERE ts IS NULL`);
  if (Number(undated) > 0) report.skip('no time', `${undated} rows`, Number(undated));
  return report;
}

/** Before every time that a row can have, also as text. */
const EARLIEST = '0001-01-01 00:00:00';

/** The position is kept as if the source's times were UTC: only the source itself compares it. */
const naiveTimes = new LocalTimeReader('UTC');
const naiveText = (time: number): string => new Date(time).toISOString().replace('T', ' ').replace('Z', '');

function parseRow(
  [ts, topicId, text]: readonly unknown[],
  topics: ReadonlyMap<number, TopicIds>,
  times: LocalTimeReader,
  report: Report,
): Row | null {
  const ids = topics.get(Number(topicId));
  if (!ids) return report.skip('unknown topic', `topic_id ${topicId} at ${ts}`);
  const time = times.read(String(ts));
  if (!time) return report.skip('not a time', `${ts} of topic_id ${topicId}`);
  const value = parseValue(String(text));
  if (value === null) return report.skip('not a number', `${JSON.stringify(text)} of topic_id ${topicId} at ${ts}`);
  if (time.note === 'skipped') report.note('a local time that clocks skipped, taken an hour later', `${ts}`);
  if (time.note === 'repeated') report.note('a local time that clocks showed twice, taken as the first', `${ts}`);
  return { ...ids, time: time.time, value };
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

async function enterTopics({ reader, bulk }: AncestorOptions, tables: Tables, report: Report) {
  const sql = `SELECT t.topic_id, t.topic_name, m.metadata FROM ${tables.topics} t LEFT JOIN ${tables.meta} m ON m.topic_id = t.topic_id`;
  const meters = new Map<string, Map<string, MetricInfo>>();
  const names = new Map<number, string>();
  for (const [id, topic, metadata] of await reader.rows(sql)) {
    const { meter, metric } = splitTopic(String(topic));
    if (`${meter}/${metric}` !== topic)
      report.note('a topic without <meter>/<metric>, renamed', `${topic} → ${meter}/${metric}`);
    const metrics = meters.get(meter) ?? new Map<string, MetricInfo>();
    meters.set(meter, metrics.set(metric, metricOf(metric, metadata === null ? null : String(metadata))));
    names.set(Number(id), `${meter}/${metric}`);
  }
  const ids = await bulk.enter([...meters].map(([name, metrics]) => importedMeter(name, [...metrics.values()])));
  report.topics = names.size;
  return new Map([...names].map(([id, name]) => [id, ids.get(name) as TopicIds]));
}
