// The data types by name, and the names that other tools and documents give them.

import type { BitType, DataType } from '../model/meter.js';
import { plain } from './columns.js';

const bits = Array.from({ length: 16 }, (_, bit) => `BIT${bit}` as BitType);

/** In the order in which people are told them. */
export const dataTypes: readonly DataType[] = [
  'UINT8',
  'INT8',
  'UINT16',
  'INT16',
  'UINT32',
  'INT32',
  'UINT64',
  'INT64',
  'UINT24',
  'INT24',
  'UINT48',
  'INT48',
  'FLOAT32',
  'FLOAT64',
  'MOD10K',
  'BCD',
  'PF_QUADRANT',
  'PF_IEEE_4Q',
  'SM16',
  'BOOL',
  'STRING',
  ...bits,
];

const wholeTypes: readonly DataType[] = [...dataTypes.slice(0, 12), 'SM16'];

/** A plain whole number, fit to be an exponent. */
export const isWhole = (type: DataType): boolean => wholeTypes.includes(type);

export const dataTypeNames = `${dataTypes.filter((type) => !/^BIT\d/.test(type)).join(', ')}, BIT0 … BIT15`;

const byPlainName = new Map(dataTypes.map((type) => [plain(type), type]));

const otherNames = new Map<string, DataType>(
  Object.entries({
    UINT16: ['u16', 'word', 'unsigned16', 'ushort', 'uint', 'unsigned16bit'],
    INT16: ['s16', 'i16', 'sint16', 'signed16', 'short', 'int', 'signed16bit'],
    UINT32: ['u32', 'dword', 'unsigned32', 'ulong', 'udint', 'unsigned32bit', 'acc32'],
    INT32: ['s32', 'i32', 'sint32', 'signed32', 'long', 'dint', 'signed32bit'],
    UINT64: ['u64', 'qword', 'unsigned64', 'unsigned64bit', 'acc64'],
    INT64: ['s64', 'i64', 'sint64', 'signed64', 'signed64bit'],
    UINT24: ['u24', 'unsigned24'],
    INT24: ['s24', 'i24', 'signed24'],
    UINT48: ['u48', 'unsigned48'],
    INT48: ['s48', 'i48', 'signed48'],
    STRING: ['text', 'ascii', 'char', 'string8'],
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
