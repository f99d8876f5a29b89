// A store in memory whose faults a test can switch: away, hanging, refusing. For what a real database cannot be made to do
// at a chosen instant; everything else is tested with real ones.

import { type Store, type StoreBatch, StoreFailure } from '../../src/store/store.js';

export class FaultyStore implements Store {
  readonly dialect = 'sqlite';
  /** `meter/metric@slot` → value. */
  readonly readings = new Map<string, number>();
  /** `meter@slot` of polls, `meter@from+until` of gaps. */
  readonly rows = new Set<string>();
  readonly writes: number[] = [];
  away = false;
  /** While set, writes and checks wait for it. */
  gate: Promise<void> | null = null;
  refuses: (batch: StoreBatch) => boolean = () => false;
  failOnce: StoreFailure | null = null;
  slots = new Map<string, number>();
  closed = false;

  async write(batch: StoreBatch): Promise<void> {
    if (this.gate) await this.gate;
    this.#answer();
    if (this.failOnce) {
      const failure = this.failOnce;
      this.failOnce = null;
      throw failure;
    }
    if (this.refuses(batch)) throw new StoreFailure({ code: 'refused', message: 'value refused', remedy: 'stop' });
    this.writes.push(batch.polls.length);
    for (const { meter, slot } of batch.polls) this.rows.add(`${meter.name}@${slot}`);
    for (const { meter, slot, values } of [...batch.polls, ...(batch.parts ?? [])]) {
      meter.metrics.forEach((metric, index) => {
        const value = values[index];
        if (value !== undefined && !Number.isNaN(value))
          this.readings.set(`${meter.name}/${metric.name}@${slot}`, value);
      });
    }
    for (const { meter, from, until, slots } of batch.gaps)
      if (slots > 0) this.rows.add(`${meter.name}@${from}+${until}`);
  }

  async lastSlots(): Promise<ReadonlyMap<string, number>> {
    this.#answer();
    return this.slots;
  }

  async check(): Promise<void> {
    if (this.gate) await this.gate;
    this.#answer();
  }

  async maintain(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  #answer(): void {
    if (this.away) throw new StoreFailure({ code: 'away', message: 'connection refused', remedy: 'spool' });
  }
}
