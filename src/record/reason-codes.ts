// Reasons as numbers in the spool's files. Files outlive the program that wrote them: a number, once given, keeps its meaning.

import type { MissingReason } from '../model/poll.js';

/** Codes from here on are Modbus exceptions: EXCEPTION + code. */
const EXCEPTION = 256;

const CODES: Readonly<Record<Exclude<MissingReason, `exception ${number}`>, number>> = {
  timeout: 1,
  unreachable: 2,
  disconnected: 3,
  'bad answer': 4,
  'not available': 5,
  'invalid value': 6,
  offline: 7,
  'refused before': 8,
  deadline: 9,
  shutdown: 10,
  missed: 11,
  down: 12,
  rejected: 13,
  lost: 14,
};

const REASONS = new Map(Object.entries(CODES).map(([reason, code]) => [code, reason as MissingReason]));

export function codeOf(reason: MissingReason): number {
  const code: number | undefined = (CODES as Readonly<Record<string, number>>)[reason];
  return code ?? EXCEPTION + Number(reason.slice('exception '.length));
}

/** Throws a RangeError on a code that this version does not know. */
export function reasonOf(code: number): MissingReason {
  if (code >= EXCEPTION) return `exception ${code - EXCEPTION}`;
  const reason = REASONS.get(code);
  if (!reason) throw new RangeError(`unknown reason code ${code}`);
  return reason;
}
