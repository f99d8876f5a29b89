// The fault laboratory: everything that meters, gateways and networks are known to do wrong, by name. A fault that takes a
// number is written NAME:NUMBER, e.g. `exception:11` or `late-answer:1500`.

import { EmdcError } from '../model/errors.js';

/** What the server does instead of sending the good answer, in order. */
export type Step =
  | { readonly do: 'send'; readonly bytes: Buffer }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'close' }
  | { readonly do: 'reset' };

/** How the server behaves towards connections while the fault lasts. */
export interface ConnectionFault {
  readonly refuse?: true;
  readonly resetOnConnect?: true;
  readonly closeOnConnect?: true;
  readonly ignore?: true;
  readonly maxConnections?: number;
  readonly idleCloseMs?: number;
  /** Requests that come sooner after connecting get no answer. */
  readonly deafMs?: number;
  /** For so long after a connection has ended, new ones are reset. */
  readonly refuseReconnectMs?: number;
}

export interface Fault {
  /** As given, with its number. */
  readonly name: string;
  /** What the peer does, for the README and `emdc simulate --help`. */
  readonly text: string;
  readonly connection?: ConnectionFault;
  /** `answer` is the good frame. */
  readonly answer?: (answer: Buffer, asked: Asked) => readonly Step[];
  /** What the line makes of the response's bytes; RTU only. */
  readonly line?: (bytes: Buffer, random: () => number) => Buffer;
}

/** What was asked, and how many requests met this fault before. */
export interface Asked {
  readonly start: number;
  readonly count: number;
  readonly turn: number;
}

interface FaultKind {
  readonly text: string;
  /** Meaning and default of the number; left out: it takes none. */
  readonly number?: { readonly unit: string; readonly standard: number };
  readonly connection?: (number: number) => ConnectionFault;
  readonly answer?: (answer: Buffer, asked: Asked & { readonly number: number }) => readonly Step[];
  readonly line?: (bytes: Buffer, random: () => number) => Buffer;
}

const send = (...frames: Buffer[]): Step[] => frames.map((bytes) => ({ do: 'send', bytes }));
const wait = (ms: number): Step => ({ do: 'wait', ms });
const ms = (standard: number) => ({ unit: 'ms', standard });

/** A wrong frame. Its data are wrong too, so that whoever believes it shows it. */
function changed(answer: Buffer, change: (frame: Buffer) => void): Buffer {
  const frame = Buffer.from(answer);
  for (let i = 9; i < frame.length; i++) frame[i] = (frame[i] as number) ^ 0x55;
  change(frame);
  return frame;
}

/** The answer cut or padded to so many data bytes, header and byte count consistent with them. */
function resized(answer: Buffer, dataBytes: number): Buffer {
  const frame = Buffer.alloc(9 + dataBytes, 0x2a);
  answer.copy(frame, 0, 0, Math.min(answer.length, frame.length));
  frame.writeUInt16BE(3 + dataBytes, 4);
  frame[8] = dataBytes;
  return frame;
}

function exception(answer: Buffer, code: number): Buffer {
  const frame = Buffer.from(answer.subarray(0, 9));
  frame.writeUInt16BE(3, 4);
  frame[7] = (frame[7] as number) | 0x80;
  frame[8] = code & 0xff;
  return frame;
}

function withId(answer: Buffer, id: number): Buffer {
  const frame = Buffer.from(answer);
  frame.writeUInt16BE(id, 0);
  return frame;
}

const below = (most: number, random: () => number): number => Math.floor(random() * most);

/** One to four bits, anywhere. */
function flipped(bytes: Buffer, random: () => number): Buffer {
  const frame = Buffer.from(bytes);
  for (let left = 1 + below(4, random); left > 0; left--) {
    const at = below(frame.length, random);
    frame[at] = (frame[at] as number) ^ (1 << below(8, random));
  }
  return frame;
}

function shortened(bytes: Buffer, random: () => number): Buffer {
  const at = below(bytes.length, random);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
}

function lengthened(bytes: Buffer, random: () => number): Buffer {
  const stray = Buffer.from(Array.from({ length: 1 + below(3, random) }, () => below(256, random)));
  return random() < 0.5 ? Buffer.concat([stray, bytes]) : Buffer.concat([bytes, stray]);
}

