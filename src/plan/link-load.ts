// Whether a link's meters can be read within their intervals at all: requests × (round trip + pause), added up over the
// meters that share the link. On a serial line the time follows from the baud rate. Pure; said when the collector starts
// and by `emdc check`.

import type { Span } from '../model/block.js';
import type { SerialLine } from '../model/meter.js';

export interface MeterLoad {
  readonly link: string;
  /** Requests of one poll. */
  readonly requests: number;
  /** Measured; null: not known yet. */
  readonly roundTripMs: number | null;
  readonly pauseMs: number;
  /** null: uneven slots, which count for nothing. */
  readonly intervalMs: number | null;
  /** The serial line that the meter is on, and its requests: their time is estimated. Left out: not a serial port. */
  readonly serial?: { readonly line: LineSpeed; readonly blocks: readonly Span[] };
}

export type LineSpeed = Pick<SerialLine, 'baudRate' | 'parity' | 'dataBits' | 'stopBits'>;

export interface LinkLoad {
  readonly link: string;
  readonly meters: number;
  /** Requests when all meters are due at once, and how long they take. */
  readonly requests: number;
  readonly busyMs: number;
  /** The shortest of its meters' intervals; null: none is known. */
  readonly intervalMs: number | null;
  /** Part of the link's time that is needed, on average; above 1 it can never be done. */
  readonly share: number;
  /** `tight`: nothing is left for retries. */
  readonly verdict: 'fits' | 'tight' | 'does not fit';
  /** Where the times come from. */
  readonly basis: 'measured' | 'assumed' | { readonly baudRate: number };
}

/** A meter behind a serial gateway; over Ethernet alone it is a tenth of that. */
export const ASSUMED_ROUND_TRIP_MS = 50;
const TIGHT_SHARE = 0.7;
/** What gateway and meter take to turn around, beside the bytes on the line. */
const TURNAROUND_MS = 30;
const REQUEST_BYTES = 8;
const RESPONSE_OVERHEAD_BYTES = 5;
/** 3.5 characters before the request and before the response (Modbus over Serial Line V1.02 §2.5.1.1). */
const SILENT_CHARACTERS = 7;

/** How long these requests and their responses take on a serial line, ms. */
export function serialTimeMs(blocks: readonly Span[], { baudRate, parity, dataBits, stopBits }: LineSpeed): number {
  const bitsPerCharacter = 1 + dataBits + (parity === 'none' ? 0 : 1) + stopBits;
  const characters = blocks.reduce(
    (sum, block) => sum + REQUEST_BYTES + RESPONSE_OVERHEAD_BYTES + SILENT_CHARACTERS + bytesOf(block),
    0,
  );
  return blocks.length * TURNAROUND_MS + (characters * bitsPerCharacter * 1000) / baudRate;
}

const bytesOf = ({ function: table, count }: Span): number =>
  table === 'coil' || table === 'discrete' ? Math.ceil(count / 8) : count * 2;

export function linkLoads(loads: Iterable<MeterLoad>): LinkLoad[] {
  const links = new Map<string, MeterLoad[]>();
  for (const load of loads) {
    const there = links.get(load.link);
    if (there) there.push(load);
    else links.set(load.link, [load]);
  }
  return [...links].map(([link, meters]) => linkLoad(link, meters));
}

function linkLoad(link: string, meters: readonly MeterLoad[]): LinkLoad {
  const share = meters.reduce((sum, load) => sum + (load.intervalMs === null ? 0 : busy(load) / load.intervalMs), 0);
  const intervals = meters.flatMap(({ intervalMs }) => (intervalMs === null ? [] : [intervalMs]));
  return {
    link,
    meters: meters.length,
    requests: meters.reduce((sum, { requests }) => sum + requests, 0),
    busyMs: meters.reduce((sum, load) => sum + busy(load), 0),
    intervalMs: intervals.length === 0 ? null : Math.min(...intervals),
    share,
    verdict: share > 1 ? 'does not fit' : share > TIGHT_SHARE ? 'tight' : 'fits',
    basis: basisOf(meters),
  };
}

function basisOf(meters: readonly MeterLoad[]): LinkLoad['basis'] {
  if (meters.every(({ roundTripMs }) => roundTripMs !== null)) return 'measured';
  const line = meters[0]?.serial?.line;
  return line === undefined ? 'assumed' : { baudRate: line.baudRate };
}

function busy({ requests, roundTripMs, pauseMs, serial }: MeterLoad): number {
  if (roundTripMs === null && serial !== undefined)
    return serialTimeMs(serial.blocks, serial.line) + requests * pauseMs;
  return requests * ((roundTripMs ?? ASSUMED_ROUND_TRIP_MS) + pauseMs);
}

/** `10.0.0.5:502: 32 meters, 64 requests take 3.2 s of 10 s (32 %, at an assumed 50 ms a request): fits` */
export function explainLoad(load: LinkLoad): string {
  const meters = load.meters === 1 ? '1 meter' : `${load.meters} meters`;
  const requests = load.requests === 1 ? '1 request takes' : `${load.requests} requests take`;
  const of = load.intervalMs === null ? '' : ` of ${seconds(load.intervalMs)} (${Math.round(load.share * 100)} %`;
  const known = basisText(load.basis);
  return `${load.link}: ${meters}, ${requests} ${seconds(load.busyMs)}${of}${of ? `, ${known})` : ` (${known})`}: ${load.verdict}`;
}

function basisText(basis: LinkLoad['basis']): string {
  if (basis === 'measured') return 'as measured';
  return basis === 'assumed'
    ? `at an assumed ${ASSUMED_ROUND_TRIP_MS} ms a request`
    : `estimated for ${basis.baudRate} baud`;
}

const seconds = (ms: number): string => `${Number((ms / 1000).toPrecision(3))} s`;
