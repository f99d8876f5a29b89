// The account of slots that nobody ran: those between the newest on record and a meter's first one in this process are gaps
// `down`, those that this process passed over `missed`. What is on record only the database knows. Until it has answered,
// the spool keeps where a gap `down` ends (an open gap), ahead of all that is read: then the next process can still find
// where it begins, should this one be killed.

import type { Log } from '../model/log.js';
import type { MeterInfo } from '../model/meter.js';
import type { Gap } from '../model/poll.js';
import { slotsSince } from '../schedule/slots.js';
import type { Batch, Fate } from './recorder.js';

/** A meter's first slot in this process, or its first one after some were passed over. */
export interface Beginning {
  readonly meter: MeterInfo;
  /** ms UTC */
  readonly slot: number;
  readonly intervalMs: number;
  /** The newest slot that this process has an account of; left out: there is none before this one. */
  readonly after?: number;
}

/** An open gap that an earlier process left, and the newest slot that the spool has from before it. */
export interface LeftOpen {
  readonly gap: Gap;
  readonly last: number | undefined;
}

export interface OnRecord {
  /** Newest slots by meter name: what the database has of earlier processes, and what they left in the spool. */
  readonly stored: ReadonlyMap<string, number>;
  readonly left: ReadonlyMap<string, number>;
  readonly leftOpen: readonly LeftOpen[];
}

/** Of its slots only the last one is certain. No database makes a row of it. */
export const isOpen = ({ slots }: Gap): boolean => slots === 0;

export class Account {
  readonly #log: Log;
  readonly #record: (batch: Batch) => Promise<Fate>;
  /** Newest slots on record by meter name; null: not known yet. */
  #last: ReadonlyMap<string, number> | null = null;
  #open: Gap[] = [];
  #leftClosed = false;

  constructor({ log, record }: { readonly log: Log; readonly record: (batch: Batch) => Promise<Fate> }) {
    this.#log = log;
    this.#record = record;
  }

  /** To be called before anything that is read of these meters from then on is recorded. */
  begin(beginnings: readonly Beginning[]): void {
    const last = this.#last;
    const known: Gap[] = [];
    const open: Gap[] = [];
    for (const { meter, slot, intervalMs, after } of beginnings) {
      const reason = after === undefined ? 'down' : 'missed';
      const gap: Gap = { meter, from: slot - intervalMs, until: slot, slots: 0, reason };
      // A clock that was behind lets a process run slots that lie before what is on record: nothing is missing up to there.
      if (last !== null || after !== undefined) known.push(...closed(gap, newestOf(after, last?.get(meter.name))));
      else open.push(gap);
    }
    void this.#close(known);
    if (open.length === 0) return;
    this.#open.push(...open);
    void this.#record({ polls: [], gaps: open });
  }

  /** The database has answered. Resolves when all gaps that were open are closed, and durable. */
  async settle({ stored, left, leftOpen }: OnRecord): Promise<void> {
    const last = new Map(stored);
    for (const [meter, slot] of left) last.set(meter, Math.max(slot, last.get(meter) ?? slot));
    this.#last = last;
    const ofEarlier = leftOpen.flatMap(({ gap, last: before }) => {
      const newest = stored.get(gap.meter.name);
      // Whoever stored something newer has closed it before.
      if (this.#leftClosed || (newest !== undefined && newest >= gap.until)) return [];
      return closed(gap, newestOf(before, newest));
    });
    this.#leftClosed = true;
    const own = this.#open.flatMap((gap) => closed(gap, last.get(gap.meter.name)));
    this.#open = [];
    await this.#close([...ofEarlier, ...own]);
  }

  /** Another collector has written since: what is on record has to be found out anew. */
  reopen(): void {
    this.#last = null;
  }

  async #close(gaps: readonly Gap[]): Promise<void> {
    if (gaps.length === 0) return;
    const down = gaps.filter(({ reason }) => reason === 'down');
    const slots = down.reduce((sum, gap) => sum + gap.slots, 0);
    const meters = new Set(down.map(({ meter }) => meter.name)).size;
    if (slots > 0) this.#log.info('slots passed while the collector was down', { meters, slots });
    // One by one: after months, the rows of all together would be more than one statement should carry.
    await Promise.all(gaps.map((gap) => this.#record({ polls: [], gaps: [gap] })));
  }
}

/** None where nothing is missing, or where nothing was on record before. */
function closed(open: Gap, last: number | undefined): Gap[] {
  const span = last === undefined ? null : slotsSince(last, open.until, open.until - open.from);
  return span ? [{ ...open, ...span }] : [];
}

function newestOf(...slots: readonly (number | undefined)[]): number | undefined {
  const known = slots.filter((slot) => slot !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
