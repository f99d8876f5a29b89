// Tells the recorder when a meter's first slot comes, so that the slots before it, which passed while the collector was
// down, get their account.

import type { Meter } from '../model/meter.js';
import type { Recorder } from '../record/recorder.js';

export class DownTime {
  readonly #recorder: Pick<Recorder, 'begin' | 'beginAgain'>;
  readonly #begun = new Set<string>();

  constructor(recorder: Pick<Recorder, 'begin' | 'beginAgain'>) {
    this.#recorder = recorder;
  }

  /** Another collector has read until now. */
  again(): void {
    this.#recorder.beginAgain();
    this.#begun.clear();
  }

  /**
   * To be told of every slot, and of every read by hand with the slot that comes next: before anything that is read is
   * recorded, since that would hide what is missing before it. Only a meter's first one counts; uneven slots have no
   * distance to count by.
   */
  begin(meters: readonly Meter[], slotOf: (meter: Meter) => number | null): void {
    const fresh = meters.flatMap((meter) => {
      const { intervalMs } = meter.schedule;
      const slot = this.#begun.has(meter.name) || intervalMs === null ? null : slotOf(meter);
      return slot === null || intervalMs === null ? [] : [{ meter, slot, intervalMs }];
    });
    if (fresh.length === 0) return;
    for (const { meter } of fresh) this.#begun.add(meter.name);
    this.#recorder.begin(fresh);
  }
}
