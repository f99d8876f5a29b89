// The data types by name: how many registers each may take, and the names that other tools and documents give them.

import type { DataType } from '../meter.js';
import { plain } from './columns.js';

export interface TypeFacts {
  /** Registers (for BOOL: bits) that a value may take. */
  readonly sizes: readonly number[];
  /** Bits of the raw code, for "not available" values; null: sixteen for each register. */
  readonly rawBits: number | null;
  /** A plain whole number, fit to be an exponent. */
  readonly whole: boolean;
}

const fixed = (size: number, whole: boolean, rawBits: number | null = null): TypeFacts => ({
  sizes: [size],
  rawBits,
  whole,
});
const digits: TypeFacts = { sizes: [1, 2, 3, 4], rawBits: null, whole: false };

export const dataTypes: ReadonlyMap<DataType, TypeFacts> = new Map<DataType, TypeFacts>([
  ['UINT8', fixed(1, true, 8)],
  ['INT8', fixed(1, true, 8)],
  ['UINT16', fixed(1, true)],
  ['INT16', fixed(1, true)],
  ['UINT32', fixed(2, true)],
  ['INT32', fixed(2, true)],
  ['UINT64', fixed(4, true)],
  ['INT64', fixed(4, true)],
  ['FLOAT32', fixed(2, false)],
  ['FLOAT64', fixed(4, false)],
  ['MOD10K', digits],
  ['BCD', digits],
  ['PF_QUADRANT', fixed(1, false)],
  ['PF_IEEE_4Q', fixed(2, false)],
  ['SM16', fixed(1, true)],
  ['BOOL', fixed(1, false, 1)],
  ...([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] as const).map((bit): [DataType, TypeFacts] => [
    `BIT${bit}`,
    fixed(1, false, 1),
  ]),
]);

export const dataTypeNames =
  'UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64, FLOAT32, FLOAT64, MOD10K, BCD, PF_QUADRANT, PF_IEEE_4Q, SM16, BOOL, BIT0 … BIT15';

const byPlainName = new Map([...dataTypes.keys()].map((type) => [plain(type), type]));

const otherNames = new Map<string, DataType>(
  Object.entries({
    UINT16: ['u16', 'word', 'unsigned16', 'ushort', 'uint', 'unsigned16bit'],
    INT16: ['s16', 'i16', 'sint16', 'signed16', 'short', 'int', 'signed16bit'],
    UINT32: ['u32', 'dword', 'unsigned32', 'ulong', 'udint', 'unsigned32bit', 'acc32'],
    INT32: ['s32', 'i32', 'sint32', 'signed32', 'long', 'dint', 'signed32bit'],
    UINT64: ['u64', 'qword', 'unsigned64', 'unsigned64bit', 'acc64'],
    INT64: ['s64', 'i64', 'sint64', 'signed64', 'signed64bit'],
    FLOAT32: ['float', 'f32', 'real', 'single', 'ieee754', 'float32bit', '32bitfloat', 'floatingpoint'],
    FLOAT64: ['double', 'f64', 'lreal', 'float64bit', '64bitfloat'],
    UINT8: ['u8', 'byte'],
    INT8: ['s8', 'i8'],
    MOD10K: ['modulo10000', 'mod10000', 'm10k'],
    BOOL: ['bit', 'boolean', 'coil'],
  } satisfies Partial<Record<DataType, readonly string[]>>).flatMap(([type, names]) =>
    names.map((name): [string, DataType] => [name, type as DataType]),
  ),
);

export type FoundType =
  | { readonly found: 'type'; readonly type: DataType }
  | { readonly found: 'other name'; readonly type: DataType }
  | { readonly found: 'nothing' };

/** Case, spaces and punctuation do not count: `float 32` is FLOAT32. `DOUBLE` is another name, and stays an error. */
export function findDataType(text: string): FoundType {
  const name = plain(text);
  const type = byPlainName.get(name);
  if (type !== undefined) return { found: 'type', type };
  const other = otherNames.get(name);
  return other === undefined ? { found: 'nothing' } : { found: 'other name', type: other };
}
