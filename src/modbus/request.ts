// Which read requests may be sent, and what their responses must look like. Pure.
// Source: MODBUS Application Protocol V1.1b3 §6.1–6.4.

import type { RegisterFunction } from '../model/meter.js';
import type { ReadRequest } from './reader.js';

/** The function code that reads each table. EMDC reads only: no write function code exists. */
export const FUNCTION_CODES: Readonly<Record<RegisterFunction, number>> = {
  coil: 1,
  discrete: 2,
  holding: 3,
  input: 4,
};

/** Most registers, or bits, of one read request. */
const MOST: Readonly<Record<RegisterFunction, number>> = { coil: 2000, discrete: 2000, holding: 125, input: 125 };

const inBits = (name: RegisterFunction): boolean => name === 'coil' || name === 'discrete';

/** Data bytes of the response: two per register, or a bit per coil, rounded up. */
export const byteCountOf = (request: ReadRequest): number =>
  inBits(request.function) ? Math.ceil(request.count / 8) : request.count * 2;

/** `unit 3 holding 4610+90` */
export const describeRequest = (request: ReadRequest): string =>
  `unit ${request.unitId} ${request.function} ${request.start}+${request.count}`;

const isWhole = (value: number, from: number, to: number): boolean =>
  Number.isInteger(value) && value >= from && value <= to;

/** Why a request may not be sent; null: it may. */
export function requestProblem(request: ReadRequest): string | null {
  if (!(request.function in FUNCTION_CODES)) return `unknown function ${String(request.function)}`;
  const most = MOST[request.function];
  if (!isWhole(request.unitId, 0, 255)) return `unit id ${request.unitId} is not a whole number from 0 to 255`;
  if (!isWhole(request.start, 0, 65535)) return `address ${request.start} is not a whole number from 0 to 65535`;
  if (!isWhole(request.count, 1, most)) return `count ${request.count} is not a whole number from 1 to ${most}`;
  if (request.start + request.count > 65536) return `${describeRequest(request)} ends behind address 65535`;
  return null;
}