const dataBytes = (answer: Buffer): number => answer.length - 9;
const NOISE = Buffer.from(Array.from({ length: 65_536 + 251 }, (_, i) => (i * i + 13 * i + (i >> 3)) & 0xff));
const garbage = (length: number, turn: number): Buffer => NOISE.subarray(turn % 251, (turn % 251) + length);

const KINDS: Readonly<Record<string, FaultKind>> = {
  refuse: { text: 'refuses connections', connection: () => ({ refuse: true }) },
  'reset-on-connect': { text: 'accepts and resets at once', connection: () => ({ resetOnConnect: true }) },
  'close-on-connect': { text: 'accepts and closes at once', connection: () => ({ closeOnConnect: true }) },
  'half-open': { text: 'accepts, then neither reads nor answers', connection: () => ({ ignore: true }) },
  silent: { text: 'reads requests, never answers', answer: () => [] },
  reset: { text: 'resets the connection on a request', answer: () => [{ do: 'reset' }] },
  close: { text: 'closes the connection on a request', answer: () => [{ do: 'close' }] },
  'close-mid-answer': {
    text: 'sends half of the answer and closes',
    answer: (a) => [...send(a.subarray(0, a.length >> 1)), { do: 'close' }],
  },
  'late-answer': {
    text: 'answers after the timeout',
    number: ms(1500),
    answer: (a, { number }) => [wait(number), ...send(a)],
  },
  'answer-twice': { text: 'sends every answer twice at once', answer: (a) => send(Buffer.concat([a, a])) },
  'answer-twice-later': {
    text: 'sends every answer again a little later',
    number: ms(5),
    answer: (a, { number }) => [...send(a), wait(number), ...send(a)],
  },
  'answer-and-next': {
    text: 'sends, behind the answer, a forged one with the next transaction id',
    answer: (a) => [
      ...send(a),
      ...send(
        changed(a, (f) => {
          f.writeUInt16BE((f.readUInt16BE(0) + 1) & 0xffff, 0);
        }),
      ),
    ],
  },
  'wrong-transaction-id': {
    text: 'answers with another transaction id',
    answer: (a) => send(changed(a, (f) => f.writeUInt16BE((f.readUInt16BE(0) + 1) & 0xffff, 0))),
  },
  'wrong-protocol-id': {
    text: 'answers with another protocol id',
    answer: (a) => send(changed(a, (f) => f.writeUInt16BE(7, 2))),
  },
  'wrong-unit': {
    text: 'answers with another unit id',
    answer: (a) => send(changed(a, (f) => f.writeUInt8(((f[6] as number) + 1) & 0xff, 6))),
  },
  'wrong-function': {
    text: 'answers with another function code',
    answer: (a) => send(changed(a, (f) => f.writeUInt8((f[7] as number) ^ 7, 7))),
  },
  'unknown-function': {
    text: 'answers with a function code that does not exist',
    answer: (a) => send(changed(a, (f) => f.writeUInt8(0x63, 7))),
  },
  'length-too-small': { text: 'length field too small', answer: (a) => send(changed(a, (f) => f.writeUInt16BE(2, 4))) },
  'length-too-large': {
    text: 'length field too large',
    answer: (a) => send(changed(a, (f) => f.writeUInt16BE(f.readUInt16BE(4) + 4, 4))),
  },
  'wrong-byte-count': {
    text: 'byte count that does not fit the length',
    answer: (a) => send(changed(a, (f) => f.writeUInt8(((f[8] as number) + 2) & 0xff, 8))),
  },
  'odd-byte-count': { text: 'an odd number of bytes', answer: (a) => send(resized(a, dataBytes(a) - 1)) },
  'short-answer': {
    text: 'fewer registers than asked, consistently',
    answer: (a) => send(resized(a, dataBytes(a) - 2)),
  },
  'empty-answer': { text: 'no registers at all, consistently', answer: (a) => send(resized(a, 0)) },
  'long-answer': {
    text: 'more registers than asked, consistently',
    answer: (a) => send(resized(a, Math.min(dataBytes(a) + 2, 254))),
  },
  truncated: { text: 'stops in the middle of the answer', answer: (a) => send(a.subarray(0, a.length - 1)) },
  garbage: { text: 'random bytes instead of an answer', answer: (a, { turn }) => send(garbage(a.length, turn)) },
  'garbage-behind': {
    text: 'the answer with random bytes behind it',
    answer: (a, { turn }) => send(Buffer.concat([a, garbage(7, turn)])),
  },
  flood: {
    text: 'megabytes of random bytes instead of an answer',
    answer: (_answer, { turn }) => send(...new Array<Buffer>(64).fill(garbage(65_536, turn))),
  },
  dribble: {
    text: 'the answer byte by byte',
    number: ms(1),
    answer: (a, { number }) => [...a].flatMap((byte) => [...send(Buffer.from([byte])), wait(number)]),
  },
  split: {
    text: 'the answer in two segments',
    number: ms(5),
    answer: (a, { number }) => [...send(a.subarray(0, 8)), wait(number), ...send(a.subarray(8))],
  },
  'several-frames': {
    text: 'a foreign answer and the right one in one segment',
    answer: (a) => send(Buffer.concat([changed(a, (f) => f.writeUInt16BE(f.readUInt16BE(0) ^ 0x8000, 0)), a])),
  },
  exception: {
    text: 'refuses with an exception code',
    number: { unit: 'code', standard: 4 },
    answer: (a, { number }) => send(exception(a, number)),
  },
  busy: {
    text: 'busy (exception 6) some times, then the answer',
    number: { unit: 'times', standard: 1 },
    answer: (a, { number, turn }) => send(turn % (number + 1) < number ? exception(a, 6) : a),
  },
  'limited-registers': {
    text: 'refuses requests for more registers than this (exception 3)',
    number: { unit: 'registers', standard: 60 },
    answer: (a, { number, count }) => send(count > number ? exception(a, 3) : a),
  },
  hole: {
    text: 'refuses requests that touch this address (exception 2)',
    number: { unit: 'address', standard: 0 },
    answer: (a, { number, start, count }) => send(start <= number && number < start + count ? exception(a, 2) : a),
  },
  'silent-above': {
    text: 'stays silent when asked for more registers than this',
    number: { unit: 'registers', standard: 40 },
    answer: (a, { number, count }) => (count > number ? [] : send(a)),
  },
  'deaf-after-connect': {
    text: 'does not answer so soon after connecting',
    number: ms(2000),
    connection: (number) => ({ deafMs: number }),
  },
  'zero-transaction-id': {
    text: 'answers rightly, with transaction id 0',
    answer: (a) => send(withId(a, 0)),
  },
  'next-transaction-id': {
    text: 'answers rightly, with the next transaction id',
    answer: (a) => send(withId(a, (a.readUInt16BE(0) + 1) & 0xffff)),
  },
  'refuse-reconnect': {
    text: 'refuses to be connected to again so soon',
    number: ms(5000),
    connection: (number) => ({ refuseReconnectMs: number }),
  },
  noise: { text: 'flips bits of the response on the line (RTU only)', line: flipped },
  'dropped-bytes': { text: 'loses a byte of the response on the line (RTU only)', line: shortened },
  'stray-bytes': { text: 'adds bytes before or behind the response on the line (RTU only)', line: lengthened },
  'one-connection': { text: 'takes a single connection', connection: () => ({ maxConnections: 1 }) },
  'idle-close': { text: 'closes idle connections', number: ms(20), connection: (number) => ({ idleCloseMs: number }) },
};

