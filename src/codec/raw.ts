// The data types, one row each, both directions: registers in most-significant-first order to the raw number, and back.
// `read` gives NaN for what is no number (NaN, infinity, digits the type cannot hold). `write` rounds to the nearest
// value that the type can hold, as a meter saturates at the end of its range. 64-bit values become the nearest double.

import type { BitType, DataType } from '../model/meter.js';

export interface RawType {
  /** Registers that a value can take. */
  readonly sizes: readonly number[];
  read(bytes: Buffer, at: number, size: number): number;
  write(bytes: Buffer, at: number, size: number, raw: number): void;
}

type RegisterType = Exclude<DataType, BitType | 'BOOL'>;

const TWO_32 = 4_294_967_296;
const MAX_FLOAT32 = 3.4028234663852886e38;

const finite = (value: number): number => (Number.isFinite(value) ? value : Number.NaN);
const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));
const whole = (value: number, least: number, most: number): number => Math.round(clamp(value, least, most)) + 0;

/** Nearest integer, kept within 64 bits: the doubles next to the ends of the range lie outside it. */
function whole64(value: number, least: bigint, most: bigint): bigint {
  const integer = BigInt(Math.round(clamp(value, -TWO_32 * TWO_32, TWO_32 * TWO_32)));
  return integer < least ? least : integer > most ? most : integer;
}

function readDigits(bytes: Buffer, at: number, size: number): number {
  let value = 0;
  for (let i = at; i < at + 2 * size; i++) {
    const pair = bytes[i] as number;
    const tens = pair >> 4;
    const ones = pair & 15;
    if (tens > 9 || ones > 9) return Number.NaN;
    value = value * 100 + (tens * 10 + ones);
  }
  return value;
}

function readGroups(bytes: Buffer, at: number, size: number): number {
  let value = 0;
  for (let word = 0; word < size; word++) {
    const group = bytes.readUInt16BE(at + 2 * word);
    if (group > 9999) return Number.NaN;
    value = value * 10_000 + group;
  }
  return value;
}

/** Groups of four decimal digits, most significant first. */
function decimalGroups(raw: number, size: number): number[] {
  const most = 10n ** BigInt(4 * size) - 1n;
  let rest = whole64(Math.max(0, raw), 0n, most);
  const groups = new Array<number>(size).fill(0);
  for (let word = size - 1; word >= 0; word--) {
    groups[word] = Number(rest % 10_000n);
    rest /= 10_000n;
  }
  return groups;
}

