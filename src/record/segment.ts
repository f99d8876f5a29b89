// The format of a spool segment: frames of magic, length, CRC-32 and records, little-endian. One frame is what one write
// made durable, whole or not at all. A segment describes its meters itself, so that it can be drained by a later process
// with another configuration. Reading never throws: it skips what is damaged and goes on at the next sound frame.

import { crc32 } from 'node:zlib';
import type { MeterInfo } from '../model/meter.js';
import type { Gap, MissingReason, Poll } from '../model/poll.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { codeOf, reasonOf } from './reason-codes.js';
import type { Batch } from './recorder.js';

/** Read as bytes: `EMD` and the format's version. */
const MAGIC = Buffer.from('EMD1', 'latin1');
const HEADER_BYTES = 12;

/** Kinds of record. Numbers stay as they are: files outlive the program. */
const METER = 1;
const POLL = 2;
const GAP = 3;

/** Encodes the frames of one segment; it knows which meters the segment has described already. */
export class SegmentEncoder {
  readonly #meters = new Map<MeterInfo, number>();
  readonly #writer = new ByteWriter();

  /** One frame. The bytes are valid until the next call. */
  encode(batch: Batch): Buffer {
    const writer = this.#writer;
    writer.clear();
    writer.u32(MAGIC.readUInt32LE());
    writer.u32(0);
    writer.u32(0);
    for (const poll of batch.polls) this.#poll(poll);
    for (const gap of batch.gaps) this.#gap(gap);
    writer.setU32(4, writer.length - HEADER_BYTES);
    writer.setU32(8, crc32(writer.bytes.subarray(HEADER_BYTES)));
    return writer.bytes;
  }

  #meter(meter: MeterInfo): number {
    const known = this.#meters.get(meter);
    if (known !== undefined) return known;
    const id = this.#meters.size;
    this.#meters.set(meter, id);
    const { name, host, port, unitId, mapName, metrics } = meter;
    const described = metrics.map(({ name, description, unit, dataType, kind }) => ({
      name,
      description,
      unit,
      dataType,
      kind,
    }));
    this.#writer.u8(METER);
    this.#writer.u32(id);
    this.#writer.text(JSON.stringify({ name, host, port, unitId, mapName, metrics: described }));
    return id;
  }

  #poll(poll: Poll): void {
    const id = this.#meter(poll.meter);
    const writer = this.#writer;
    writer.u8(POLL);
    writer.u32(id);
    writer.f64(poll.slot);
    writer.f64(poll.readAt);
    writer.f64(poll.durationMs);
    writer.u32(poll.requests);
    writer.u32(poll.values.length);
    for (let i = 0; i < poll.values.length; i++) writer.f64(poll.values[i] as number);
    writer.u32(poll.missing.size);
    for (const [index, reason] of poll.missing) {
      writer.u32(index);
      writer.u16(codeOf(reason));
    }
    writer.u8(poll.error === null ? 0 : 1);
    if (poll.error !== null) writer.text(poll.error);
  }

  #gap(gap: Gap): void {
    const id = this.#meter(gap.meter);
    const writer = this.#writer;
    writer.u8(GAP);
    writer.u32(id);
    writer.f64(gap.from);
    writer.f64(gap.until);
    writer.u32(gap.slots);
    writer.u16(codeOf(gap.reason));
  }
}

export type Entry = { readonly kind: 'poll'; readonly poll: Poll } | { readonly kind: 'gap'; readonly gap: Gap };

export type Piece =
  /** A sound frame; `end` is the offset behind it. */
  | { readonly kind: 'frame'; readonly entries: readonly Entry[]; readonly end: number }
  /** Bytes that are no frame. `foreign`: there is a sound frame among them, of things that this version does not know. */
  | { readonly kind: 'damage'; readonly from: number; readonly end: number; readonly foreign: boolean };

/** The pieces of a segment in order; they cover it without gaps. */
export function* readSegment(segment: Buffer): Generator<Piece> {
  const meters = new Map<number, MeterInfo>();
  let offset = 0;
  let damagedFrom = 0;
  let foreign = false;
  while (offset < segment.length) {
    const found = segment.indexOf(MAGIC, offset);
    if (found < 0) break;
    const end = frameEnd(segment, found);
    const entries = end === null ? null : decode(segment.subarray(found + HEADER_BYTES, end), meters);
    if (end === null || entries === null) {
      foreign ||= end !== null;
      offset = found + 1;
      continue;
    }
    if (damagedFrom < found) yield { kind: 'damage', from: damagedFrom, end: found, foreign };
    yield { kind: 'frame', entries, end };
    offset = end;
    damagedFrom = end;
    foreign = false;
  }
  if (damagedFrom < segment.length) yield { kind: 'damage', from: damagedFrom, end: segment.length, foreign };
}

/** The offset behind the frame at `start`; null: there is no whole, sound frame. */
function frameEnd(segment: Buffer, start: number): number | null {
  if (start + HEADER_BYTES > segment.length) return null;
  const end = start + HEADER_BYTES + segment.readUInt32LE(start + 4);
  if (end > segment.length) return null;
  const sound = crc32(segment.subarray(start + HEADER_BYTES, end)) === segment.readUInt32LE(start + 8);
  return sound ? end : null;
}

/** null: the frame speaks of a meter that only a damaged frame described, or of things this version does not know. */
function decode(payload: Buffer, meters: Map<number, MeterInfo>): Entry[] | null {
  const reader = new ByteReader(payload);
  const entries: Entry[] = [];
  try {
    while (!reader.ended) {
      const kind = reader.u8();
      const id = reader.u32();
      if (kind === METER) {
        meters.set(id, JSON.parse(reader.text()) as MeterInfo);
        continue;
      }
      const meter = meters.get(id);
      if (!meter) return null;
      if (kind === POLL) entries.push({ kind: 'poll', poll: decodePoll(reader, meter) });
      else if (kind === GAP) entries.push({ kind: 'gap', gap: decodeGap(reader, meter) });
      else return null;
    }
  } catch {
    return null;
  }
  return entries;
}

function decodePoll(reader: ByteReader, meter: MeterInfo): Poll {
  const slot = reader.f64();
  const readAt = reader.f64();
  const durationMs = reader.f64();
  const requests = reader.u32();
  const values = new Float64Array(reader.count(8));
  for (let i = 0; i < values.length; i++) values[i] = reader.f64();
  const missing = new Map<number, MissingReason>();
  for (let left = reader.count(6); left > 0; left--) missing.set(reader.u32(), reasonOf(reader.u16()));
  const error = reader.u8() === 0 ? null : reader.text();
  return { meter, slot, readAt, durationMs, requests, values, missing, error };
}

function decodeGap(reader: ByteReader, meter: MeterInfo): Gap {
  const from = reader.f64();
  const until = reader.f64();
  const slots = reader.u32();
  return { meter, from, until, slots, reason: reasonOf(reader.u16()) };
}
