// Says when each schedule's next slot has come: node-cron's beat, with what a gateway in the field needs around it. The
// same slot never comes twice, slots that were passed over (a busy process, suspend, a step of the clock) are told, and
// neither a step back nor a step forward of the clock stops the beat or keeps the processor busy: node-cron by itself
// waits a step back out, and walks through every second of a step forward at 0.1 ms each.

import cron, { type Logger, type ScheduledTask } from 'node-cron';
import type { Clock } from '../model/clock.js';
import { messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { MeterSchedule } from '../model/meter.js';
import { passedOver, type SlotSpan } from './slots.js';

export interface Tick {
  readonly schedule: MeterSchedule;
  /** Nominal time, ms UTC. */
  readonly slot: number;
  /** Nominal time of the slot after it. */
  readonly next: number;
}

export interface SchedulerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly onSlot: (tick: Tick) => void;
  readonly onMissed: (schedule: MeterSchedule, span: SlotSpan) => void;
  /** Asked before every slot whether this collector is the one to run it; left out: it always is. */
  readonly coordinator?: { shouldRun(): Promise<boolean> };
  /** A slot that the coordinator leaves to another collector. */
  readonly onLeft?: (schedule: MeterSchedule, slot: number) => void;
}

const keys = new WeakMap<MeterSchedule, string>();

/** Meters whose schedules have the same key share their slots. */
export function scheduleKeyOf(schedule: MeterSchedule): string {
  let key = keys.get(schedule);
  if (key === undefined) {
    key = `${schedule.cron} ${zoneOf(schedule)}`;
    keys.set(schedule, key);
  }
  return key;
}

