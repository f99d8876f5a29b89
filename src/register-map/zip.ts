// Reads the .zip container of an .xlsx file, strictly: every part is there, whole and of bounded size, or it throws. The
// spreadsheet library's own reader believes every number in the container and can loop forever on a damaged file.

import { crc32, inflateRawSync } from 'node:zlib';

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
const CENTRAL_SIZE = 46;
const LOCAL_SIZE = 30;

const MAX_PARTS = 2000;

/** Part name → content. `maxBytes` bounds all parts together, unpacked. Throws an Error that says what is wrong. */
export function readZip(bytes: Buffer, maxBytes: number): ReadonlyMap<string, Buffer> {
  const end = bytes.lastIndexOf(Buffer.from('PK\u0005\u0006', 'latin1'));
  if (end < 0 || end + END_SIZE > bytes.length || bytes.readUInt32LE(end) !== END) throw new Error('it is cut short');
  const count = bytes.readUInt16LE(end + 10);
  if (count > MAX_PARTS) throw new Error('it has too many parts');
  const parts = new Map<string, Buffer>();
  let at = bytes.readUInt32LE(end + 16);
  let left = maxBytes;
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
