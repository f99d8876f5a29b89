// Readings in one parameter of one statement. As JSON they would be turned into text, copied by Prisma and parsed again,
// which takes longer than SQLite needs to store them; as bytes they reach the driver, which hands them to SQLite in
// statements of many rows each.

import type { Readings } from './sql.js';

/** In a statement, stands for as many rows (slot, topic id, value) as its only parameter, from `packReadings`, holds. */
export const READINGS = 'VALUES readings(?)';

export function packReadings({ topicIds, slots, values }: Readings): Uint8Array {
  const bytes = new Uint8Array(values.length * 20);
  bytes.set(new Uint8Array(slots.buffer, slots.byteOffset, slots.byteLength));
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), values.length * 8);
  bytes.set(new Uint8Array(topicIds.buffer, topicIds.byteOffset, topicIds.byteLength), values.length * 16);
  return bytes;
}

function unpackReadings(bytes: Uint8Array): Readings {
  const { buffer } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const offset = bytes.byteOffset % 8 === 0 ? bytes.byteOffset : 0;
  const count = bytes.byteLength / 20;
  return {
    slots: new Float64Array(buffer, offset, count),
    values: new Float64Array(buffer, offset + count * 8, count),
    topicIds: new Int32Array(buffer, offset + count * 16, count),
  };
}

/** Rows of one slot per statement: few sizes, so that each is prepared once. */
const SIZES = [500, 50, 5, 1] as const;

const rowsSql = SIZES.map(
  (size) => `VALUES ${Array.from({ length: size }, (_, i) => `(?1,?${2 + 2 * i},?${3 + 2 * i})`).join(',')}`,
);

/** `run` is called for each statement. */
export function runReadings(
  sql: string,
  bytes: Uint8Array,
  run: (sql: string, parameters: readonly number[]) => void,
): void {
  const { topicIds, slots, values } = unpackReadings(bytes);
  const statements = rowsSql.map((rows) => sql.replace(READINGS, rows));
  for (let row = 0; row < values.length; ) {
    const slot = slots[row] as number;
    let end = row + 1;
    while (end < values.length && slots[end] === slot) end++;
    for (const [index, size] of SIZES.entries()) {
      for (; row + size <= end; row += size) {
        const parameters = [slot];
        for (let i = row; i < row + size; i++) parameters.push(topicIds[i] as number, values[i] as number);
        run(statements[index] as string, parameters);
      }
    }
  }
}
