// What a simulated meter holds: four sparse tables, as a Modbus server sees them. Registers that nobody defined do not
// exist: a read over them is refused, or filled, as the meter that is simulated does it.

import { isBitTable, protocolLimit } from '../codec/words.js';
import { byteCountOf, FUNCTION_CODES } from '../modbus/request.js';
import type { RegisterFunction } from '../model/meter.js';

export interface ImageOptions {
  /** Most registers it takes in one request; more get exception 3. */
  readonly maxRegisters?: number;
  /** What a read over undefined registers brings: an exception 2, or this word for each; default refuse. */
  readonly undefinedRegisters?: 'refuse' | number;
}

/** The answer's data bytes, or an exception code. */
export type ImageAnswer = Buffer | number;

const FUNCTION_NAMES = Object.fromEntries(
  Object.entries(FUNCTION_CODES).map(([name, code]) => [code, name]),
) as Readonly<Record<number, RegisterFunction>>;

export class RegisterImage {
  readonly #tables: Readonly<Record<RegisterFunction, Map<number, number>>> = {
    coil: new Map(),
    discrete: new Map(),
    holding: new Map(),
    input: new Map(),
  };
  readonly #maxRegisters: number;
  readonly #filler: number | 'refuse';

  constructor({ maxRegisters = 125, undefinedRegisters = 'refuse' }: ImageOptions = {}) {
    this.#maxRegisters = maxRegisters;
    this.#filler = undefinedRegisters;
  }

  /** Defines registers (or bits) from `start` on. */
  set(name: RegisterFunction, start: number, values: Iterable<number>): void {
    const table = this.#tables[name];
    let address = start;
    for (const value of values) table.set(address++, value);
  }

  get(name: RegisterFunction, address: number): number | undefined {
    return this.#tables[name].get(address);
  }

  /** From then on the register does not exist. */
  remove(name: RegisterFunction, start: number, count = 1): void {
    for (let address = start; address < start + count; address++) this.#tables[name].delete(address);
  }

  /** `pdu`: function code, start, count, as received. Anything but a read is an illegal function. */
  answer(pdu: Buffer): ImageAnswer {
    const name = FUNCTION_NAMES[pdu[0] ?? 0];
    if (name === undefined) return 1;
    if (pdu.length !== 5) return 3;
    const start = pdu.readUInt16BE(1);
    const count = pdu.readUInt16BE(3);
    const bits = isBitTable(name);
    if (count < 1 || count > protocolLimit(name) || (!bits && count > this.#maxRegisters)) return 3;
    if (start + count > 65_536) return 2;
    return this.#data(name, start, count) ?? 2;
  }

  #data(name: RegisterFunction, start: number, count: number): Buffer | null {
    const table = this.#tables[name];
    const bits = isBitTable(name);
    const data = Buffer.alloc(byteCountOf({ unitId: 0, function: name, start, count }));
    for (let i = 0; i < count; i++) {
      const value = table.get(start + i) ?? this.#filler;
      if (value === 'refuse') return null;
      if (!bits) data.writeUInt16BE(value & 0xffff, i * 2);
      else if (value) data[i >> 3] = (data[i >> 3] as number) | (1 << (i & 7));
    }
    return data;
  }
}
