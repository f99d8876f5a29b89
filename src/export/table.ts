// What an export is before it is a file: columns, and rows that come one after another.

/** `time`: ms UTC, null: none. */
export interface Column {
  readonly name: string;
  readonly type: 'time' | 'text' | 'number';
}

export type Cell = string | number | null;

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly rows: AsyncIterable<readonly Cell[]>;
}

/** Writes times: local with the zone's offset, or UTC. */
export type TimeFormat = (time: number) => string;

/** `2026-12-01T08:15:00+01:00`, or `2026-12-01T07:15:00Z`; milliseconds where there are some. Throws on an unknown zone. */
export function timeFormat(timezone: string): TimeFormat {
  if (timezone === 'UTC') return (time) => new Date(time).toISOString().replace('.000Z', 'Z');
  const offsetAt = zoneOffset(timezone);
  return (time) => {
    const offset = offsetAt(time);
    const minutes = Math.abs(Math.round(offset / 60_000));
    const two = (value: number) => String(value).padStart(2, '0');
    const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
    return new Date(time + offset).toISOString().replace(/(?:\.000)?Z$/, zone);
  };
}

/** The zone's local time minus UTC at an instant, ms. Zones change at whole quarters of an hour: asked once for each. */
export function zoneOffset(timezone: string): (time: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  let [quarter, offset] = [Number.NaN, 0];
  return (time) => {
    const start = Math.floor(time / 900_000) * 900_000;
    if (start !== quarter) {
      const parts = Object.fromEntries(format.formatToParts(start).map(({ type, value }) => [type, Number(value)]));
      const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
      [quarter, offset] = [start, Date.UTC(year, month - 1, day, hour, minute, second) - start];
    }
    return offset;
  };
}
