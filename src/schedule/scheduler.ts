// Runs schedules: one timer per schedule asks planTick what to do, and obeys. node-cron says when the slots are; its own
// timers are not used, since they wait out a clock that is set back, and walk through every second of one set forward.

import cron from 'node-cron';
import type { Clock } from '../model/clock.js';
import { messageOf } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { MeterSchedule } from '../model/meter.js';
import { nextSlotAfter, planTick, type SlotSource, type SlotSpan, type TickState } from './plan-tick.js';

export interface Tick {
  readonly schedule: MeterSchedule;
  /** Nominal time, ms UTC. */
  readonly slot: number;
  /** Nominal time of the slot after it, ms UTC. */
  readonly next: number;
}

export interface SchedulerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly onSlot: (tick: Tick) => void;
  /** Slots that passed unread while the process was busy or suspended, or that the clock stepped over. */
  readonly onMissed: (schedule: MeterSchedule, span: SlotSpan) => void;
  /** Asked before every slot whether this collector reads; left out: it always does. Must not reject. */
  readonly leadership?: { shouldRun(): Promise<boolean> };
  /** A slot that is left to the collector that leads. */
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

/** Longest wait of a timer: so soon a step of the clock is noticed. */
const LONGEST_WAIT_MS = 1_000;
/** NTP slews less than this between two looks at the clock; a larger difference is a step, or a suspend. */
const STEP_MS = 250;
/** Uneven slots known in advance: as many are counted one by one when they are missed. */
const KNOWN_SLOTS = 20;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #running = new Map<string, RunningSchedule>();
  #offset: number | null = null;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Starts with these schedules, or goes over to them: those that run already go on undisturbed. */
  start(schedules: Iterable<MeterSchedule>): void {
    const wanted = new Map([...schedules].map((schedule) => [scheduleKeyOf(schedule), schedule]));
    for (const [key, running] of this.#running) {
      if (wanted.has(key)) continue;
      running.stop();
      this.#running.delete(key);
    }
    for (const [key, schedule] of wanted) {
      if (this.#running.has(key)) continue;
      this.#running.set(key, new RunningSchedule(schedule, this.#options, () => this.#checkClock()));
    }
  }

  /** Safe twice. No callback is called afterwards. */
  stop(): void {
    for (const running of this.#running.values()) running.stop();
    this.#running.clear();
  }

  /** Nominal time of the schedule's next slot, ms UTC; null: it is not running. */
  nextSlot(schedule: MeterSchedule): number | null {
    return this.#running.get(scheduleKeyOf(schedule))?.nextSlot() ?? null;
  }

  /** Logs a step of the clock, once for all schedules; what it means for slots is decided by planTick. */
  #checkClock(): void {
    const { clock, log } = this.#options;
    const offset = clock.now() - clock.monotonic();
    const step = offset - (this.#offset ?? offset);
    this.#offset = offset;
    if (Math.abs(step) < STEP_MS) return;
    log.warn('the clock stepped, or the machine slept', { seconds: Math.round(step / 100) / 10 });
  }
}

class RunningSchedule {
  readonly #schedule: MeterSchedule;
  readonly #options: SchedulerOptions;
  readonly #checkClock: () => void;
  readonly #slots: SlotSource;
  #state: TickState;
  /** The slot about which leadership is asked; null: none. */
  #deciding: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(schedule: MeterSchedule, options: SchedulerOptions, checkClock: () => void) {
    this.#schedule = schedule;
    this.#options = options;
    this.#checkClock = checkClock;
    this.#slots = slotsOf(schedule);
    this.#state = { last: null, upcoming: this.#slots.upcoming(), at: options.clock.now() };
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  nextSlot(): number | null {
    if (this.#deciding !== null) return this.#deciding;
    const now = this.#options.clock.now();
    return nextSlotAfter(this.#state, now, this.#slots) ?? this.#slots.upcoming()[0] ?? null;
  }

  #wait(): void {
    const wait = (this.#state.upcoming[0] as number) - this.#options.clock.now();
    this.#timer = setTimeout(() => this.#look(), Math.max(0, Math.min(Math.ceil(wait), LONGEST_WAIT_MS)));
  }

  #look(): void {
    this.#checkClock();
    const { run, missed, state } = planTick(this.#state, this.#options.clock.now(), this.#slots);
    this.#state = state;
    this.#wait();
    if (run !== null || missed !== null) void this.#act(run, missed, state.upcoming[0] as number);
  }

  /** A slot that another collector reads is not missing here, so leadership is asked before anything is reported. */
  async #act(run: number | null, missed: SlotSpan | null, next: number): Promise<void> {
    const { leadership, log, onLeft, onMissed, onSlot } = this.#options;
    const schedule = this.#schedule;
    this.#deciding = run;
    try {
      const leads = leadership === undefined || (await leadership.shouldRun());
      this.#deciding = null;
      if (this.#stopped) return;
      if (!leads) {
        if (run !== null) onLeft?.(schedule, run);
        return;
      }
      if (missed !== null) onMissed(schedule, missed);
      if (run !== null) onSlot({ schedule, slot: run, next });
    } catch (error) {
      this.#deciding = null;
      log.error('a slot could not be run', { schedule: schedule.text, error: messageOf(error) });
    }
  }
}

/** Throws where node-cron does not understand the expression; the configuration has checked it. */
function slotsOf(schedule: MeterSchedule): SlotSource {
  const { cron: expression, intervalMs } = schedule;
  const task = cron.createTask(expression, () => {}, { timezone: zoneOf(schedule) });
  const count = intervalMs === null ? KNOWN_SLOTS : 1;
  return { intervalMs, upcoming: () => task.getNextRuns(count).map((date) => date.getTime()) };
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
