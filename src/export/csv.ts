// Writes a table as CSV (RFC 4180): commas, a point in numbers, UTF-8.

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Cell, Table, TimeFormat } from './table.js';

const CHUNK = 65_536;

/** Waits where `out` is slower. Does not end it. Resolves to the number of rows. */
export async function writeCsv(table: Table, out: Writable, time: TimeFormat): Promise<number> {
  const isTime = table.columns.map(({ type }) => type === 'time');
  const fieldOf = (cell: Cell, index: number): string => {
    if (cell === null) return '';
    if (typeof cell === 'string') return quoted(cell);
    if (isTime[index]) return time(cell);
    return Object.is(cell, -0) ? '-0' : String(cell);
  };
  let text = `${table.columns.map(({ name }) => quoted(name)).join(',')}\r\n`;
  let rows = 0;
  for await (const row of table.rows) {
    text += `${row.map(fieldOf).join(',')}\r\n`;
    rows++;
    if (text.length < CHUNK) continue;
    if (!out.write(text)) await once(out, 'drain');
    text = '';
  }
  if (text !== '' && !out.write(text)) await once(out, 'drain');
  return rows;
}

const quoted = (text: string): string => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
