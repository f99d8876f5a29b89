// What MariaDB does otherwise than MySQL: a write goes in its bulk protocol, as statements of one row each with a list of rows
// in binary. The server stores a reading so in half the time that it takes to read it from JSON.

import { POLL_NUMBERS, type Polls, type Readings, type Rows, type Sql } from '../sql.js';
import { Tickets } from '../tickets.js';
import { INSERT_GAPS, mysqlSql } from './statements.js';

/** Prisma has no words for the bulk protocol: see mariadb-driver.ts. */
export const mariadbTickets = new Tickets<Rows>();

export const mariadbSql: Sql = { ...mysqlSql, write: (db, rows) => mariadbTickets.hand(db, rows) };

/** SQL with the rows that it is to be run for, or with its only parameter. */
export type BulkStatement = { readonly sql: string } & ({ readonly rows: unknown[][] } | { readonly json: string });

/** In the order in which they have to be run; each is made when it is asked for, while the server works on the last. */
export function* bulkStatements({ polls, gaps, buckets, readings }: Rows): Generator<BulkStatement> {
  const text = timeTexts();
  yield* inChunks(INSERT_POLLS, pollRows(polls, text));
  if (gaps !== null) yield { sql: INSERT_GAPS, json: gaps };
  const quarters = JSON.parse(buckets()) as BucketJson[];
  yield* inChunks(
    INSERT_STALE,
    quarters.map(({ m, b, r }) => [m, text(b), r]),
  );
  yield* readingStatements(readings, text);
}

const INSERT_POLLS = `
INSERT INTO poll (slot, meter_id, read_at, duration_ms, requests, expected, stored, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE meter_id = poll.meter_id`;

// See mysql.ts.
const INSERT_STALE = `
INSERT INTO stale (meter_id, bucket, readings)
VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE readings = GREATEST(stale.readings, VALUES(readings))`;

const INSERT_READINGS = `
INSERT INTO reading (topic_id, ts, value) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE topic_id = reading.topic_id`;

// A cycle's readings have one slot, which goes without saying for each of them.
const INSERT_SLOT = `
INSERT INTO reading (topic_id, ts, value) VALUES (?, @slot, ?) ON DUPLICATE KEY UPDATE topic_id = reading.topic_id`;

/** All that come with rows. */
export const BULK_SQL = [INSERT_POLLS, INSERT_STALE, INSERT_READINGS, INSERT_SLOT];

/** What the variable `slot` has to be. */
export function slotVariable({ readings }: Rows): string {
  const slot = slotOf(readings);
  return slot === undefined ? 'NULL' : `'${timeText(slot)}'`;
}

/** Of all of them; undefined: they have several. */
const slotOf = ({ slots }: Readings): number | undefined => (slots[0] === slots.at(-1) ? slots[0] : undefined);

/** Rows per statement. */
const CHUNK = 3_000;

function* inChunks(sql: string, rows: unknown[][]): Generator<BulkStatement> {
  for (let start = 0; start < rows.length; start += CHUNK) yield { sql, rows: rows.slice(start, start + CHUNK) };
}

function pollRows({ slots, numbers, errors }: Polls, text: (time: number) => string): unknown[][] {
  const rows: unknown[][] = [];
  for (let row = 0; row < slots.length; row++) {
    const number = (column: number) => numbers[row * POLL_NUMBERS + column] as number;
    const readAt = text(number(1));
    const slot = text(slots[row] as number);
    rows.push([slot, number(0), readAt, number(2), number(3), number(4), number(5), errors.get(row) ?? null]);
  }
  return rows;
}

/** Of Rows.buckets. */
interface BucketJson {
  readonly m: number;
  readonly b: number;
  readonly r: number;
}

/**
 * Whole numbers on their own, because the connector sends them as integers and begins another packet wherever the type
 * changes. What comes twice is taken the first time, as it would be in one list. The order in which rows are locked does
 * not matter here: writers of the same rows have met at the rows of `stale`.
 */
function* readingStatements(readings: Readings, text: (time: number) => string): Generator<BulkStatement> {
  const { topicIds, slots, values } = readings;
  const oneSlot = slotOf(readings) !== undefined;
  const sql = oneSlot ? INSERT_SLOT : INSERT_READINGS;
  const lists: [fractions: unknown[][], integers: unknown[][]] = [[], []];
  const seen = new Set<number>();
  for (let row = 0; row < values.length; row++) {
    const slot = slots[row] as number;
    const topicId = topicIds[row] as number;
    const value = values[row] as number;
    if (row === 0 || slot !== slots[row - 1]) seen.clear();
    if (seen.has(topicId)) continue;
    seen.add(topicId);
    const list = isInteger(value) ? 1 : 0;
    lists[list].push(oneSlot ? [topicId, value] : [topicId, text(slot), value]);
    if (lists[list].length < CHUNK) continue;
    yield { sql, rows: lists[list] };
    lists[list] = [];
  }
  for (const rows of lists) if (rows.length > 0) yield { sql, rows };
}

/** As the connector sees it. */
const isInteger = (value: number): boolean => value === (value | 0) && value !== 0x7fffffff;

/** Most rows of a write have the same few times. */
function timeTexts(): (time: number) => string {
  const known = new Map<number, string>();
  return (time) => {
    let text = known.get(time);
    if (text === undefined) {
      text = timeText(time);
      known.set(time, text);
    }
    return text;
  };
}

/** As text, since the connector leaves its bulk protocol for dates. What no date can hold, the database is to refuse. */
function timeText(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? `${time}` : date.toISOString().slice(0, -1).replace('T', ' ');
}
