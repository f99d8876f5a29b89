// What is written at once, as plain data that can cross to another thread: meters by key instead of whole.

import type { MeterInfo } from '../model/meter.js';
import type { Batch, MissingReason } from '../model/poll.js';

export interface PollRow {
  readonly meter: number;
  readonly slot: number;
  readonly readAt: number;
  readonly durationMs: number;
  readonly requests: number;
  readonly byHand: boolean;
  /** By index of the meter's metrics; NaN: no value. */
  readonly values: Float64Array;
  readonly missing: ReadonlyMap<number, MissingReason>;
  readonly error: string | null;
}

export interface Rows {
  /** Meters that the store may not know yet, by key. */
  readonly newMeters: readonly (readonly [key: number, meter: MeterInfo])[];
  readonly polls: readonly PollRow[];
  readonly gaps: readonly {
    readonly meter: number;
    readonly from: number;
    readonly until: number;
    readonly reason: string;
    readonly slots: number;
  }[];
  readonly events: readonly {
    readonly meter: number;
    readonly ts: number;
    readonly what: string;
    readonly before: string | null;
    readonly after: string | null;
  }[];
  /** See Batch.merge. */
  readonly merge?: 'keep' | 'replace';
}

/** A message longer than this is cut: it is for people, and a hostile meter could send any length. */
const MAX_ERROR_LENGTH = 500;

/** Gives every meter object a number, so that a batch names meters without describing them again. */
export class MeterKeys {
  readonly #keys = new Map<MeterInfo, number>();

  get size(): number {
    return this.#keys.size;
  }

  keyOf(meter: MeterInfo): number {
    let key = this.#keys.get(meter);
    if (key === undefined) {
      key = this.#keys.size;
      this.#keys.set(meter, key);
    }
    return key;
  }

  /** The meters with a key of at least `from`, described as the store needs them. */
  since(from: number): readonly (readonly [number, MeterInfo])[] {
    return [...this.#keys].slice(from).map(([meter, key]) => [key, describe(meter)]);
  }
}

/** A MeterInfo without what only reading the meter takes. */
export const describe = (meter: MeterInfo): MeterInfo => ({
  name: meter.name,
  host: meter.host,
  port: meter.port,
  unitId: meter.unitId,
  mapName: meter.mapName,
  ...(meter.mapHash === undefined ? {} : { mapHash: meter.mapHash }),
  ...(meter.ctRatio === undefined ? {} : { ctRatio: meter.ctRatio }),
  ...(meter.ptRatio === undefined ? {} : { ptRatio: meter.ptRatio }),
  ...(meter.was === undefined ? {} : { was: meter.was }),
  ...(meter.maxPowerW === undefined ? {} : { maxPowerW: meter.maxPowerW }),
  metrics: meter.metrics.map(({ name, description, unit, dataType, kind, scaling, maximum, retired }) => ({
    name,
    description,
    unit,
    dataType,
    kind,
    ...(scaling === undefined ? {} : { scaling }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(retired === undefined ? {} : { retired }),
  })),
});

/** `newMeters` is left to the caller, which knows what the store was told before. */
export function toRows(batch: Batch, keys: MeterKeys): Omit<Rows, 'newMeters'> {
  return {
    polls: batch.polls.map((poll) => ({
      meter: keys.keyOf(poll.meter),
      slot: poll.slot,
      readAt: Math.round(poll.readAt),
      durationMs: Math.round(poll.durationMs),
      requests: poll.requests,
      byHand: poll.byHand === true,
      values: poll.values,
      missing: poll.missing,
      error: poll.error === null ? null : poll.error.slice(0, MAX_ERROR_LENGTH),
    })),
    gaps: batch.gaps.map(({ meter, from, until, reason, slots }) => {
      return { meter: keys.keyOf(meter), from, until, reason, slots };
    }),
    events: (batch.events ?? []).map(({ meter, ts, what, before, after }) => {
      return { meter: keys.keyOf(meter), ts: Math.round(ts), what, before, after };
    }),
    ...(batch.merge === undefined ? {} : { merge: batch.merge }),
  };
}
