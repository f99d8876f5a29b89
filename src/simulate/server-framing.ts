// The server's side of framing: cuts what clients send into requests, and wraps responses. Inside the simulator every
// request and response is an MBAP frame; on RTU lines the header is taken off and a checksum put on, and vice versa.

import { crc16 } from '../modbus/framing.js';

const HEADER_BYTES = 6;
/** A request that is still incomplete after this silence is thrown away, as RTU devices do; longer than 3.5 characters. */
const RTU_SILENCE_MS = 20;

/** `broken`: not Modbus; a TCP server hangs up then. */
export interface Cut {
  readonly requests: readonly Buffer[];
  readonly broken: boolean;
}

export interface RequestCutter {
  /** Adds bytes as received; returns the requests that they complete, as MBAP frames. */
  add(chunk: Buffer): Cut;
}

export function mbapCutter(): RequestCutter {
  let received: Buffer = Buffer.alloc(0);
  return {
    add(chunk) {
      received = Buffer.concat([received, chunk]);
      const requests: Buffer[] = [];
      while (received.length >= HEADER_BYTES + 2) {
        const length = received.readUInt16BE(4);
        if (received.readUInt16BE(2) !== 0 || length < 2 || length > 254) return { requests, broken: true };
        if (received.length < HEADER_BYTES + length) break;
        requests.push(received.subarray(0, HEADER_BYTES + length));
        received = received.subarray(HEADER_BYTES + length);
      }
      return { requests, broken: false };
    },
  };
}

/** Requests with a wrong checksum are dropped without a response (Serial Line V1.02 §2.5.1.2). */
export function rtuCutter(): RequestCutter {
  let received: Buffer = Buffer.alloc(0);
  let newestAt = 0;
  return {
    add(chunk) {
      const now = performance.now();
      if (now - newestAt > RTU_SILENCE_MS) received = Buffer.alloc(0);
      newestAt = now;
      received = Buffer.concat([received, chunk]);
      const requests: Buffer[] = [];
      while (received.length >= 4) {
        const length = rtuRequestLength(received);
        if (length === null || received.length < length) break;
        const frame = received.subarray(0, length);
        received = received.subarray(length);
        if (crc16(frame, length - 2) === frame.readUInt16LE(length - 2)) requests.push(fromRtu(frame));
        else received = Buffer.alloc(0);
      }
      if (received.length > 256) received = Buffer.alloc(0);
      return { requests, broken: false };
    },
  };
}

/** Function 17: unit, function, checksum; 43: and MEI type, code, object; reads, and anything else: start and count. */
function rtuRequestLength(bytes: Buffer): number | null {
  if (bytes.length < 2) return null;
  if (bytes[1] === 17) return 4;
  return bytes[1] === 43 ? 7 : 8;
}

function fromRtu(frame: Buffer): Buffer {
  const mbap = Buffer.alloc(HEADER_BYTES + frame.length - 2);
  mbap.writeUInt16BE(frame.length - 2, 4);
  frame.copy(mbap, HEADER_BYTES, 0, frame.length - 2);
  return mbap;
}

/** A response as an RTU frame. Bytes too few for an MBAP frame (a fault's) stay as they are. */
export function toRtu(mbap: Buffer): Buffer {
  if (mbap.length < HEADER_BYTES + 3) return mbap;
  const frame = Buffer.alloc(mbap.length - HEADER_BYTES + 2);
  mbap.copy(frame, 0, HEADER_BYTES);
  frame.writeUInt16LE(crc16(frame, frame.length - 2), frame.length - 2);
  return frame;
}
