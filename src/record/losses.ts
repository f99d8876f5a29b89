// What was read, or accounted for, and could not be kept goes on record as `lost`: of each meter one span, however much it
// was, so that the account of an outage without end takes no more room than that of a short one. Only where a later process
// found no database either, another one begins, so that the slots in between can still be told (see account.ts).

import type { MeterInfo } from '../model/meter.js';
import type { Gap } from '../model/poll.js';
import { LONGEST_GAP_MS, slotsSince } from '../schedule/slots.js';
import { isOpen } from './account.js';
import type { Batch } from './recorder.js';

interface Slots {
  /** ms UTC */
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** The least between two of them, ms; infinite where that is not known. */
  readonly spacing: number;
}

interface Stretch {
  /** It lies before the slots; null only in the first one. */
  readonly open: Gap | null;
  readonly slots: Slots | null;
}

/** A process that is started again and again, and finds no database, needs no more of them told apart. */
const MOST_STRETCHES = 32;

export class Losses {
  readonly #losses = new Map<string, { meter: MeterInfo; readonly stretches: Stretch[] }>();

  get empty(): boolean {
    return this.#losses.size === 0;
  }

  /** In order. */
  get gaps(): readonly Gap[] {
    return [...this.#losses.values()].flatMap(({ meter, stretches }) =>
      stretches.flatMap(({ open, slots }) => [
        // Of one meter: another object would be described once more.
        ...(open === null ? [] : [{ ...open, meter }]),
        ...(slots === null ? [] : [gapOf(meter, slots)]),
      ]),
    );
  }

  /** To be called with what was recorded in the order in which it was. */
  add({ polls, gaps }: Batch): void {
    // An open gap was recorded ahead of the polls beside it.
    for (const gap of gaps) {
      const { meter, from, until, slots } = gap;
      const spacing = (until - from) / slots;
      if (isOpen(gap)) this.#begin(gap);
      else this.#addSlots(meter, { first: from, last: until - spacing, count: slots, spacing });
    }
    for (const { meter, slot } of polls)
      this.#addSlots(meter, { first: slot, last: slot, count: 1, spacing: Number.POSITIVE_INFINITY });
  }

  #begin(open: Gap): void {
    const stretches = this.#stretchesOf(open.meter);
    stretches.push({ open, slots: null });
    const [first, second] = stretches;
    if (first && second && stretches.length > MOST_STRETCHES) stretches.splice(0, 2, merged(first, second));
  }

  #addSlots(meter: MeterInfo, slots: Slots): void {
    const stretches = this.#stretchesOf(meter);
    const last = stretches.pop() ?? { open: null, slots: null };
    stretches.push({ open: last.open, slots: joined(last.slots, slots) });
  }

  #stretchesOf(meter: MeterInfo): Stretch[] {
    const { stretches } = this.#losses.get(meter.name) ?? { stretches: [] };
    this.#losses.set(meter.name, { meter, stretches });
    return stretches;
  }
}

/** What lies between them is lost, too. */
function merged({ open, slots }: Stretch, { open: next, slots: more }: Stretch): Stretch {
  const { from, until } = next as Gap;
  const spacing = until - from;
  const span = slotsSince(slots?.last ?? (open as Gap).until - 1, until, spacing);
  const between = span && { first: span.from, last: span.until - spacing, count: span.slots, spacing };
  return { open, slots: joined(joined(slots, between), more) };
}

function joined(a: Slots | null, b: Slots | null): Slots | null {
  if (!a || !b) return a ?? b;
  const [earlier, later] = a.first <= b.first ? [a, b] : [b, a];
  const between = later.first - earlier.last;
  // A clock that stood in 1970 must not make a span of fifty years.
  if (between > LONGEST_GAP_MS) return later;
  return {
    first: earlier.first,
    last: Math.max(a.last, b.last),
    count: a.count + b.count,
    spacing: Math.min(a.spacing, b.spacing, between > 0 ? between : Number.POSITIVE_INFINITY),
  };
}

const gapOf = (meter: MeterInfo, { first, last, count, spacing }: Slots): Gap => ({
  meter,
  from: first,
  until: Math.round(last + (Number.isFinite(spacing) ? spacing : 1)),
  slots: count,
  reason: 'lost',
});
