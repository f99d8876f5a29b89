// What a simulated meter answers to functions 43/14 (read device identification, V1.1b3 §6.21) and 17 (report server id).

/** Left out: the unit refuses both with exception 1. */
export interface SimulatedIdentity {
  /** Texts by object id, 0–255; function 43/14. */
  readonly objects: ReadonlyMap<number, string>;
  /** Function 17; left out: refused. */
  readonly serverId?: Buffer;
}

/** Most bytes of a response's PDU. */
const PDU_BYTES = 253;
const HEAD_BYTES = 7;
/** Basic and regular objects, and single ones. */
const CONFORMITY = 0x82;

/** The whole response PDU, or an exception code; null: the request is for another function. */
export function identityAnswer(pdu: Buffer, identity: SimulatedIdentity | undefined): Buffer | number | null {
  if (pdu[0] === 17) {
    const id = identity?.serverId;
    return id ? Buffer.concat([Buffer.from([17, id.length]), id]) : 1;
  }
  if (pdu[0] !== 43) return null;
  if (!identity || pdu[1] !== 14 || pdu.length !== 4) return 1;
  const [, , code, first] = pdu as unknown as readonly [number, number, number, number];
  if (code < 1 || code > 4) return 3;
  const last = code === 1 ? 2 : code === 2 ? 6 : 255;
  const wanted = [...identity.objects]
    .filter(([id]) => (code === 4 ? id === first : id >= first && id <= last))
    .sort(([a], [b]) => a - b);
  if (wanted.length === 0) return 2;
  return identification(code, wanted);
}

function identification(code: number, objects: readonly (readonly [number, string])[]): Buffer {
  const parts: Buffer[] = [];
  let bytes = HEAD_BYTES;
  let next = 0;
  for (const [id, text] of objects) {
    const value = Buffer.from(text, 'latin1');
    if (bytes + 2 + value.length > PDU_BYTES) {
      next = id;
      break;
    }
    parts.push(Buffer.from([id, value.length]), value);
    bytes += 2 + value.length;
  }
  const head = Buffer.from([43, 14, code, CONFORMITY, next === 0 ? 0 : 0xff, next, parts.length / 2]);
  return Buffer.concat([head, ...parts]);
}
