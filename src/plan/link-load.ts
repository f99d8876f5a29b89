// Whether a link's meters can be read within their intervals at all: requests × (round trip + pause), added up over the
// meters that share the link. Pure; said when the collector starts and by `emdc check`.

export interface MeterLoad {
  readonly link: string;
  /** Requests of one poll. */
  readonly requests: number;
  /** Measured; null: not known yet. */
  readonly roundTripMs: number | null;
  readonly pauseMs: number;
  /** null: uneven slots, which count for nothing. */
  readonly intervalMs: number | null;
}

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
  /** Whether every round trip was measured. */
  readonly measured: boolean;
}

/** A meter behind a serial gateway; over Ethernet alone it is a tenth of that. */
export const ASSUMED_ROUND_TRIP_MS = 50;
const TIGHT_SHARE = 0.7;

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
    measured: meters.every(({ roundTripMs }) => roundTripMs !== null),
  };
}

const busy = ({ requests, roundTripMs, pauseMs }: MeterLoad): number =>
  requests * ((roundTripMs ?? ASSUMED_ROUND_TRIP_MS) + pauseMs);

/** `10.0.0.5:502: 32 meters, 64 requests take 3.2 s of 10 s (32 %, at an assumed 50 ms a request): fits` */
export function explainLoad(load: LinkLoad): string {
  const meters = load.meters === 1 ? '1 meter' : `${load.meters} meters`;
  const requests = load.requests === 1 ? '1 request takes' : `${load.requests} requests take`;
  const of = load.intervalMs === null ? '' : ` of ${seconds(load.intervalMs)} (${Math.round(load.share * 100)} %`;
  const known = load.measured ? 'as measured' : `at an assumed ${ASSUMED_ROUND_TRIP_MS} ms a request`;
  return `${load.link}: ${meters}, ${requests} ${seconds(load.busyMs)}${of}${of ? `, ${known})` : ` (${known})`}: ${load.verdict}`;
}

const seconds = (ms: number): string => `${Number((ms / 1000).toPrecision(3))} s`;
