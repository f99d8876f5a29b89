// The text form of a spool segment and of the dead-letter file: lines `<CRC-32 of the JSON, 8 hex digits> <JSON>\n`.
//
//   {"meter":0,"name":"Site/M1",…}     describes a meter once per file; later lines refer to it by number
//   {"poll":0,"slot":"2026-…Z",…}      {"gap":0,…}      {"event":0,…}      {"start":0,…}
//   {"end":3,…}                        closes a batch of 3 lines, with the totals of the file up to here
//
// A batch counts only with its end line. What lies behind the last end line was never acknowledged and is left out.
// A line that does not match its checksum, or refers to a meter whose description is damaged, is set aside; all other
// lines count. Parsing never throws.

import { crc32 } from 'node:zlib';
import type { MeterInfo, MetricInfo } from '../model/meter.js';
import type { EventKind, Gap, MeterEvent, MissingReason, Poll, RunStart } from '../model/poll.js';
import { addTotals, type Entry, meterOf, noTotals, type Totals } from './entry.js';

/** Encodes the batches of one file; knows which meters the file has described already. */
export class SegmentEncoder {
  readonly #meters = new Map<MeterInfo, number>();
  #totals: Totals = noTotals;

  /** The text of one batch, end line included. `note`: further fields of the end line. */
  encode(entries: readonly Entry[], note: object = {}): string {
    const lines: string[] = [];
    for (const entry of entries) {
      const known = this.#meters.size;
      const meter = this.#numberOf(meterOf(entry));
      if (meter === known) lines.push(lineOf(JSON.stringify(describe(meterOf(entry), meter))));
      lines.push(lineOf(encodeEntry(entry, meter)));
    }
    this.#totals = addTotals(this.#totals, entries);
    lines.push(lineOf(JSON.stringify({ end: entries.length, ...this.#totals, ...note })));
    return lines.join('');
  }

  #numberOf(meter: MeterInfo): number {
    const number = this.#meters.get(meter) ?? this.#meters.size;
    this.#meters.set(meter, number);
    return number;
  }
}

const lineOf = (json: string): string => `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;

/** A configured meter has more fields than the database keeps: only MeterInfo's are written. */
function describe(meter: MeterInfo, number: number): object {
  const { name, host, port, unitId, mapName, ctRatio, ptRatio, mapHash, was, maxPowerW } = meter;
  const metrics = meter.metrics.map(({ name, description, unit, dataType, kind, scaling, maximum }): MetricInfo => {
    const optional = { ...(scaling === undefined ? {} : { scaling }), ...(maximum === undefined ? {} : { maximum }) };
    return { name, description, unit, dataType, kind, ...optional };
  });
  return { meter: number, name, host, port, unitId, mapName, ctRatio, ptRatio, mapHash, was, maxPowerW, metrics };
}

function encodeEntry(entry: Entry, meter: number): string {
  switch (entry.kind) {
    case 'poll':
      return encodePoll(entry.poll, meter);
    case 'gap': {
      const { from, until, slots, reason } = entry.gap;
      return JSON.stringify({ gap: meter, from: timeText(from), until: timeText(until), slots, reason });
    }
    case 'event': {
      const { ts, what, before, after } = entry.event;
      return JSON.stringify({ event: meter, ts: timeText(ts), what, before, after });
    }
    case 'start': {
      const { slot, intervalMs } = entry.start;
      return JSON.stringify({ start: meter, slot: timeText(slot), intervalMs });
    }
  }
}

function encodePoll(poll: Poll, meter: number): string {
  const { slot, readAt, durationMs, requests, values, missing, error, byHand } = poll;
  const reasons: Record<string, number[]> = {};
  for (const [index, reason] of missing) {
    reasons[reason] ??= [];
    reasons[reason].push(index);
  }
  const times = { slot: timeText(slot), readAt: timeText(readAt) };
  const rest = { durationMs, requests, missing: reasons, error, ...(byHand ? { byHand } : {}) };
  const head = JSON.stringify({ poll: meter, ...times, ...rest });
  return `${head.slice(0, -1)},"values":[${Array.from(values, numberText).join()}]}`;
}

/** JSON.stringify writes −0 as 0; JSON itself knows `-0`, and the shortest text of a double is exact. */
const numberText = (value: number): string =>
  Number.isNaN(value) ? 'null' : Object.is(value, -0) ? '-0' : String(value);

/** ISO 8601 for people; as a number where that would not be exact. */
const timeText = (ms: number): string | number =>
  Number.isInteger(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : ms;

export type Piece =
  | { readonly kind: 'batch'; readonly entries: readonly Entry[] }
  /** A line that cannot be used, as it is in the file. */
  | { readonly kind: 'damaged'; readonly line: string }
  /** What lies behind the last end line: a write that was cut short. */
  | { readonly kind: 'torn'; readonly bytes: number };

/** The pieces of a file in order. */
export function* readSegment(file: Buffer): Generator<Piece> {
  const meters = new Map<number, MeterInfo>();
  let entries: Entry[] = [];
  let closed = 0;
  for (let offset = 0; offset < file.length; ) {
    const newline = file.indexOf(10, offset);
    if (newline < 0) break;
    const line = file.toString('utf8', offset, newline);
    offset = newline + 1;
    const fields = checked(line);
    const parsed = fields === null ? null : parse(fields, meters);
    if (parsed === null) yield { kind: 'damaged', line };
    else if (parsed === 'end') {
      yield { kind: 'batch', entries };
      entries = [];
      closed = offset;
    } else if (parsed !== 'meter') entries.push(parsed);
  }
  if (closed < file.length) yield { kind: 'torn', bytes: file.length - closed };
}

/**
 * The totals in the last end line of the last bytes of a file, without reading the rest; null: there is no sound one, or
 * something lies behind it.
 */
export function totalsAtEnd(tail: Buffer): Totals | null {
  const start = tail.lastIndexOf(10, tail.length - 2) + 1;
  const fields = tail.at(-1) === 10 ? checked(tail.toString('utf8', start, tail.length - 1)) : null;
  const { end, readings, starts, oldest, newest } = fields ?? {};
  if (typeof end !== 'number' || typeof readings !== 'number' || typeof starts !== 'number') return null;
  return { readings, starts, oldest: numberOr(oldest), newest: numberOr(newest) };
}

const numberOr = (value: unknown): number | null => (typeof value === 'number' ? value : null);

type Fields = Readonly<Record<string, unknown>>;

/** null: no line of ours, or a damaged one. */
function checked(line: string): Fields | null {
  const json = line.slice(9);
  if (line[8] !== ' ' || line.slice(0, 8) !== crc32(json).toString(16).padStart(8, '0')) return null;
  try {
    const fields: unknown = JSON.parse(json);
    return typeof fields === 'object' && fields !== null ? (fields as Fields) : null;
  } catch {
    return null;
  }
}

/** null: the meter or the kind of line is unknown, or the fields are not what EMDC writes (a line edited by hand). */
function parse(fields: Fields, meters: Map<number, MeterInfo>): Entry | 'meter' | 'end' | null {
  try {
    return parseFields(fields, meters);
  } catch {
    return null;
  }
}

function parseFields(fields: Fields, meters: Map<number, MeterInfo>): Entry | 'meter' | 'end' | null {
  if ('end' in fields) return 'end';
  if ('meter' in fields) {
    const { meter, ...described } = fields;
    meters.set(meter as number, described as unknown as MeterInfo);
    return 'meter';
  }
  const meter = meters.get((fields['poll'] ?? fields['gap'] ?? fields['event'] ?? fields['start']) as number);
  if (meter === undefined) return null;
  if ('poll' in fields) return { kind: 'poll', poll: parsePoll(fields, meter) };
  if ('gap' in fields) return { kind: 'gap', gap: parseGap(fields, meter) };
  if ('event' in fields) return { kind: 'event', event: parseEvent(fields, meter) };
  return { kind: 'start', start: parseStart(fields, meter) };
}

function parsePoll(fields: Fields, meter: MeterInfo): Poll {
  const missing = new Map<number, MissingReason>();
  for (const [reason, indexes] of Object.entries(fields['missing'] as Record<string, number[]>))
    for (const index of indexes) missing.set(index, reason as MissingReason);
  return {
    meter,
    slot: timeOf(fields['slot']),
    readAt: timeOf(fields['readAt']),
    durationMs: fields['durationMs'] as number,
    requests: fields['requests'] as number,
    values: Float64Array.from(fields['values'] as (number | null)[], (value) => value ?? Number.NaN),
    missing,
    error: fields['error'] as string | null,
    ...(fields['byHand'] === true ? { byHand: true } : {}),
  };
}

const parseGap = (fields: Fields, meter: MeterInfo): Gap => ({
  meter,
  from: timeOf(fields['from']),
  until: timeOf(fields['until']),
  slots: fields['slots'] as number,
  reason: fields['reason'] as Gap['reason'],
});

const parseEvent = (fields: Fields, meter: MeterInfo): MeterEvent => ({
  meter,
  ts: timeOf(fields['ts']),
  what: fields['what'] as EventKind,
  before: fields['before'] as string | null,
  after: fields['after'] as string | null,
});

const parseStart = (fields: Fields, meter: MeterInfo): RunStart => ({
  meter,
  slot: timeOf(fields['slot']),
  intervalMs: fields['intervalMs'] as number,
});

const timeOf = (value: unknown): number => (typeof value === 'string' ? Date.parse(value) : (value as number));
