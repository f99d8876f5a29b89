// What a schedule does at a moment: the slot to run, the slots that were missed, the slot that comes next. Pure: the
// scheduler's timers only ask and obey, so they may ask late, early or twice.
//
//   now, against state.next             run                        missed                        next
//   before it                           –                          –                             as before
//   before it, the clock was set back   –                          –                             first slot after now
//   at or behind it                     the newest slot up to now  all from state.next up to it  first slot after now
//   … and that slot is over 30 s old    –                          that one too                  first slot after now
//
// A slot equal to `state.last` is never run: after a small step back of the clock the same time comes twice.

/** The slots [from, until) that passed unread. */
export interface SlotSpan {
  /** ms UTC */
  readonly from: number;
  /** ms UTC, exclusive. */
  readonly until: number;
  /** At least 1. */
  readonly slots: number;
}

export interface TickState {
  /** The newest slot that was run or left to another collector, ms UTC; null: none yet. */
  readonly last: number | null;
  /** Slots to come, ascending, ms UTC, at least one. Of a grid one is enough; uneven slots are known one by one. */
  readonly upcoming: readonly number[];
  /** When the state was decided, ms UTC: an earlier time now means that the clock was set back. */
  readonly at: number;
}

export interface SlotSource {
  /** Between slots, ms; null: uneven. */
  readonly intervalMs: number | null;
  /** The next slots after the present moment, ascending, at least one. */
  upcoming(): readonly number[];
}

export interface TickPlan {
  /** Slot to run now; null: none. */
  readonly run: number | null;
  readonly missed: SlotSpan | null;
  readonly state: TickState;
}

/** A slot is still run this late, when the process was busy or the clock stepped, unless the next slot has come. */
const LATEST_START_MS = 30_000;
const DAY_MS = 86_400_000;
/** Older slots are not reported as missed: a clock that was in 1970 must not lead to a gap of fifty years. */
const LONGEST_GAP_MS = 92 * DAY_MS;

/** Decides for the moment `now` (ms UTC). Asks `slots.upcoming()` only when the known slots are over or the clock was set back. */
export function planTick(state: TickState, now: number, slots: SlotSource): TickPlan {
  const next = state.upcoming[0] as number;
  if (now < next) {
    const upcoming = now < state.at ? afterStepBack(state, slots) : state.upcoming;
    return { run: null, missed: null, state: { ...state, upcoming, at: now } };
  }
  const { due, rest } = slots.intervalMs === null ? dueUneven(state, now, slots) : dueOnGrid(state, now, slots);
  const newest = due.newest;
  const isInTime = now - newest <= LATEST_START_MS && newest !== state.last;
  const missed: SlotSpan = isInTime
    ? { from: due.from, until: newest, slots: due.slots - 1 }
    : { from: due.from, until: rest[0] as number, slots: due.slots };
  return {
    run: isInTime ? newest : null,
    missed: missed.slots > 0 ? missed : null,
    state: { last: isInTime ? newest : state.last, upcoming: rest, at: now },
  };
}

/** The slot that comes after `now`, without a change of state. */
export function nextSlotAfter({ upcoming }: TickState, now: number, { intervalMs }: SlotSource): number | null {
  const next = upcoming[0] as number;
  if (intervalMs === null) return upcoming.find((slot) => slot > now) ?? null;
  return next > now ? next : next + (Math.floor((now - next) / intervalMs) + 1) * intervalMs;
}

interface Due {
  readonly from: number;
  readonly newest: number;
  /** From `from` to `newest`, both included. */
  readonly slots: number;
}

function dueOnGrid({ upcoming }: TickState, now: number, { intervalMs }: SlotSource): { due: Due; rest: number[] } {
  const interval = intervalMs as number;
  const next = upcoming[0] as number;
  const newest = next + Math.floor((now - next) / interval) * interval;
  const from = Math.max(next, newest - Math.floor(LONGEST_GAP_MS / interval) * interval);
  return {
    due: { from, newest, slots: Math.round((newest - from) / interval) + 1 },
    rest: [newest + interval],
  };
}

/** Uneven slots beyond the known ones are counted by the mean distance of the known ones. */
function dueUneven({ upcoming }: TickState, now: number, slots: SlotSource): { due: Due; rest: readonly number[] } {
  const known = upcoming.filter((slot) => slot <= now);
  const from = known[0] as number;
  const newest = known.at(-1) as number;
  const later = upcoming.slice(known.length);
  if (later.length > 0) return { due: { from, newest, slots: known.length }, rest: later };
  const rest = slots.upcoming();
  const distance = known.length > 1 ? (newest - from) / (known.length - 1) : (rest[0] as number) - newest;
  const beyond = Math.max(0, Math.round(((rest[0] as number) - newest) / distance) - 1);
  return { due: { from, newest, slots: known.length + beyond }, rest };
}

/** The slots after a time that was there before. The slot that was run last does not come again. */
function afterStepBack({ last, upcoming }: TickState, slots: SlotSource): readonly number[] {
  const again = slots.upcoming().filter((slot) => slot !== last);
  return again.length > 0 ? again : upcoming;
}
