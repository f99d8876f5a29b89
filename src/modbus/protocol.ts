// Modbus TCP as far as reading needs it: which requests may be sent, and whether the bytes that come back are the answer
// to the one in flight. Pure. Sources: MODBUS Application Protocol V1.1b3 (6.1–6.4, 7), Messaging on TCP/IP V1.0b (3.1).

import { isBitTable, protocolLimit } from '../codec/words.js';
import type { RegisterFunction } from '../model/meter.js';
import type { ReadRequest } from './reader.js';

export const FUNCTION_CODES: Readonly<Record<RegisterFunction, number>> = {
  coil: 1,
  discrete: 2,
  holding: 3,
  input: 4,
};

/** Longest frame on TCP: 7 bytes of header and a PDU of 253. */
export const MAX_FRAME_BYTES = 260;

const EXCEPTION_LENGTH = 3;

/** What the one true answer to a request looks like. */
export interface ExpectedAnswer {
  readonly transactionId: number;
  readonly unitId: number;
  readonly functionCode: number;
  /** Data bytes: two per register, or a bit per coil, rounded up. */
  readonly byteCount: number;
}

/**
 * What a difference between answer and request means. `foreign`: it answers another request, so nothing is known of this
 * one. `unit`: a gateway mixes up its units. `malformed`: not what Modbus allows here.
 */
export interface Mismatch {
  readonly kind: 'foreign' | 'unit' | 'malformed';
  readonly message: string;
}

export type Verdict = 'incomplete' | 'answer' | 'exception' | 'excess' | Mismatch;

export const byteCountOf = (request: ReadRequest): number =>
  isBitTable(request.function) ? Math.ceil(request.count / 8) : request.count * 2;

/** `unit 3 holding 4610+90` */
export const describeRequest = (request: ReadRequest): string =>
  `unit ${request.unitId} ${request.function} ${request.start}+${request.count}`;

const isWhole = (value: number, from: number, to: number): boolean =>
  Number.isInteger(value) && value >= from && value <= to;

/** Why a request may not be sent; null: it may. */
export function requestProblem(request: ReadRequest): string | null {
  if (!(request.function in FUNCTION_CODES)) return `unknown function ${String(request.function)}`;
  const most = protocolLimit(request.function);
  if (!isWhole(request.unitId, 0, 255)) return `unit id ${request.unitId} is not a whole number from 0 to 255`;
  if (!isWhole(request.start, 0, 65535)) return `address ${request.start} is not a whole number from 0 to 65535`;
  if (!isWhole(request.count, 1, most)) return `count ${request.count} is not a whole number from 1 to ${most}`;
  if (request.start + request.count > 65536) return `${describeRequest(request)} ends behind address 65535`;
  return null;
}

/**
 * Judges the first `length` bytes that came since the request. Every field is looked at as soon as it is there, so that
 * garbage shows at once and not by deadline. `excess`: the whole answer, and bytes behind it that nobody asked for.
 */
export function judgeAnswer(bytes: Uint8Array, length: number, expected: ExpectedAnswer): Verdict {
  if (length < 2) return 'incomplete';
  const transactionId = word(bytes, 0);
  if (transactionId !== expected.transactionId) {
    return { kind: 'foreign', message: `transaction id ${transactionId}, asked with ${expected.transactionId}` };
  }
  if (length < 4) return 'incomplete';
  if (word(bytes, 2) !== 0) return malformed(`protocol id ${word(bytes, 2)} is not Modbus`);
  if (length < 7) return 'incomplete';
  const unitId = bytes[6];
  if (unitId !== expected.unitId) {
    return {
      kind: 'unit',
      message: `unit ${unitId} answered, unit ${expected.unitId} was asked: the gateway mixes up its units, or the meter has another unit id`,
    };
  }
  if (length < 8) return 'incomplete';
  const functionCode = bytes[7] as number;
  const isException = functionCode === (expected.functionCode | 0x80);
  if (!isException && functionCode !== expected.functionCode) {
    return malformed(`function code ${functionCode}, asked with ${expected.functionCode}`);
  }
  const wanted = isException ? EXCEPTION_LENGTH : EXCEPTION_LENGTH + expected.byteCount;
  if (word(bytes, 4) !== wanted) return malformed(`length field ${word(bytes, 4)}, expected ${wanted}`);
  if (length < 9) return 'incomplete';
  if (!isException && bytes[8] !== expected.byteCount) {
    return malformed(`${bytes[8]} data bytes, asked for ${expected.byteCount}`);
  }
  if (length < 6 + wanted) return 'incomplete';
  if (length > 6 + wanted) return 'excess';
  return isException ? 'exception' : 'answer';
}

/** Length of the frame that starts here; at least 6 bytes must be there. */
export const frameLength = (bytes: Uint8Array): number => 6 + word(bytes, 4);

const malformed = (message: string): Mismatch => ({ kind: 'malformed', message });

const word = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

/** What the standard says about an exception code; vendors use their own too. */
export function exceptionText(code: number): string {
  const text = EXCEPTION_TEXTS[code];
  return text === undefined ? `exception ${code}` : `exception ${code} (${text})`;
}

const EXCEPTION_TEXTS: Readonly<Record<number, string>> = {
  1: 'illegal function',
  2: 'illegal data address',
  3: 'illegal data value',
  4: 'device failure',
  5: 'acknowledge',
  6: 'device busy',
  8: 'memory parity error',
  10: 'gateway path unavailable',
  11: 'gateway target did not respond',
};
