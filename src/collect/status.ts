// The collector's state in one structure, and whether it does its job.

import { version } from '../model/paths.js';
import type { MeterSchedule } from '../model/meter.js';
import type { MeterStatus, ServiceStatus, SpoolStatus } from '../model/status.js';
import type { RecorderState } from '../record/recorder.js';
import type { Role } from '../schedule/leadership.js';
import { scheduleKeyOf } from '../schedule/scheduler.js';
import type { CycleFigures } from './cycle.js';
import type { Turns } from './job.js';

export interface StatusSources {
  readonly now: number;
  readonly monotonic: number;
  readonly startedAt: number;
  /** The same on the monotonic clock. */
  readonly startedMonotonic: number;
  readonly turns: readonly Turns[];
  readonly figures: CycleFigures;
  readonly recorder: RecorderState;
  /** When readings were last lost or dropped from the spool, on the monotonic clock; null: never. */
  readonly lostAt: number | null;
  readonly nextSlotOf: (schedule: MeterSchedule) => number | null;
  readonly role: Role | null;
}

/** Readings that were lost are news for this long. */
const LOSS_MS = 300_000;
const SHOWN_REASONS = 20;
/** A short interval is no reason to call a busy start a failure: a watchdog would restart it into the same. */
const LEAST_STALL_MS = 10_000;

export function serviceStatus(sources: StatusSources): ServiceStatus {
  const { now, figures, recorder, startedAt } = sources;
  const meters = sources.turns.map((turns) => meterStatus(turns, sources));
  const failing = [...stalled(sources), ...losses(sources)];
  const degraded = [...offline(meters), ...database(recorder)];
  const next = meters.flatMap(({ nextSlot }) => (nextSlot === null ? [] : [nextSlot]));
  return {
    status: failing.length > 0 ? 'failing' : degraded.length > 0 ? 'degraded' : 'ok',
    reasons: [...failing, ...degraded],
    version,
    startedAt,
    uptimeSeconds: Math.round((sources.monotonic - sources.startedMonotonic) / 1000),
    ...(sources.role === null ? {} : { role: sources.role }),
    schedule: {
      last: figures.lastSlot,
      next: next.length === 0 ? null : next.reduce((a, b) => Math.min(a, b)),
      cycles: figures.cycles,
      missed: meters.reduce((sum, { counters }) => sum + counters.missedSlots, 0),
      overran: meters.reduce((sum, { counters }) => sum + counters.overrunSlots, 0),
      lastDurationMs: figures.lastDurationMs,
    },
    meters,
    database: recorder.database,
    spool: recorder.spool,
    lost: recorder.lost,
  };

  function database({ database, spool }: RecorderState): string[] {
    if (database.state === 'connected') return waiting(spool);
    const why = database.lastError === null ? '' : `: ${database.lastError}`;
    const since = Math.round((now - database.since) / 1000);
    return [`the database is away for ${since} s, the spool holds ${spool.readings} readings${why}`];
  }
}

/** The database answers and still lacks readings: they are on their way, or it takes less than comes in. */
const waiting = ({ readings, oldest }: SpoolStatus): string[] =>
  oldest === null
    ? []
    : [
        `the spool holds ${readings} readings since ${new Date(oldest).toISOString()} that the database has yet to take`,
      ];

/** Schedules of which no cycle has ended for three intervals and ten seconds at the least, for people, one line each. */
export function stalled(
  sources: Pick<StatusSources, 'monotonic' | 'startedMonotonic' | 'turns' | 'figures'>,
): string[] {
  const { monotonic, startedMonotonic, turns, figures } = sources;
  const reasons: string[] = [];
  const schedules = new Map(turns.map(({ meter: { schedule } }) => [scheduleKeyOf(schedule), schedule]));
  for (const [key, { intervalMs, text }] of schedules) {
    if (intervalMs === null) continue;
    const idleMs = monotonic - (figures.endedAt.get(key) ?? startedMonotonic);
    if (idleMs <= Math.max(3 * intervalMs, LEAST_STALL_MS)) continue;
    reasons.push(`no cycle of the ${text} schedule has ended for ${Math.round(idleMs / 1000)} s`);
  }
  return reasons;
}

const losses = ({ monotonic, lostAt }: StatusSources): string[] =>
  lostAt !== null && monotonic - lostAt < LOSS_MS ? ['readings are being lost: see lost and spool'] : [];

function offline(meters: readonly MeterStatus[]): string[] {
  const reasons = meters
    .filter(({ state }) => state === 'failing' || state === 'offline' || state === 'probing')
    .map(({ name, state, since, why }) => {
      const text = state === 'failing' ? 'failing' : 'offline';
      return `${name} is ${text} since ${new Date(since).toISOString()}${why === null ? '' : `: ${why}`}`;
    });
  if (reasons.length <= SHOWN_REASONS) return reasons;
  return [...reasons.slice(0, SHOWN_REASONS), `and ${reasons.length - SHOWN_REASONS} more meters`];
}

function meterStatus(turns: Turns, { nextSlotOf }: StatusSources): MeterStatus {
  const { meter, health, counters } = turns;
  return {
    name: meter.name,
    host: meter.host,
    port: meter.port,
    unitId: meter.unitId,
    schedule: meter.schedule.text,
    state: turns.probing ? 'probing' : health.state,
    since: health.since,
    why: health.why,
    lastSuccess: turns.lastSuccess,
    lastError: turns.lastError,
    roundTripMs: turns.roundTripMs,
    nextSlot: nextSlotOf(meter.schedule),
    counters: { ...counters, missing: { ...counters.missing } },
  };
}

/** Remembers when readings were last lost, from figures that only grow. */
export class LossWatch {
  /** On the monotonic clock; null: never. */
  at: number | null = null;
  #seen = 0;

  look({ lost, spool }: RecorderState, monotonic: number): void {
    const total = lost + spool.dropped;
    if (total > this.#seen) this.at = monotonic;
    this.#seen = total;
  }
}
