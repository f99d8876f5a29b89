// Rows in the form in which the embedded database takes them fastest: many to a statement, each statement prepared once,
// and as few parameters as can be, since each costs the driver a quarter of what a reading costs SQLite.

import { POLL_NUMBERS, type Polls, type Readings } from './sql.js';
import type { Run } from './sqlite-work.js';

interface Insert {
  /** Rows that it takes, all of one slot, which is the first parameter. */
  readonly size: number;
  readonly sql: string;
  /** Filled anew for each statement. */
  readonly parameters: number[];
}

/** Few sizes, and yet few statements for any number of rows. */
const SIZES = [500, 100, 20, 5, 1] as const;

/** `shared` parameters come first, `own` ones for each row follow; `row` names them, ?1 and so on. */
function insertsOf(into: string, shared: number, own: number, row: (index: number, own: string[]) => string): Insert[] {
  return SIZES.map((size) => {
    const rows = Array.from({ length: size }, (_, index) => {
      return row(
        index,
        Array.from({ length: own }, (_, i) => `?${1 + shared + index * own + i}`),
      );
    });
    return { size, sql: insertOf(into, rows.join(',')), parameters: new Array(shared + size * own).fill(0) };
  });
}

// `OR FAIL` leaves the rows before a row that is refused, which the transaction takes back: SQLite need not be prepared
// to do so itself.
const insertOf = (into: string, rows: string): string =>
  `INSERT OR FAIL INTO ${into} VALUES ${rows} ON CONFLICT DO NOTHING`;

const READINGS = 'reading_recent (ts, topic_id, value)';
const ANY_TOPICS = insertsOf(READINGS, 1, 2, (_, own) => `(?1,${own})`);
/** Topics whose ids follow one another, as those do that were entered together. */
const TOPICS_IN_A_ROW = insertsOf(READINGS, 2, 1, (index, own) => `(?1,?2+${index},${own})`);

const POLLS = 'poll (slot, meter_id, read_at, duration_ms, requests, expected, stored, error)';
const GOOD_POLLS = insertsOf(POLLS, 1, POLL_NUMBERS, (_, own) => `(?1,${own},NULL)`);
const BAD_POLL = insertOf(POLLS, '(?,?,?,?,?,?,?,?)');

export function insertReadings(run: Run, { topicIds, slots, values }: Readings): void {
  for (let row = 0; row < values.length; ) {
    const slot = slots[row] as number;
    let end = row + 1;
    while (end < values.length && slots[end] === slot) end++;
    for (const [index, any] of ANY_TOPICS.entries()) {
      for (const { size } = any; row + size <= end; row += size) {
        if (inARow(topicIds, row, size)) {
          const { sql, parameters } = TOPICS_IN_A_ROW[index] as Insert;
          parameters[0] = slot;
          parameters[1] = topicIds[row] as number;
          for (let i = 0; i < size; i++) parameters[2 + i] = values[row + i] as number;
          run(sql, parameters);
        } else {
          any.parameters[0] = slot;
          for (let i = 0; i < size; i++) {
            any.parameters[1 + 2 * i] = topicIds[row + i] as number;
            any.parameters[2 + 2 * i] = values[row + i] as number;
          }
          run(any.sql, any.parameters);
        }
      }
    }
  }
}

function inARow(topicIds: Int32Array, start: number, size: number): boolean {
  const first = topicIds[start] as number;
  for (let i = 1; i < size; i++) if (topicIds[start + i] !== first + i) return false;
  return true;
}

export function insertPolls(run: Run, { slots, numbers, errors }: Polls): void {
  for (let row = 0; row < slots.length; ) {
    const slot = slots[row] as number;
    const error = errors.get(row);
    if (error !== undefined) {
      run(BAD_POLL, [slot, ...numbers.subarray(row * POLL_NUMBERS, (row + 1) * POLL_NUMBERS), error]);
      row++;
      continue;
    }
    let end = row + 1;
    while (end < slots.length && slots[end] === slot && !errors.has(end)) end++;
    for (const { size, sql, parameters } of GOOD_POLLS) {
      for (; row + size <= end; row += size) {
        parameters[0] = slot;
        for (let i = 0; i < size * POLL_NUMBERS; i++) parameters[1 + i] = numbers[row * POLL_NUMBERS + i] as number;
        run(sql, parameters);
      }
    }
  }
}
