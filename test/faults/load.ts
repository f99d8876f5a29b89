// What a recording child writes, so that its parent can tell exactly what must be in the database afterwards.

import type { MeterInfo } from '../../src/model/meter.js';
import type { Poll } from '../../src/model/poll.js';
import type { Dialect } from '../../src/store/store.js';
import { meterInfo, pollOf } from '../support/polls.js';

export interface Load {
  readonly dialect: Dialect;
  readonly meters: number;
  readonly metrics: number;
  readonly intervalMs: number;
  /** Names of the meters start with it. */
  readonly prefix: string;
}

export const meterOf = (load: Load, index: number): MeterInfo =>
  meterInfo(`${load.prefix}/meter${index}`, load.metrics);

/** Every value says which reading it is: its sum over a slot shows one that is wrong or misplaced. */
export const pollAt = (meter: MeterInfo, index: number, slot: number): Poll =>
  pollOf(
    meter,
    slot,
    meter.metrics.map((_, metric) => valueAt(index, metric, slot)),
  );

export const valueAt = (meter: number, metric: number, slot: number): number =>
  (slot % 1_000_000) + meter * 0.001 + metric * 0.25;
