// Frames: how a PDU is wrapped for TCP (MBAP) and for serial lines (RTU), and whether the bytes that came are the response
// to the one request in flight. Pure. Sources: MODBUS Application Protocol V1.1b3 (§4.1, 6, 7), Messaging on TCP/IP V1.0b
// (§3.1), Serial Line V1.02 (§2.5.1, 6.2.2).

/** Longest frames: MBAP 7 + 253 bytes, RTU 1 + 253 + 2 bytes. */
export const MAX_FRAME_BYTES = 260;

const READ_DEVICE_IDENTIFICATION = 43;

/** What the response to a request must look like. */
export interface ExpectedResponse {
  /** MBAP only; null: any is accepted. */
  readonly transactionId: number | null;
  readonly unitId: number;
  readonly functionCode: number;
  /** Data bytes; null: known only from the response itself (functions 17 and 43). */
  readonly byteCount: number | null;
}

/**
 * Why the bytes are not the response. `foreign`: another transaction id, so nothing is known of this request; `fits` is
 * true if the frame is a whole response apart from the id. `unit`: another unit. `malformed`: not what Modbus allows.
 */
export interface Mismatch {
  readonly kind: 'foreign' | 'unit' | 'malformed';
  readonly message: string;
  readonly fits: boolean;
}

/** `excess`: a whole response, with further bytes behind it. */
export type Verdict = 'incomplete' | 'response' | 'exception' | 'excess' | Mismatch;

export interface Framing {
  readonly name: 'mbap' | 'rtu';
  /** The request's frame. */
  wrap(pdu: Uint8Array, expected: ExpectedResponse): Buffer;
  /** Judges the first `length` bytes that came since the request; each field as soon as it is there. Never throws. */
  judge(bytes: Uint8Array, length: number, expected: ExpectedResponse): Verdict;
  /** A copy of the PDU in a frame that was judged a response, an exception or excess. */
  unwrap(bytes: Uint8Array, length: number, expected: ExpectedResponse): Buffer;
}

export const mbap: Framing = {
  name: 'mbap',

  wrap(pdu, { transactionId, unitId }) {
    const frame = Buffer.alloc(7 + pdu.length);
    frame.writeUInt16BE(transactionId ?? 0, 0);
    frame.writeUInt16BE(1 + pdu.length, 4);
    frame[6] = unitId;
    frame.set(pdu, 7);
    return frame;
  },

  judge(bytes, length, expected) {
    if (length < 2) return 'incomplete';
    const id = word(bytes, 0);
    if (expected.transactionId !== null && id !== expected.transactionId) {
      const rest = mbap.judge(bytes, length, { ...expected, transactionId: null });
      const message = `transaction id ${id}, asked with ${expected.transactionId}`;
      return { kind: 'foreign', message, fits: rest === 'response' || rest === 'exception' };
    }
    if (length < 4) return 'incomplete';
    if (word(bytes, 2) !== 0) return malformed(`protocol id ${word(bytes, 2)} is not Modbus`);
    if (length < 7) return 'incomplete';
    if (bytes[6] !== expected.unitId) return otherUnit(bytes[6], expected);
    const size = pduLength(bytes, 7, length, expected);
    if (size === null) return length > MAX_FRAME_BYTES ? malformed('longer than any frame') : 'incomplete';
    if (typeof size === 'object') return size;
    if (word(bytes, 4) !== 1 + size) return malformed(`length field ${word(bytes, 4)}, expected ${1 + size}`);
    return judgeData({ bytes, start: 7, length, end: 7 + size }, expected);
  },

  unwrap: (bytes) => Buffer.from(bytes.subarray(7, 6 + word(bytes, 4))),
};

export const rtu: Framing = {
  name: 'rtu',

  wrap(pdu, { unitId }) {
    const frame = Buffer.alloc(pdu.length + 3);
    frame[0] = unitId;
    frame.set(pdu, 1);
    frame.writeUInt16LE(crc16(frame, frame.length - 2), frame.length - 2);
    return frame;
  },

  judge(bytes, length, expected) {
    if (length < 1) return 'incomplete';
    if (bytes[0] !== expected.unitId) return otherUnit(bytes[0], expected);
    const size = pduLength(bytes, 1, length, expected);
    if (size === null) return length > MAX_FRAME_BYTES ? malformed('longer than any frame') : 'incomplete';
    if (typeof size === 'object') return size;
    const end = 1 + size + 2;
    const verdict = judgeData({ bytes, start: 1, length, end }, expected);
    if (typeof verdict === 'object' || verdict === 'incomplete') return verdict;
    const sent = (bytes[end - 2] as number) | ((bytes[end - 1] as number) << 8);
    if (crc16(bytes, end - 2) !== sent) return malformed('the checksum (CRC) does not fit: noise on the line');
    return verdict;
  },

  unwrap: (bytes, length, expected) => {
    const size = pduLength(bytes, 1, length, expected);
    return Buffer.from(bytes.subarray(1, 1 + (typeof size === 'number' ? size : 0)));
  },
};

/** Length of the response PDU that starts at `at`; null: not known yet. The function code is checked here. */
function pduLength(
  bytes: Uint8Array,
  at: number,
  length: number,
  { functionCode, byteCount }: ExpectedResponse,
): number | null | Mismatch {
  if (length < at + 1) return null;
  const code = bytes[at] as number;
  if (code === (functionCode | 0x80)) return 2;
  if (code !== functionCode) return malformed(`function code ${code}, asked with ${functionCode}`);
  if (byteCount !== null) return 2 + byteCount;
  if (code === READ_DEVICE_IDENTIFICATION) return identificationLength(bytes, at, length);
  return length < at + 2 ? null : 2 + (bytes[at + 1] as number);
}

/** §6.21: MEI type, code, conformity, more follows, next object, number of objects; then id, length, text of each. */
function identificationLength(bytes: Uint8Array, at: number, length: number): number | null {
  if (length < at + 7) return null;
  let end = at + 7;
  for (let left = bytes[at + 6] as number; left > 0; left--) {
    if (length < end + 2) return null;
    end += 2 + (bytes[end + 1] as number);
  }
  return end - at;
}

interface Span {
  readonly bytes: Uint8Array;
  /** Where the PDU starts. */
  readonly start: number;
  readonly length: number;
  /** Where the frame ends. */
  readonly end: number;
}

function judgeData({ bytes, start, length, end }: Span, { functionCode, byteCount }: ExpectedResponse): Verdict {
  const isException = bytes[start] !== functionCode;
  if (!isException && byteCount !== null && length >= start + 2 && bytes[start + 1] !== byteCount) {
    return malformed(`${bytes[start + 1]} data bytes, asked for ${byteCount}`);
  }
  if (length < end) return 'incomplete';
  if (length > end) return 'excess';
  return isException ? 'exception' : 'response';
}

function otherUnit(unitId: number | undefined, expected: ExpectedResponse): Mismatch {
  const cause = 'the gateway mixes up its units, or the meter has another unit id';
  const message = `unit ${unitId} answered, unit ${expected.unitId} was asked: ${cause}`;
  return { kind: 'unit', message, fits: false };
}

const malformed = (message: string): Mismatch => ({ kind: 'malformed', message, fits: false });

const word = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  return crc;
});

/** The RTU checksum of the first `length` bytes (Serial Line V1.02 §6.2.2); sent low byte first. */
export function crc16(bytes: Uint8Array, length: number): number {
  let crc = 0xffff;
  for (let i = 0; i < length; i++) {
    crc = (crc >> 8) ^ (CRC_TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return crc;
}
