// A store in memory that keeps the store's contract and whose faults a test can switch: away, hanging, refusing, failing
// half-way. For what a real database cannot be made to do at a chosen instant; everything else is tested with real ones.

import type { MeterInfo } from '../../src/model/meter.js';
import type { Batch, Gap, MeterEvent, Poll } from '../../src/model/poll.js';
import { type MeterChange, type MeterIdentity, type Store, StoreFailure } from '../../src/store/store.js';

export class FaultyStore implements Store {
  readonly dialect = 'sqlite';
  /** `meter@slot` → poll: the first one written stays. */
  readonly polls = new Map<string, Poll>();
  /** `meter@from` → gap: of two that start together the longer one stays. */
  readonly gaps = new Map<string, Gap>();
  readonly events: MeterEvent[] = [];
  /** Polls of each write that was taken. */
  readonly writes: number[] = [];
  /** Meter names of each `setMeters`. */
  readonly meters: string[][] = [];
  away = false;
  /** While set, writes and checks wait for it. */
  gate: Promise<void> | null = null;
  refuses: (batch: Batch) => boolean = () => false;
  /** The next write fails with it. */
  failOnce: StoreFailure | null = null;
  /** The next write is taken and then fails, as when the connection breaks before the answer. */
  failAfterOnce = false;
  upkeep = 0;
  closed = false;

  /** `meter@slot` of polls and `meter@from+until` of gaps. */
  get rows(): Set<string> {
    const gaps = [...this.gaps.values()].map(({ meter, from, until }) => `${meter.name}@${from}+${until}`);
    return new Set([...this.polls.keys(), ...gaps]);
  }

  /** `meter/metric@slot` → value. */
  get readings(): Map<string, number> {
    const readings = new Map<string, number>();
    for (const { meter, slot, values } of this.polls.values()) {
      meter.metrics.forEach((metric, index) => {
        const value = values[index];
        if (value !== undefined && !Number.isNaN(value)) readings.set(`${meter.name}/${metric.name}@${slot}`, value);
      });
    }
    return readings;
  }

  async write(batch: Batch): Promise<void> {
    if (this.gate) await this.gate;
    this.#answer();
    const failure = this.failOnce;
    this.failOnce = null;
    if (failure) throw failure;
    if (this.refuses(batch)) throw new StoreFailure({ code: 'refused', message: 'value refused', remedy: 'stop' });
    this.writes.push(batch.polls.length);
    for (const poll of batch.polls) {
      const key = `${poll.meter.name}@${poll.slot}`;
      if (!this.polls.has(key)) this.polls.set(key, poll);
    }
    for (const gap of batch.gaps) {
      const key = `${gap.meter.name}@${gap.from}`;
      if (gap.until > (this.gaps.get(key)?.until ?? 0)) this.gaps.set(key, gap);
    }
    this.events.push(...(batch.events ?? []));
    if (this.failAfterOnce) {
      this.failAfterOnce = false;
      throw new StoreFailure({ code: 'broken', message: 'connection reset', remedy: 'spool' });
    }
  }

  async setMeters(meters: readonly MeterInfo[]): Promise<readonly MeterChange[]> {
    this.#answer();
    this.meters.push(meters.map(({ name }) => name));
    return [];
  }

  async newestSlots(meters: readonly string[]): Promise<ReadonlyMap<string, number>> {
    this.#answer();
    const newest = new Map<string, number>();
    const note = (name: string, slot: number) => {
      if (meters.includes(name)) newest.set(name, Math.max(slot, newest.get(name) ?? slot));
    };
    for (const { meter, slot } of this.polls.values()) note(meter.name, slot);
    for (const { meter, until } of this.gaps.values()) note(meter.name, until - 1);
    return newest;
  }

  async setVirtualMeters(): Promise<void> {}

  async identities(_meters: readonly string[]): Promise<ReadonlyMap<string, MeterIdentity>> {
    return new Map();
  }

  async newestPolls(meters: readonly MeterInfo[]): Promise<readonly Poll[]> {
    this.#answer();
    return meters.flatMap(({ name }) => {
      const polls = [...this.polls.values()].filter(({ meter }) => meter.name === name);
      return polls.sort((a, b) => b.slot - a.slot).slice(0, 1);
    });
  }

  async check(): Promise<void> {
    if (this.gate) await this.gate;
    this.#answer();
  }

  async maintain(): Promise<boolean> {
    this.upkeep++;
    return false;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  #answer(): void {
    if (this.away) throw new StoreFailure({ code: 'away', message: 'connection refused', remedy: 'spool' });
  }
}
