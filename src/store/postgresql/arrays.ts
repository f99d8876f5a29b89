// Arrays in PostgreSQL's binary form, one dimension, no nulls: a tenth of the work of writing numbers as text, and less for
// the server, too. The form is array_send's, in src/backend/utils/adt/arrayfuncs.c.

const HEADER_BYTES = 20;
/** Of pg_type. */
const INT4 = 23;
const FLOAT8 = 701;

/** For a parameter `$1::int4[]`. */
export function int4Array(numbers: Int32Array): Uint8Array {
  return arrayOf(INT4, 4, numbers.length, (view, at, index) => view.setInt32(at, numbers[index] as number));
}

/** For a parameter `$1::float8[]`. −0 goes as 0, as it would in text. */
export function float8Array(numbers: Float64Array): Uint8Array {
  return arrayOf(FLOAT8, 8, numbers.length, (view, at, index) => view.setFloat64(at, (numbers[index] as number) + 0));
}

function arrayOf(
  type: number,
  size: number,
  length: number,
  put: (view: DataView, at: number, index: number) => void,
): Uint8Array {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + length * (4 + size));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Dimensions, flags, type, length, number of the first element; an empty array has no dimension.
  view.setInt32(0, length === 0 ? 0 : 1);
  view.setInt32(4, 0);
  view.setInt32(8, type);
  if (length === 0) return bytes.subarray(0, 12);
  view.setInt32(12, length);
  view.setInt32(16, 1);
  for (let index = 0, at = HEADER_BYTES; index < length; index++, at += 4 + size) {
    view.setInt32(at, size);
    put(view, at + 4, index);
  }
  return bytes;
}