const CHECK_MS = 1_000;
/** NTP slews less than this between two checks; what is more is a step, or a suspend. */
const STEP_MS = 250;
/** A slot is still run when the process was too busy to run it in time, as long as the next one has not come. */
const LATE_MS = 30_000;
const LONGEST_TIMER_MS = 86_400_000;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #beats = new Map<string, Beat>();
  #check: NodeJS.Timeout | undefined;
  #offset = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Starts with these schedules, or goes over to them: those that stay keep their beat. */
  start(schedules: Iterable<MeterSchedule>): void {
    const { clock } = this.#options;
    const wanted = new Map([...schedules].map((schedule) => [scheduleKeyOf(schedule), schedule]));
    for (const [key, beat] of this.#beats) {
      if (wanted.has(key)) continue;
      beat.stop();
      this.#beats.delete(key);
    }
    if (this.#check === undefined) {
      this.#offset = clock.now() - clock.monotonic();
      this.#check = setInterval(() => this.#checkClock(), CHECK_MS).unref();
    }
    for (const [key, schedule] of wanted) {
      if (this.#beats.has(key)) continue;
      const beat = new Beat(schedule, this.#options, () => this.#checkClock());
      this.#beats.set(key, beat);
      beat.start();
    }
  }

  stop(): void {
    clearInterval(this.#check);
    this.#check = undefined;
    for (const beat of this.#beats.values()) beat.stop();
    this.#beats.clear();
  }

  /** Nominal time of the schedule's next slot; null: it is not running. */
  nextSlot(schedule: MeterSchedule): number | null {
    return this.#beats.get(scheduleKeyOf(schedule))?.next() ?? null;
  }

  /** The same, but a slot whose time has come already, until it is run. */
  upcoming(schedule: MeterSchedule): number | null {
    return this.#beats.get(scheduleKeyOf(schedule))?.upcoming() ?? null;
  }

  /** Runs the slots whose time has come though their beat has not: a busy process is late. */
  catchUp(): void {
    for (const beat of this.#beats.values()) beat.catchUp();
  }

  #checkClock(): void {
    const { clock, log } = this.#options;
    const offset = clock.now() - clock.monotonic();
    const step = offset - this.#offset;
    this.#offset = offset;
    if (Math.abs(step) < STEP_MS) return;
    log.warn('the clock stepped, or the machine slept', { seconds: Math.round(step / 100) / 10 });
    for (const beat of this.#beats.values()) beat.restart();
  }
}

/** One schedule on one node-cron task. */
class Beat {
  readonly #schedule: MeterSchedule;
  readonly #options: SchedulerOptions;
  readonly #task: ScheduledTask;
  readonly #checkClock: () => void;
  #guard: NodeJS.Timeout | undefined;
  #last: number | null = null;
  /** What was to come after #last, or first. */
  #expected = Number.POSITIVE_INFINITY;
  /** What node-cron answered when it was last asked: the same until `next`, unless the clock steps back. */
  #found = { from: 0, next: 0 };

  constructor(schedule: MeterSchedule, options: SchedulerOptions, checkClock: () => void) {
    this.#schedule = schedule;
    this.#options = options;
    this.#checkClock = checkClock;
    const { coordinator } = options;
    this.#task = cron.createTask(schedule.cron, ({ date }) => this.#tick(date.getTime()), {
      ...(coordinator ? { distributed: true, name: scheduleKeyOf(schedule), runCoordinator: coordinator } : {}),
      timezone: zoneOf(schedule),
      missedExecutionTolerance: LATE_MS,
      // What was missed is worked out from the slots themselves, which also knows of restarts.
      suppressMissedWarning: true,
      logger: cronLogger(options.log),
    });
    this.#task.on('execution:skipped', ({ date }) => this.#left(date.getTime()));
  }

  start(): void {
    this.#task.start();
    // After a step of the clock before the first slot, what was to come first is still to be accounted for.
    if (this.#last === null)
      this.#expected = Math.min(this.#expected, this.#task.getNextRun()?.getTime() ?? Number.POSITIVE_INFINITY);
    this.#armGuard();
  }

  stop(): void {
    clearTimeout(this.#guard);
    this.#task.destroy();
  }

  /** Has node-cron find its next slot from the present time. */
  restart(): void {
    this.#task.stop();
    this.start();
  }

  next(): number | null {
    const now = this.#options.clock.now();
    if (this.#expected > now && (this.#last ?? now) <= now) return this.#expected;
    // node-cron takes 0.1 ms to find it: once is nothing, but GET /ping asks for every meter, and where a slot is due and
    // its beat still to come, the slot waits for that.
    const { from, next } = this.#found;
    if (from <= now && now < next) return next;
    const found = this.#task.getNextRun()?.getTime() ?? null;
    if (found !== null) this.#found = { from: now, next: found };
    return found;
  }

  upcoming(): number | null {
    return this.#expected > (this.#last ?? 0) ? this.#expected : this.next();
  }

  /** Slots that are uneven have no account that another one could be ahead of. */
  catchUp(): void {
    const { intervalMs } = this.#schedule;
    const late = this.#options.clock.now() - this.#expected;
    if (intervalMs !== null && late >= 0) this.#tick(this.#expected + late - (late % intervalMs));
  }

  #tick(slot: number): void {
    if (slot === this.#last) return;
    const { intervalMs } = this.#schedule;
    const next = intervalMs === null ? (this.next() ?? slot) : slot + intervalMs;
    const missed = this.#missedBefore(slot);
    this.#last = slot;
    this.#expected = next;
    if (missed) this.#options.onMissed(this.#schedule, missed);
    this.#options.onSlot({ schedule: this.#schedule, slot, next });
    this.#armGuard();
  }

  /** What another collector ran is not missing here. */
  #left(slot: number): void {
    this.#last = slot;
    this.#expected = this.next() ?? slot;
    this.#options.onLeft?.(this.#schedule, slot);
    this.#armGuard();
  }

  #missedBefore(slot: number): SlotSpan | null {
    const { intervalMs } = this.#schedule;
    if (intervalMs !== null) return passedOver(this.#last ?? this.#expected - intervalMs, slot, intervalMs);
    if (this.#last === null) return null;
    // Uneven slots are not counted one by one: as many as fit, going by the newest distance.
    if (slot <= this.#expected) return null;
    const slots = Math.max(1, Math.round((slot - this.#expected) / Math.max(1_000, this.#expected - this.#last)));
    return { from: this.#expected, until: slot, slots };
  }

  /**
   * Looks at the clock just before node-cron does. Node runs timers in the order of their times, so after a suspend, or
   * when the process was stopped, this one comes first and node-cron never sees the distance.
   */
  #armGuard(): void {
    clearTimeout(this.#guard);
    const { clock } = this.#options;
    const next = this.next();
    if (next === null) return;
    const delay = Math.min(Math.max(0, next - clock.now() - 2), LONGEST_TIMER_MS);
    const due = clock.monotonic() + delay;
    this.#guard = setTimeout(() => {
      this.#checkClock();
      if (clock.monotonic() - due > LATE_MS) this.restart();
    }, delay).unref();
  }
}

/**
 * The zone to reckon in. Grids are UTC. So is an expression that names no hour or day, where the zone differs from UTC by
 * whole hours: in its own zone node-cron would leave out the hour that comes twice when summer time ends.
 */
function zoneOf({ cron: expression, intervalMs, timezone }: MeterSchedule): string {
  if (intervalMs !== null) return 'UTC';
  const { hour, dayOfMonth, month, dayOfWeek } = cron.parse(expression);
  const everyHour = hour.length === 24 && dayOfMonth.length === 31 && month.length === 12 && dayOfWeek.length === 7;
  return everyHour && hasWholeHours(timezone) ? 'UTC' : timezone;
}

function hasWholeHours(timezone: string): boolean {
  const minutes = new Intl.DateTimeFormat('en-US', { timeZone: timezone, minute: 'numeric' });
  return Array.from({ length: 12 }, (_, month) => Date.UTC(2026, month)).every((t) => Number(minutes.format(t)) === 0);
}

const cronLogger = (log: Log): Logger => ({
  info: (message) => log.debug(message),
  warn: (message) => log.warn(message),
  error: (message) => log.error(messageOf(message)),
  debug: (message) => log.debug(messageOf(message)),
});
