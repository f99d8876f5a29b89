// What a device tells about itself: read device identification (V1.1b3 §6.21, function 43 with MEI type 14) and report
// server id (§6.13, function 17). Pure. jsmodbus has no function 17, so both are built and parsed here.

export const READ_DEVICE_IDENTIFICATION = 43;
export const REPORT_SERVER_ID = 17;

/** Objects 0 to 6 (`regular`); a device that has fewer sends what it has. */
export const identificationRequest = (objectId: number): Buffer => Buffer.from([43, 14, 2, objectId]);

export const serverIdRequest = (): Buffer => Buffer.from([17]);

export interface Identification {
  readonly objects: ReadonlyMap<number, string>;
  /** Object to ask for next; null: this was the last response. */
  readonly next: number | null;
}

/** `pdu`: a whole response. Texts are Latin-1, without padding. */
export function parseIdentification(pdu: Buffer): Identification {
  const objects = new Map<number, string>();
  let at = 7;
  for (let left = pdu[6] ?? 0; left > 0 && at + 2 <= pdu.length; left--) {
    const length = pdu[at + 1] as number;
    objects.set(pdu[at] as number, textOf(pdu.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return { objects, next: pdu[4] === 0xff ? (pdu[5] ?? null) : null };
}

/** `pdu`: a whole response. */
export const parseServerId = (pdu: Buffer): Buffer => Buffer.from(pdu.subarray(2));

const textOf = (bytes: Buffer): string => bytes.toString('latin1').split('\0')[0]?.trim() ?? '';
