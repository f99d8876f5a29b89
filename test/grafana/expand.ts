// What Grafana does to a query before a database sees it: variables and built-in variables in the browser
// (public/app/features/templating), macros in the data sources' own processes (macros.go of grafana-postgresql-datasource and
// of mysql, sql_engine.go of sqleng; macros.go and variables.go of frser-sqlite-datasource). Only what those know is expanded; anything else
// that looks like a macro is an error, as it is there.

import type { Dialect } from '../../src/store/store.js';

export interface Range {
  /** ms UTC. */
  readonly from: number;
  readonly to: number;
}

export type Variables = ReadonlyMap<string, readonly string[]>;

const STEPS_S = [
  1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
];
const UNITS = { d: 86_400, h: 3_600, m: 60, s: 1 };

const secondsOf = (text: string): number => {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (count === undefined) throw new Error(`no interval: ${text}`);
  return Number(count) * UNITS[unit as keyof typeof UNITS];
};

const textOf = (seconds: number): string => {
  const [unit, length] = Object.entries(UNITS).find(([, length]) => seconds % length === 0) ?? ['s', 1];
  return `${seconds / length}${unit}`;
};

/** `$__interval`, as text: a round one that gives about as many points as asked for, and no shorter than `least`. */
export function intervalOf(range: Range, points: number, least: string): string {
  const wanted = (range.to - range.from) / 1_000 / points;
  const rounded = STEPS_S.findLast((step) => step <= wanted) ?? 1;
  return textOf(Math.max(rounded, secondsOf(least)));
}

export function expand(
  dialect: Dialect,
  sql: string,
  options: { range: Range; interval: string; variables: Variables },
): string {
  const { range, interval, variables } = options;
  const inBrowser = replaceBuiltIn(replaceVariables(sql, variables), range, interval);
  const expanded = dialect === 'sqlite' ? inBrowser : replaceMacros(dialect, inBrowser, range);
  const left = /\$\{?\w+[^\s]*/.exec(expanded);
  if (left) throw new Error(`Grafana knows no ${left[0]}`);
  return expanded;
}

function replaceVariables(sql: string, variables: Variables): string {
  return sql.replaceAll(/\$\{(\w+):(\w+)\}/g, (whole, name: string, format: string) => {
    const values = variables.get(name);
    if (!values) throw new Error(`no variable for ${whole}`);
    switch (format) {
      case 'csv':
        return values.join(',');
      case 'sqlstring':
        return values.map((value) => `'${value.replaceAll("'", "''")}'`).join(',');
      default:
        throw new Error(`no such format here: ${whole}`);
    }
  });
}

function replaceBuiltIn(sql: string, range: Range, interval: string): string {
  return sql
    .replaceAll('$__interval_ms', String(secondsOf(interval) * 1_000))
    .replaceAll('$__interval', interval)
    .replaceAll(/\$__from\b/g, String(range.from))
    .replaceAll(/\$__to\b/g, String(range.to));
}

function replaceMacros(dialect: 'postgresql' | 'mysql', text: string, range: Range): string {
  const [from, to] = [Math.floor(range.from / 1_000), Math.floor(range.to / 1_000)];
  const sql = text.replaceAll('$__unixEpochFrom()', String(from)).replaceAll('$__unixEpochTo()', String(to));
  const time = (ms: number, seconds: number) =>
    dialect === 'postgresql' ? `'${new Date(ms).toISOString()}'` : `FROM_UNIXTIME(${seconds})`;
  return sql.replaceAll(/\$([_a-zA-Z0-9]+)\(([^)]*)\)/g, (whole, name: string, list: string, at: number) => {
    const [column = '', interval = ''] = list.split(',').map((part) => part.trim());
    // PostgreSQL's only: directly before a comma, $__timeGroup names its column, too.
    const named = dialect === 'postgresql' && name === '__timeGroup' && sql[at + whole.length] === ',';
    switch (named ? '__timeGroupAlias' : name) {
      case '__timeFilter':
        return `${column} BETWEEN ${time(range.from, from)} AND ${time(range.to, to)}`;
      case '__timeFrom':
        return time(range.from, from);
      case '__timeTo':
        return time(range.to, to);
      case '__timeGroup':
        return timeGroup(dialect, column, interval);
      case '__timeGroupAlias':
        return `${timeGroup(dialect, column, interval)} AS "time"`;
      default:
        throw new Error(`unknown macro ${whole}`);
    }
  });
}

function timeGroup(dialect: 'postgresql' | 'mysql', column: string, interval: string): string {
  const seconds = secondsOf(interval.replaceAll("'", ''));
  if (dialect === 'mysql') return `UNIX_TIMESTAMP(${column}) DIV ${seconds} * ${seconds}`;
  return `floor(extract(epoch from ${column})/${seconds})*${seconds}`;
}
