// Reads a CSV file into polls: what export wrote (long or wide), or any file with the columns time, meter, metric, value.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { parse } from 'csv-parse';
import { EmdcError, messageOf } from '../model/errors.js';
import type { MeterInfo, MetricInfo } from '../model/meter.js';
import { metricOf, parseValue } from './ancestor-row.js';
import { type Columns, columnsOf, separatorOf } from './csv-columns.js';
import { LocalTimeReader } from './local-time.js';
import { PollBuilder } from './poll-builder.js';
import { type ImportOptions, Report } from './report.js';

export interface CsvOptions extends ImportOptions {
  readonly file: string;
  /** IANA name; of times without an offset. */
  readonly timezone: string;
  /** Column of the file by the name that it is to have here: `time` → `Zeitstempel`. */
  readonly headers: ReadonlyMap<string, string>;
}

const BATCH_READINGS = 20_000;

/** Rejects with an EmdcError: `unreadable-file`, `csv-columns`, or a StoreFailure. */
export async function importCsv(options: CsvOptions): Promise<Report> {
  const { file, store, note, onProgress } = options;
  const size = await stat(file).catch((error) => {
    throw new EmdcError({ code: 'unreadable-file', message: `cannot read ${file}: ${messageOf(error)}` });
  });
  const report = new Report();
  const rows = new RowReader(options, report);
  const skip = Number((await store.setting?.(note)) ?? 0);
  const bytes = createReadStream(file);
  const delimiter = await separatorOf(file);
  const parser = bytes.pipe(parse({ delimiter, bom: true, relax_column_count: true, skip_empty_lines: true }));
  // A pipe passes no errors on.
  bytes.on('error', (error) => parser.destroy(error));
  const flush = async (line: number) => {
    report.readings += rows.builder.readings;
    const polls = rows.builder.take(rows.meters);
    report.polls += polls.length;
    await store.write({ polls, gaps: [], merge: 'keep' });
    onProgress(bytes.bytesRead, size.size);
    await store.keepSetting?.(note, String(line));
  };
  let columns: Columns | null = null;
  let line = 0;
  for await (const fields of parser as AsyncIterable<readonly string[]>) {
    if (columns === null) columns = columnsOf(fields, { file, headers: options.headers });
    else {
      line++;
      if (line > skip) rows.add(fields, columns, { line, decimalComma: delimiter !== ',' });
      if (rows.builder.readings >= BATCH_READINGS) await flush(line);
    }
  }
  await flush(line);
  report.topics = rows.topics;
  await store.keepSetting?.(note, null);
  return report;
}

/** Turns lines into readings; finds or makes the meters and metrics that they name. */
class RowReader {
  readonly builder = new PollBuilder();
  readonly #options: CsvOptions;
  readonly #report: Report;
  readonly #times: LocalTimeReader;
  /** By meter. A meter with a new metric is a new object. */
  readonly meters = new Map<string, MeterInfo>();
  /** Index of a meter's metric by meter, metric and unit. */
  readonly #indexes = new Map<string, number>();

  constructor(options: CsvOptions, report: Report) {
    this.#options = options;
    this.#report = report;
    this.#times = new LocalTimeReader(options.timezone);
  }

  get topics(): number {
    return this.#indexes.size;
  }

  add(
    fields: readonly string[],
    columns: Columns,
    at: { readonly line: number; readonly decimalComma: boolean },
  ): void {
    const where = `line ${at.line + 1}`;
    const time = this.#times.read(fields[columns.time] ?? '');
    const meter = (fields[columns.meter] ?? '').trim();
    if (!time) return void this.#report.skip('not a time', `${where}: ${JSON.stringify(fields[columns.time] ?? '')}`);
    if (meter === '') return void this.#report.skip('no meter', where);
    if (time.note === 'skipped') this.#report.note('a local time that clocks skipped, taken an hour later', where);
    if (time.note === 'repeated') this.#report.note('a local time that clocks showed twice, taken as the first', where);
    for (const { metric, value, unit } of columns.readings(fields)) {
      if (value.trim() === '') continue;
      const number = parseValue(at.decimalComma ? value.replace(/^(\s*-?\d+),(\d+\s*)$/, '$1.$2') : value);
      if (metric === '') this.#report.skip('no metric', where);
      else if (number === null) this.#report.skip('not a number', `${where}: ${JSON.stringify(value)}`);
      else if (!this.#keep({ meter, metric, unit }, time.time, number))
        this.#report.skip('a second value of the same time', `${where}: ${meter}/${metric}`);
    }
  }

  #keep(topic: { meter: string; metric: string; unit: string | null }, time: number, value: number): boolean {
    const { known } = this.#options;
    const meter = this.meters.get(topic.meter) ?? known.meter(topic.meter, []);
    const key = `${topic.meter}\n${topic.metric}\n${topic.unit ?? ''}`;
    let index = this.#indexes.get(key);
    if (index === undefined) {
      index = meter.metrics.length;
      this.#indexes.set(key, index);
      this.meters.set(topic.meter, { ...meter, metrics: [...meter.metrics, this.#metricOf(topic, meter)] });
    }
    return this.builder.add(topic.meter, time, index, value);
  }

  #metricOf(
    { meter, metric, unit }: { meter: string; metric: string; unit: string | null },
    info: MeterInfo,
  ): MetricInfo {
    const { known } = this.#options;
    const found = known.metric(meter, metric);
    const given = {
      ...metricOf(metric, null),
      unit: unit ?? found?.unit ?? '',
      kind: found?.kind ?? { type: 'gauge' },
    } as const;
    if (found === null) this.#report.note('a metric of no map, taken as a gauge', `${meter}/${metric}`);
    const matched = known.matching(meter, given, Date.now());
    if (
      matched.retired === undefined &&
      info.metrics.some(({ name, retired }) => name === metric && retired === undefined)
    )
      return { ...given, retired: Date.now() };
    return matched;
  }
}
