// Rows in the form in which the embedded database takes them fastest: many to a statement, each statement prepared once,
// and as few parameters as can be, since each costs the driver a quarter of what a reading costs SQLite.

import { POLL_NUMBERS, type Polls, type Readings } from '../sql.js';
import type { Run } from './work.js';

interface Insert {
  /** Rows that it takes, all of one slot, which is the first parameter. */
  readonly size: number;
  readonly sql: string;
  /** Filled anew for each statement. */
  readonly parameters: number[];
}

/** Few sizes, and yet few statements for any number of rows. */
const SIZES = [1000, 100, 20, 5, 1] as const;

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
const ANY_POLL = insertOf(POLLS, '(?,?,?,?,?,?,?,?)');

/** A double holds whole numbers of 53 bits: the time from slot to reading and the duration share one, the counts another. */
const TIME_BITS = 26;
const COUNT_BITS = 17;
const PLAIN_POLLS = insertsOf(POLLS, 1, 3, (_, [meterId, times, counts]) => {
  const [time, count] = [2 ** TIME_BITS - 1, 2 ** COUNT_BITS - 1];
  const readAtAndDuration = `?1+(${times}>>${TIME_BITS}),${times}&${time}`;
  const requestsExpectedStored = `${counts}>>${2 * COUNT_BITS},${counts}>>${COUNT_BITS}&${count},${counts}&${count}`;
  return `(?1,${meterId},${readAtAndDuration},${requestsExpectedStored},NULL)`;
});

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
  const isPlain = (row: number) => !errors.has(row) && fits(slots[row] as number, numbers, row * POLL_NUMBERS);
  for (let row = 0; row < slots.length; ) {
    const slot = slots[row] as number;
    if (!isPlain(row)) {
      const own = numbers.subarray(row * POLL_NUMBERS, (row + 1) * POLL_NUMBERS);
      run(ANY_POLL, [slot, ...own, errors.get(row) ?? null]);
      row++;
      continue;
    }
    let end = row + 1;
    while (end < slots.length && slots[end] === slot && isPlain(end)) end++;
    for (const { size, sql, parameters } of PLAIN_POLLS) {
      for (; row + size <= end; row += size) {
        parameters[0] = slot;
        for (let i = 0; i < size; i++) pack(slot, numbers, (row + i) * POLL_NUMBERS, parameters, 1 + 3 * i);
        run(sql, parameters);
      }
    }
  }
}

/** Whether the poll's figures are whole numbers that the bits suffice for: nearly all are. */
function fits(slot: number, numbers: Float64Array, start: number): boolean {
  const time = 2 ** TIME_BITS;
  const count = 2 ** COUNT_BITS;
  return (
    isBelow(time, (numbers[start + 1] as number) - slot) &&
    isBelow(time, numbers[start + 2] as number) &&
    isBelow(count, numbers[start + 3] as number) &&
    isBelow(count, numbers[start + 4] as number) &&
    isBelow(count, numbers[start + 5] as number)
  );
}

const isBelow = (limit: number, number: number): boolean => number >= 0 && number < limit && Number.isInteger(number);

function pack(slot: number, numbers: Float64Array, start: number, parameters: number[], at: number): void {
  const number = (column: number) => numbers[start + column] as number;
  parameters[at] = number(0);
  parameters[at + 1] = (number(1) - slot) * 2 ** TIME_BITS + number(2);
  parameters[at + 2] = (number(3) * 2 ** COUNT_BITS + number(4)) * 2 ** COUNT_BITS + number(5);
}