/** Names with their numbers and what they mean. */
export const FAULTS: readonly { readonly name: string; readonly text: string }[] = Object.entries(KINDS).map(
  ([name, kind]) => ({
    name: kind.number ? `${name}:${kind.number.standard}` : name,
    text: kind.number ? `${kind.text} (${kind.number.unit})` : kind.text,
  }),
);

/** @throws EmdcError for a name that does not exist, or a number where none is taken */
export function faultNamed(name: string): Fault {
  const [, word = '', digits] = /^([a-z-]+)(?::(\d+))?$/.exec(name) ?? [];
  const kind = Object.hasOwn(KINDS, word) ? KINDS[word] : undefined;
  if (!kind || (digits !== undefined && !kind.number)) {
    throw new EmdcError({
      code: 'unknown-fault',
      message: `no fault is called ${JSON.stringify(name)}`,
      hint: `known are: ${FAULTS.map((fault) => fault.name).join(', ')}`,
    });
  }
  const number = digits === undefined ? (kind.number?.standard ?? 0) : Number(digits);
  const { answer, connection, line } = kind;
  return {
    name,
    text: kind.text,
    ...(connection && { connection: connection(number) }),
    ...(line && { line }),
    ...(answer && { answer: (frame: Buffer, asked: Asked) => answer(frame, { ...asked, number }) }),
  };
}
