// Slots as numbers: which ones were passed over, and how long a collector that starts again was down. Pure.

/** Slots [from, until) that nobody ran. */
export interface SlotSpan {
  readonly from: number;
  readonly until: number;
  readonly slots: number;
}

const DAY_MS = 86_400_000;
/** What lies further back is not recorded: a collector whose clock stood in 1970 must not write fifty years of gaps. */
export const LONGEST_GAP_MS = 92 * DAY_MS;

/** The slots of a grid strictly between `last` and `slot`; null: none. After a step back of the clock there are none. */
export function passedOver(last: number, slot: number, intervalMs: number): SlotSpan | null {
  const from = Math.max(last + intervalMs, slot - Math.floor(LONGEST_GAP_MS / intervalMs) * intervalMs);
  const slots = Math.round((slot - from) / intervalMs);
  return slots > 0 ? { from, until: slot, slots } : null;
}

/** What is missing since the newest slot on record, when the next one to run is `first`; null: nothing. */
export const slotsSince = (last: number, first: number, intervalMs: number): SlotSpan | null =>
  // A cycle by hand lies between slots: the grid goes on after it.
  passedOver(Math.floor(last / intervalMs) * intervalMs, first, intervalMs);
