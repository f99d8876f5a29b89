// Reads and writes the .zip container of an .xlsx file. Reads strictly: every part is there, whole and of bounded size, or
// it throws. The spreadsheet library's own reader believes every number in the container and can loop forever on a
// damaged file.

import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
const CENTRAL_SIZE = 46;
const LOCAL_SIZE = 30;

const MAX_PARTS = 2000;
const MAX_UNPACKED_BYTES = 128 * 1024 * 1024;

/** Part name → content. Throws an Error that says what is wrong. */
export function readZip(bytes: Buffer): ReadonlyMap<string, Buffer> {
  const end = bytes.lastIndexOf(Buffer.from('PK\u0005\u0006', 'latin1'));
  if (end < 0 || end + END_SIZE > bytes.length || bytes.readUInt32LE(end) !== END) throw new Error('it is cut short');
  const count = bytes.readUInt16LE(end + 10);
  if (count > MAX_PARTS) throw new Error('it has too many parts');
  const parts = new Map<string, Buffer>();
  let at = bytes.readUInt32LE(end + 16);
  let left = MAX_UNPACKED_BYTES;
  for (let part = 0; part < count; part++) {
    if (at + CENTRAL_SIZE > end || bytes.readUInt32LE(at) !== CENTRAL)
      throw new Error('its table of contents is damaged');
    const nameLength = bytes.readUInt16LE(at + 28);
    const name = bytes.toString('utf8', at + CENTRAL_SIZE, at + CENTRAL_SIZE + nameLength);
    const content = readPart(bytes, { at, name, left });
    left -= content.length;
    parts.set(name, content);
    at += CENTRAL_SIZE + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return parts;
}

interface PartEntry {
  /** Of its row in the table of contents. */
  readonly at: number;
  readonly name: string;
  readonly left: number;
}

function readPart(bytes: Buffer, { at, name, left }: PartEntry): Buffer {
  const flags = bytes.readUInt16LE(at + 8);
  const method = bytes.readUInt16LE(at + 10);
  const packed = bytes.readUInt32LE(at + 20);
  const size = bytes.readUInt32LE(at + 24);
  const local = bytes.readUInt32LE(at + 42);
  if (flags & 1) throw new Error('it is protected by a password');
  if (size > left) throw new Error('it is too large when unpacked');
  if (local + LOCAL_SIZE > bytes.length || bytes.readUInt32LE(local) !== LOCAL) throw new Error(`${name} is missing`);
  const start = local + LOCAL_SIZE + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  if (start + packed > bytes.length) throw new Error(`${name} is cut short`);
  const data = bytes.subarray(start, start + packed);
  const content = method === 8 ? inflateRawSync(data, { maxOutputLength: Math.max(1, size) }) : data;
  if (method !== 0 && method !== 8) throw new Error(`${name} is packed in an unknown way`);
  if (content.length !== size || crc32(content) !== bytes.readUInt32LE(at + 16)) throw new Error(`${name} is damaged`);
  return content;
}

/** 1980-01-01, the earliest date that the format knows: the same parts give the same bytes. */
const DATE = 0x0021;

export function writeZip(parts: ReadonlyMap<string, Buffer>): Buffer {
  const written: Buffer[] = [];
  const contents: Buffer[] = [];
  let at = 0;
  for (const [name, content] of parts) {
    const label = Buffer.from(name, 'utf8');
    const packed = deflateRawSync(content);
    // What both headers of a part say, from "version needed" to the length of the extra field.
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(0x0800, 2);
    shared.writeUInt16LE(8, 4);
    shared.writeUInt16LE(DATE, 8);
    shared.writeUInt32LE(crc32(content), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(content.length, 18);
    shared.writeUInt16LE(label.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    contents.push(Buffer.concat([word32(CENTRAL), word16(20), shared, rest, label]));
    const part = Buffer.concat([word32(LOCAL), shared, label, packed]);
    written.push(part);
    at += part.length;
  }
  const table = Buffer.concat(contents);
  const counts = [word16(0), word16(0), word16(parts.size), word16(parts.size)];
  const end = Buffer.concat([word32(END), ...counts, word32(table.length), word32(at), word16(0)]);
  return Buffer.concat([...written, table, end]);
}

function word16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function word32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Throws where there is no such part. */
export function changePart(parts: Map<string, Buffer>, name: string, edit: (xml: string) => string): void {
  const content = parts.get(name);
  if (content === undefined) throw new Error(`it has no ${name}`);
  parts.set(name, Buffer.from(edit(content.toString('utf8'))));
}
