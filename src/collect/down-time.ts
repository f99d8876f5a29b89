// What is missing from before this process: the slots between the newest on record and the first that runs. Known when the
// database has answered for the first time and the meter's first slot has come, whichever is later.

import type { Log } from '../log.js';
import type { Meter } from '../meter.js';
import type { Gap } from '../reading.js';
import type { Recorder } from '../record/recorder.js';
import { slotsSince } from './slots.js';

export class DownTime {
  readonly #recorder: Pick<Recorder, 'record'>;
  #lastSlots: Promise<ReadonlyMap<string, number>>;
  readonly #log: Log;
  readonly #begun = new Set<string>();

  constructor({ recorder, log }: { readonly recorder: Pick<Recorder, 'record' | 'lastSlots'>; readonly log: Log }) {
    this.#recorder = recorder;
    this.#lastSlots = recorder.lastSlots;
    this.#log = log;
  }

  /** Another collector has read until now: what counts is what is on record at this moment. */
  again(lastSlots: Promise<ReadonlyMap<string, number>>): void {
    this.#lastSlots = lastSlots;
    this.#begun.clear();
  }

  /** To be told of every slot. Only a meter's first one counts; uneven slots have no distance to count by. */
  async begin(meters: readonly Meter[], slot: number): Promise<void> {
    const fresh = meters.filter(({ name }) => !this.#begun.has(name));
    if (fresh.length === 0) return;
    for (const { name } of fresh) this.#begun.add(name);
    const lastSlots = await this.#lastSlots;
    const gaps = fresh.flatMap((meter): Gap[] => {
      const last = lastSlots.get(meter.name);
      const { intervalMs } = meter.schedule;
      if (last === undefined || intervalMs === null) return [];
      const span = slotsSince(last, slot, intervalMs);
      return span ? [{ meter, ...span, reason: 'down' }] : [];
    });
    if (gaps.length === 0) return;
    const slots = gaps.reduce((sum, gap) => sum + gap.slots, 0);
    this.#log.info('slots passed while the collector was down', { meters: gaps.length, slots });
    // Meter by meter: after months, the rows of all together would be more than one statement should carry.
    for (const gap of gaps) await this.#recorder.record({ polls: [], gaps: [gap] });
  }
}
