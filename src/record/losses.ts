// Gaps that stand for what is not there: `down` before the start of a run, and `lost` for what was read and could be kept
// nowhere. Losses take no more room the longer they last: for every run of the collector and meter its start and one gap.
// The starts stay, since replay finds the gap `down` before each run by them.

import type { MeterInfo } from '../model/meter.js';
import type { Gap, RunStart } from '../model/poll.js';
import type { Entry } from './entry.js';

/** A clock that stood in 1970 must not make a gap of fifty years. */
const LONGEST_GAP_MS = 92 * 86_400_000;
/** A collector that is restarted more often during one outage gets its oldest runs merged. */
const MAX_RUNS = 32;
const MAX_EVENTS = 1000;

/**
 * The gap between the newest slot on record and a run's first one; null: nothing was on record, or nothing is missing. The
 * grid is the run's: a newest slot beside the grid is a cycle by hand.
 */
export function downGap({ meter, slot, intervalMs }: RunStart, newest: number | undefined): Gap | null {
  if (newest === undefined) return null;
  const missing = Math.ceil((slot - newest) / intervalMs) - 1;
  const slots = Math.min(missing, Math.floor(LONGEST_GAP_MS / intervalMs));
  return slots > 0 ? { meter, from: slot - slots * intervalMs, until: slot, slots, reason: 'down' } : null;
}

/** One meter's losses of one run. */
interface Run {
  /** Lies before the gap; null: the run began before the losses did. */
  readonly start: RunStart | null;
  readonly gap: Gap | null;
}

export class Losses {
  readonly #intervals: ReadonlyMap<string, number>;
  readonly #runs = new Map<string, Run[]>();
  readonly #events: Entry[] = [];

  /** `intervals`: ms between slots by meter name, where they are known. */
  constructor(intervals: ReadonlyMap<string, number>) {
    this.#intervals = intervals;
  }

  get empty(): boolean {
    return this.#runs.size === 0 && this.#events.length === 0;
  }

  /** In an order that is right for each meter, with the starts of different meters beside each other. */
  get entries(): readonly Entry[] {
    const meters = [...this.#runs.values()];
    const most = Math.max(0, ...meters.map((runs) => runs.length));
    const entries: Entry[] = [];
    for (let index = 0; index < most; index++) {
      const runs = meters.flatMap((of) => of[index] ?? []);
      for (const { start } of runs) if (start) entries.push({ kind: 'start', start });
      for (const { gap } of runs) if (gap) entries.push({ kind: 'gap', gap });
    }
    return [...entries, ...this.#events];
  }

  clear(): void {
    this.#runs.clear();
    this.#events.length = 0;
  }

  /** To be called in the order in which the entries were recorded. Polls by hand lie beside the grid and leave no gap. */
  add(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.kind === 'start') this.#addStart(entry.start);
      else if (entry.kind === 'gap') this.#addGap({ ...entry.gap, reason: 'lost' });
      else if (entry.kind === 'event') {
        this.#events.push(entry);
        if (this.#events.length > MAX_EVENTS) this.#events.shift();
      } else if (!entry.poll.byHand) {
        const { meter, slot } = entry.poll;
        const until = slot + (this.#intervals.get(meter.name) ?? 1);
        this.#addGap({ meter, from: slot, until, slots: 1, reason: 'lost' });
      }
    }
  }

  #of(meter: MeterInfo): Run[] {
    const runs = this.#runs.get(meter.name) ?? [];
    this.#runs.set(meter.name, runs);
    return runs;
  }

  #addStart(start: RunStart): void {
    const runs = this.#of(start.meter);
    // The gap before this start covers the gap before a start of which nothing else is left.
    if (runs.at(-1)?.gap === null) runs.pop();
    runs.push({ start, gap: null });
    const [first, second] = runs;
    if (first?.gap && second?.gap && runs.length > MAX_RUNS)
      runs.splice(0, 2, { start: first.start, gap: mergeRuns(first.gap, second.start, second.gap) });
  }

  #addGap(gap: Gap): void {
    const runs = this.#of(gap.meter);
    const last = runs.pop();
    if (!last?.gap) runs.push({ start: last?.start ?? null, gap });
    else if (distance(last.gap, gap) <= LONGEST_GAP_MS) runs.push({ start: last.start, gap: join(last.gap, gap) });
    // The clock stepped by months.
    else runs.push(last, { start: null, gap });
    if (runs.length > MAX_RUNS + 1) runs.shift();
  }
}

const distance = (a: Gap, b: Gap): number => Math.max(a.from - b.until, b.from - a.until);

const join = (a: Gap, b: Gap): Gap => ({
  ...b,
  from: Math.min(a.from, b.from),
  until: Math.max(a.until, b.until),
  slots: a.slots + b.slots,
});

/** The slots between two runs, while the collector was down, count as lost as well. */
function mergeRuns(earlier: Gap, start: RunStart | null, later: Gap): Gap {
  const between = start && downGap(start, earlier.until - 1);
  return join(between ? join(earlier, between) : earlier, later);
}
