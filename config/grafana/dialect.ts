// What the three databases say differently, for the queries of Grafana's dashboards and alert rules. Everything that
// reaches a dashboard is either the same on all three or stands here.
//
// The macros are those of Grafana's own data sources; the SQLite data source has hardly any, and needs none, since both
// its times ($__from, $__to, $__interval_ms) and the database's are milliseconds.

import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import type * as common from '@grafana/grafana-foundation-sdk/common';
import type { Dialect } from '../../src/store/store.js';

/** Data sources are provisioned with this uid, whatever their kind. */
export const DATA_SOURCE_UID = 'emdc';

export type Format = 'time_series' | 'table';

export interface Sql {
  readonly name: Dialect;
  readonly dataSource: common.DataSourceRef;
  /** What the data source calls the time column of a time series. */
  readonly timeField: string;
  /** Names series by the column `metric`; null: the data source does so by itself. */
  readonly seriesName: string | null;
  /** Condition: the time lies in the dashboard's range. */
  inRange(time: string): string;
  /** Length of the range in seconds. */
  readonly rangeSeconds: string;
  /** Start and end of the range, comparable with times. */
  readonly from: string;
  readonly to: string;
  /** Seconds since 1970, rounded down to the panel's interval. */
  grouped(time: string): string;
  /** The panel's interval in whole seconds. */
  readonly intervalSeconds: string;
  /** Seconds since 1970. */
  seconds(time: string): string;
  /** Seconds since 1970 of the start of the hour. */
  hour(time: string): string;
  /** Joins so that the table before it is read first: by a range of its key, which MariaDB would give up for the join. */
  readonly join: string;
  /** What the poll p has at the position of the topic t: a number, or NULL. */
  readonly reading: string;
  readonly now: string;
  plus(time: string, minutes: number): string;
  /** The greater of two values. */
  greatest(a: string, b: string): string;
  query(refId: string, sql: string, format: Format): object;
}

const grafanaSql = (dataSource: common.DataSourceRef) => ({
  dataSource,
  timeField: 'Time',
  seriesName: null,
  inRange: (time: string) => `$__timeFilter(${time})`,
  rangeSeconds: '($__unixEpochTo() - $__unixEpochFrom())',
  grouped: (time: string) => `$__timeGroup(${time}, $__interval)`,
  greatest: (a: string, b: string) => `greatest(${a}, ${b})`,
  query: (refId: string, rawSql: string, format: Format) => ({
    refId,
    datasource: dataSource,
    editorMode: 'code',
    format,
    rawQuery: true,
    rawSql,
  }),
});

const postgresql: Sql = {
  ...grafanaSql({ type: 'grafana-postgresql-datasource', uid: DATA_SOURCE_UID }),
  name: 'postgresql',
  from: 'CAST($__timeFrom() AS timestamptz)',
  to: 'CAST($__timeTo() AS timestamptz)',
  intervalSeconds: '($__interval_ms / 1000)',
  seconds: (time) => `extract(epoch FROM ${time})`,
  hour: (time) => `extract(epoch FROM date_trunc('hour', ${time}, 'UTC'))`,
  join: 'JOIN',
  reading: 'p.readings[t.position + 1]',
  now: 'now()',
  plus: (time, minutes) => `${time} + INTERVAL '${minutes} minutes'`,
};

const mysql: Sql = {
  ...grafanaSql({ type: 'mysql', uid: DATA_SOURCE_UID }),
  name: 'mysql',
  from: '$__timeFrom()',
  to: '$__timeTo()',
  intervalSeconds: '($__interval_ms DIV 1000)',
  seconds: (time) => `UNIX_TIMESTAMP(${time})`,
  hour: (time) => `UNIX_TIMESTAMP(${time}) DIV 3600 * 3600`,
  join: 'STRAIGHT_JOIN',
  reading: "CAST(JSON_VALUE(p.readings, CONCAT('$[', t.position, ']')) AS DOUBLE)",
  now: 'UTC_TIMESTAMP(3)',
  plus: (time, minutes) => `${time} + INTERVAL ${minutes} MINUTE`,
};

const sqliteSource: common.DataSourceRef = { type: 'frser-sqlite-datasource', uid: DATA_SOURCE_UID };

const sqlite: Sql = {
  name: 'sqlite',
  dataSource: sqliteSource,
  timeField: 'time',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own
  seriesName: '${__field.labels.metric}',
  inRange: (time) => `${time} BETWEEN $__from AND $__to`,
  rangeSeconds: '(($__to - $__from) / 1000)',
  from: '$__from',
  to: '$__to',
  grouped: (time) => `${time} / $__interval_ms * $__interval_ms / 1000`,
  intervalSeconds: '($__interval_ms / 1000)',
  seconds: (time) => `(${time} / 1000)`,
  hour: (time) => `${time} / 3600000 * 3600`,
  join: 'JOIN',
  reading: 'CAST(p.readings ->> t.position AS REAL)',
  now: '(unixepoch() * 1000)',
  plus: (time, minutes) => `${time} + ${minutes * 60_000}`,
  greatest: (a, b) => `max(${a}, ${b})`,
  query: (refId, text, format) => ({
    refId,
    datasource: sqliteSource,
    queryType: format === 'table' ? 'table' : 'time series',
    queryText: text,
    rawQueryText: text,
    timeColumns: ['time'],
  }),
};

export const dialects: readonly Sql[] = [postgresql, mysql, sqlite];

/** The foundation SDK has no types for these data sources' queries. */
export function target(sql: Sql, text: string, format: Format, refId = 'A'): cog.Builder<cog.Dataquery> {
  return { build: () => sql.query(refId, text, format) as cog.Dataquery };
}
