// The collector's state in one structure, and whether it works as it should.

import { type DiskSpace, lowDiskReasons } from '../model/disk.js';
import { linkKeyOf, type MeterSchedule } from '../model/meter.js';
import { version } from '../model/paths.js';
import type { MeterStatus, ServiceStatus, SpoolStatus } from '../model/status.js';
import type { RecorderState } from '../record/recorder.js';
import type { Role } from '../schedule/leadership.js';
import { scheduleKeyOf } from '../schedule/scheduler.js';
import type { CollectedMeter } from './collected-meter.js';
import type { CycleFigures } from './cycle.js';

export interface StatusSources {
  readonly now: number;
  readonly monotonic: number;
  readonly startedAt: number;
  /** The same on the monotonic clock. */
  readonly startedMonotonic: number;
  readonly collected: readonly CollectedMeter[];
  readonly figures: CycleFigures;
  readonly recorder: RecorderState;
  /** Readings that were lost or dropped from the spool; null: none. */
  readonly losses: Losses | null;
  readonly disks: readonly DiskSpace[];
  readonly nextSlotOf: (schedule: MeterSchedule) => number | null;
  readonly role: Role | null;
}

/** So long after the newest loss, losing counts as over. */
const LOSS_OVER_MS = 30_000;
/** Readings that were lost are reported for so long afterwards. */
const LOSS_NEWS_MS = 300_000;
const SHOWN_REASONS = 20;
const SHOWN_NAMES = 5;
/** A short interval is no reason to call a busy start a failure: a watchdog would restart it into the same. */
const LEAST_STALL_MS = 10_000;

export function serviceStatus(sources: StatusSources): ServiceStatus {
  const { now, figures, recorder, startedAt } = sources;
  const meters = sources.collected.map((meter) => meterStatus(meter, sources));
  const losing = lossReason(sources);
  const failing = [...stalled(sources), ...(losing?.isOver === false ? [losing.text] : [])];
  const degraded = [
    ...offline(meters),
    ...strangers(sources.collected),
    ...database(recorder),
    ...lowDiskReasons(sources.disks),
    ...(losing?.isOver ? [losing.text] : []),
  ];
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
    disks: sources.disks,
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
  sources: Pick<StatusSources, 'monotonic' | 'startedMonotonic' | 'collected' | 'figures'>,
): string[] {
  const { monotonic, startedMonotonic, collected, figures } = sources;
  const reasons: string[] = [];
  const schedules = new Map(collected.map(({ meter: { schedule } }) => [scheduleKeyOf(schedule), schedule]));
  for (const [key, { intervalMs, text }] of schedules) {
    if (intervalMs === null) continue;
    const idleMs = monotonic - (figures.endedAt.get(key) ?? startedMonotonic);
    if (idleMs <= Math.max(3 * intervalMs, LEAST_STALL_MS)) continue;
    reasons.push(`no cycle of the ${text} schedule has ended for ${Math.round(idleMs / 1000)} s`);
  }
  return reasons;
}

export interface Losses {
  /** When readings were lost first and last since the newest time without losses, ms UTC. */
  readonly from: number;
  readonly until: number;
  readonly readings: number;
  /** Of the newest loss, on the monotonic clock. */
  readonly lastAt: number;
}

function lossReason({ monotonic, now, losses }: StatusSources): { text: string; isOver: boolean } | null {
  if (losses === null || monotonic - losses.lastAt >= LOSS_NEWS_MS) return null;
  const { from, until, readings, lastAt } = losses;
  const since = `since ${instant(from)}`;
  if (monotonic - lastAt < LOSS_OVER_MS) {
    return { isOver: false, text: `readings are being lost ${since}, ${readings} so far: see lost and spool` };
  }
  const shown = instant(now + LOSS_NEWS_MS - (monotonic - lastAt));
  return {
    isOver: true,
    text: `${readings} readings were lost from ${instant(from)} until ${instant(until)}; reported until ${shown}`,
  };
}

const instant = (time: number): string => new Date(time).toISOString().replace(/\.\d+/, '');

/** Meters that do not answer, a line each; a link of which no meter answers is one line with its meters. */
function offline(meters: readonly MeterStatus[]): string[] {
  const isDown = ({ state }: MeterStatus) => state === 'failing' || state === 'offline' || state === 'probing';
  const links = new Map<string, MeterStatus[]>();
  for (const meter of meters) links.set(linkKeyOf(meter), [...(links.get(linkKeyOf(meter)) ?? []), meter]);
  const reasons: string[] = [];
  for (const [link, behind] of links) {
    const down = behind.filter(isDown);
    if (down.length > 1 && down.length === behind.length) reasons.push(deadLink(link, down));
    else reasons.push(...down.map((meter) => `${meter.name} ${downText(meter)}`));
  }
  if (reasons.length <= SHOWN_REASONS) return reasons;
  return [...reasons.slice(0, SHOWN_REASONS), `and ${reasons.length - SHOWN_REASONS} more lines`];
}

function deadLink(link: string, meters: readonly MeterStatus[]): string {
  const [first] = meters.toSorted((a, b) => a.since - b.since) as [MeterStatus];
  const names = meters.slice(0, SHOWN_NAMES).map(({ name }) => name);
  const rest = meters.length > SHOWN_NAMES ? ` and ${meters.length - SHOWN_NAMES} more` : '';
  return `${link} ${downText(first)} (no answer from its ${meters.length} meters: ${names.join(', ')}${rest})`;
}

function downText({ state, since, why }: MeterStatus): string {
  const text = state === 'failing' ? 'failing' : 'offline';
  return `is ${text} since ${instant(since)}${why === null ? '' : `: ${why}`}`;
}

const strangers = (collected: readonly CollectedMeter[]): string[] =>
  collected.flatMap(({ meter, stranger }) => (stranger === null ? [] : [`${meter.name}: ${stranger}`]));

function meterStatus(collected: CollectedMeter, { nextSlotOf }: StatusSources): MeterStatus {
  const { meter, health, counters } = collected;
  return {
    name: meter.name,
    host: meter.host,
    port: meter.port,
    unitId: meter.unitId,
    schedule: meter.schedule.text,
    state: collected.isProbing ? 'probing' : health.state,
    since: health.since,
    why: health.why,
    lastSuccess: collected.lastSuccess,
    lastError: collected.lastError,
    roundTripMs: collected.roundTripMs,
    nextSlot: nextSlotOf(meter.schedule),
    counters: { ...counters, missing: { ...counters.missing } },
  };
}

/** Follows the recorder's figures of lost readings, which only grow. */
export class LossWatch {
  losses: Losses | null = null;
  #seen = 0;

  look({ lost, spool }: RecorderState, { now, monotonic }: { now: number; monotonic: number }): void {
    const total = lost + spool.dropped;
    const readings = total - this.#seen;
    this.#seen = total;
    if (readings <= 0) return;
    const before = this.losses;
    const isNew = before === null || monotonic - before.lastAt >= LOSS_NEWS_MS;
    this.losses = {
      from: isNew ? now : before.from,
      until: now,
      readings: readings + (isNew ? 0 : before.readings),
      lastAt: monotonic,
    };
  }
}