const types: Readonly<Record<RegisterType, RawType>> = {
  // One byte per register: the high one. Byte Order "little" picks the low one.
  UINT8: {
    sizes: [1],
    read: (bytes, at) => bytes[at] as number,
    write: (bytes, at, _size, raw) => void bytes.writeUInt8(whole(raw, 0, 255), at),
  },
  INT8: {
    sizes: [1],
    read: (bytes, at) => bytes.readInt8(at),
    write: (bytes, at, _size, raw) => void bytes.writeInt8(whole(raw, -128, 127), at),
  },
  UINT16: {
    sizes: [1],
    read: (bytes, at) => bytes.readUInt16BE(at),
    write: (bytes, at, _size, raw) => void bytes.writeUInt16BE(whole(raw, 0, 65_535), at),
  },
  INT16: {
    sizes: [1],
    read: (bytes, at) => bytes.readInt16BE(at),
    write: (bytes, at, _size, raw) => void bytes.writeInt16BE(whole(raw, -32_768, 32_767), at),
  },
  UINT32: {
    sizes: [2],
    read: (bytes, at) => bytes.readUInt32BE(at),
    write: (bytes, at, _size, raw) => void bytes.writeUInt32BE(whole(raw, 0, TWO_32 - 1), at),
  },
  INT32: {
    sizes: [2],
    read: (bytes, at) => bytes.readInt32BE(at),
    write: (bytes, at, _size, raw) => void bytes.writeInt32BE(whole(raw, -TWO_32 / 2, TWO_32 / 2 - 1), at),
  },
  // Three bytes in two registers, the highest of the four bytes is something else, or 0.
  UINT24: {
    sizes: [2],
    read: (bytes, at) => bytes.readUIntBE(at + 1, 3),
    write: (bytes, at, _size, raw) => void bytes.writeUInt32BE(whole(raw, 0, 2 ** 24 - 1), at),
  },
  INT24: {
    sizes: [2],
    read: (bytes, at) => bytes.readIntBE(at + 1, 3),
    write: (bytes, at, _size, raw) => void bytes.writeIntBE(whole(raw, -(2 ** 23), 2 ** 23 - 1), at + 1, 3),
  },
  UINT48: {
    sizes: [3],
    read: (bytes, at) => bytes.readUIntBE(at, 6),
    write: (bytes, at, _size, raw) => void bytes.writeUIntBE(whole(raw, 0, 2 ** 48 - 1), at, 6),
  },
  INT48: {
    sizes: [3],
    read: (bytes, at) => bytes.readIntBE(at, 6),
    write: (bytes, at, _size, raw) => void bytes.writeIntBE(whole(raw, -(2 ** 47), 2 ** 47 - 1), at, 6),
  },
  // The product is exact and the sum rounds once, so the result is that of Number(BigInt), without making one.
  UINT64: {
    sizes: [4],
    read: (bytes, at) => bytes.readUInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4),
    write: (bytes, at, _size, raw) => void bytes.writeBigUInt64BE(whole64(raw, 0n, 2n ** 64n - 1n), at),
  },
  INT64: {
    sizes: [4],
    read: (bytes, at) => bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4),
    write: (bytes, at, _size, raw) => void bytes.writeBigInt64BE(whole64(raw, -(2n ** 63n), 2n ** 63n - 1n), at),
  },
  FLOAT32: {
    sizes: [2],
    read: (bytes, at) => finite(bytes.readFloatBE(at)),
    write: (bytes, at, _size, raw) => void bytes.writeFloatBE(clamp(raw, -MAX_FLOAT32, MAX_FLOAT32), at),
  },
  FLOAT64: {
    sizes: [4],
    read: (bytes, at) => finite(bytes.readDoubleBE(at)),
    write: (bytes, at, _size, raw) => void bytes.writeDoubleBE(clamp(raw, -Number.MAX_VALUE, Number.MAX_VALUE), at),
  },
  // Each register holds four decimal digits as a number 0–9999 (PowerLogic, ION, Nexus F60).
  MOD10K: {
    sizes: [1, 2, 3, 4],
    read: readGroups,
    write: (bytes, at, size, raw) =>
      decimalGroups(raw, size).forEach((group, word) => void bytes.writeUInt16BE(group, at + 2 * word)),
  },
  // Each half byte holds one decimal digit.
  BCD: {
    sizes: [1, 2, 3, 4],
    read: readDigits,
    write: (bytes, at, size, raw) =>
      decimalGroups(raw, size).forEach(
        (group, word) => void bytes.writeUInt16BE(Number.parseInt(`${group}`, 16), at + 2 * word),
      ),
  },
  // Electro Industries F8: thousandths and the quadrant in one number 0–3999. The formula is in
  // the vendor's driver for the Nexus 1272; the magnitude is what remains of it.
  PF_QUADRANT: {
    sizes: [1],
    read: (bytes, at) => {
      const code = bytes.readUInt16BE(at);
      if (code > 3999) return Number.NaN;
      const folded = code % 2000;
      return (folded < 1000 ? folded : 2000 - folded) / 1000;
    },
    write: (bytes, at, _size, raw) => void bytes.writeUInt16BE(whole(Math.abs(raw) * 1000, 0, 1000), at),
  },
  // Schneider's four-quadrant float: beyond ±1 it counts back (PM5xxx, iEM3000 register lists).
  PF_IEEE_4Q: {
    sizes: [2],
    read: (bytes, at) => {
      const value = bytes.readFloatBE(at);
      if (!(value >= -2 && value <= 2)) return Number.NaN;
      return value > 1 ? 2 - value : value < -1 ? -2 - value : value;
    },
    write: (bytes, at, _size, raw) => void bytes.writeFloatBE(clamp(raw, -1, 1), at),
  },
  // Two characters a register. Texts are read once, by collect/identity.ts: as a number a text has no value.
  STRING: {
    sizes: Array.from({ length: 125 }, (_, index) => index + 1),
    read: () => Number.NaN,
    write: () => {},
  },
  // Bit 15 is the sign, the others the magnitude (PowerLogic PM800).
  SM16: {
    sizes: [1],
    read: (bytes, at) => {
      const word = bytes.readUInt16BE(at);
      return word & 0x8000 ? 0 - (word & 0x7fff) : word;
    },
    write: (bytes, at, _size, raw) => {
      const magnitude = whole(Math.abs(raw), 0, 32_767);
      bytes.writeUInt16BE(raw < 0 && magnitude > 0 ? 0x8000 | magnitude : magnitude, at);
    },
  },
};

const bitTypes = new Map<string, RawType>(
  Array.from({ length: 16 }, (_, bit) => [
    `BIT${bit}`,
    {
      sizes: [1],
      read: (bytes, at) => (bytes.readUInt16BE(at) >> bit) & 1,
      write: (bytes, at, _size, raw) => void bytes.writeUInt16BE(raw >= 0.5 ? 1 << bit : 0, at),
    },
  ]),
);

/** The row of a type that lies in registers; undefined for BOOL, which lies in a bit of its own. */
export const rawTypeOf = (type: DataType): RawType | undefined => bitTypes.get(type) ?? types[type as RegisterType];
