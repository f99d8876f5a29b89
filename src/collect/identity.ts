// Metrics that are read once (at start, after each reconnect, daily), and what they say about which device answers: its
// serial number, model and firmware. A serial number or firmware that differs from the last known one becomes an event.

import { decodeMetric } from '../codec/decode.js';
import type { Block, Learned } from '../model/block.js';
import type { Clock } from '../model/clock.js';
import type { Meter, Metric } from '../model/meter.js';
import type { MeterEvent } from '../model/poll.js';
import { limitsOf, planBlocks } from '../plan/blocks.js';
import { type MeterLink, type MeterRequests, meaningOf, type RequestOutcome } from './request.js';

/** Which device answers, as far as its register map names the metrics; null: not known. */
export interface DeviceIdentity {
  readonly serialNumber: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
}

export interface IdentityRead {
  /** What changed since the last known identity. */
  readonly events: readonly MeterEvent[];
  /** The newest request that brought nothing; null: all brought something. */
  readonly failed: RequestOutcome | null;
}

export const unknownIdentity: DeviceIdentity = { serialNumber: null, model: null, firmware: null };

export interface IdentityInit {
  readonly meter: Meter;
  readonly link: MeterLink;
  readonly clock: Clock;
  /** What was known of the meter before this process read it. */
  readonly known: DeviceIdentity;
}

const DAY_MS = 86_400_000;
/** After metrics that could not be read: first, then four times as long each time, at most a day. */
const FIRST_RETRY_MS = 600_000;

export class IdentityReader {
  readonly #init: IdentityInit;
  readonly #values = new Map<string, string | number>();
  #identity: DeviceIdentity;
  /** On the monotonic clock, ms: not read before, unless the link was connected anew. */
  #dueAt = Number.NEGATIVE_INFINITY;
  #connects = Number.NaN;
  #failures = 0;
  /** What the newest read said; null: the serial number was not read. */
  #newestSerial: string | null = null;

  constructor(init: IdentityInit) {
    this.#init = init;
    this.#identity = init.known;
  }

  /** Newest values of the `once` metrics by name: numbers, or texts (also of labels). */
  get values(): ReadonlyMap<string, string | number> {
    return this.#values;
  }

  get identity(): DeviceIdentity {
    return this.#identity;
  }

  /** Whether the metrics are to be read in this poll. */
  get isDue(): boolean {
    const { meter, link, clock } = this.#init;
    if ((meter.onceMetrics?.length ?? 0) === 0) return false;
    if (clock.monotonic() >= this.#dueAt || this.stranger !== null) return true;
    if (link.connects === this.#connects) return false;
    // Where the connection is closed after every poll, only a serial number that must match is worth a request each time.
    return meter.serialNumber !== undefined || (meter.keepConnection !== false && this.#failures === 0);
  }

  /** Why the values of this device are not the meter's; null: they are, or no serial number is configured. */
  get stranger(): string | null {
    const { serialNumber: wanted } = this.#init.meter;
    const found = this.#newestSerial;
    if (wanted === undefined || found === wanted) return null;
    return found === null
      ? `serial number ${wanted} is configured and none could be read: nothing is stored`
      : `serial number ${found} answers where ${wanted} is configured: nothing is stored`;
  }

  /** Reads all metrics, each block once. The ts of the events is `slot`. */
  async read(requests: MeterRequests, { learned, slot }: { learned: Learned; slot: number }): Promise<IdentityRead> {
    const { meter, link, clock } = this.#init;
    const metrics = meter.onceMetrics ?? [];
    let failed: RequestOutcome | null = null;
    this.#values.clear();
    for (const block of planBlocks(metrics, { ...limitsOf(meter), learned }).blocks) {
      const outcome = await requests.read(block, 0);
      if (outcome.kind === 'response') this.#decode(block, outcome.data);
      else failed = outcome;
      const meaning = meaningOf(outcome);
      if (meaning === 'silent' || meaning === 'ended') break;
    }
    this.#failures = failed === null ? 0 : this.#failures + 1;
    const waitMs = failed === null ? DAY_MS : Math.min(FIRST_RETRY_MS * 4 ** (this.#failures - 1), DAY_MS);
    this.#dueAt = clock.monotonic() + waitMs;
    this.#connects = link.connects;
    return { events: this.#changes(slot), failed };
  }

  #decode({ metrics, start }: Block, data: Buffer): void {
    const { meter } = this.#init;
    for (const index of metrics) {
      const metric = meter.onceMetrics?.[index] as Metric;
      const isBit = metric.function === 'coil' || metric.function === 'discrete';
      const at = metric.address - start;
      const own = isBit ? bitAt(data, at) : data.subarray(2 * at, 2 * (at + metric.size));
      const value = valueIn(metric, own, meter);
      if (value === null) this.#values.delete(metric.name);
      else this.#values.set(metric.name, value);
    }
  }

  #changes(ts: number): MeterEvent[] {
    const { meter } = this.#init;
    const before = this.#identity;
    const read = (name: string | null | undefined) => (name ? (this.#values.get(name)?.toString() ?? null) : null);
    const now: DeviceIdentity = {
      serialNumber: read(meter.identity?.serialNumber) ?? before.serialNumber,
      model: read(meter.identity?.model) ?? before.model,
      firmware: read(meter.identity?.firmware) ?? before.firmware,
    };
    this.#identity = now;
    this.#newestSerial = read(meter.identity?.serialNumber);
    const events: MeterEvent[] = [];
    const differs = (key: keyof DeviceIdentity) => now[key] !== null && now[key] !== before[key];
    if (differs('serialNumber'))
      events.push({ meter, ts, what: 'exchanged', before: before.serialNumber, after: now.serialNumber });
    if (differs('firmware')) events.push({ meter, ts, what: 'firmware', before: before.firmware, after: now.firmware });
    return events;
  }
}

const bitAt = (data: Buffer, bit: number): Buffer => Buffer.of(((data[bit >> 3] ?? 0) >> (bit & 7)) & 1);

/** null: the device has no value there. */
function valueIn(metric: Metric, data: Buffer, ratios: Pick<Meter, 'ctRatio' | 'ptRatio'>): string | number | null {
  if (metric.dataType === 'STRING') return textOf(metric, data);
  const { value } = decodeMetric(metric, data, ratios);
  return value === null ? null : (metric.labels?.get(value) ?? value);
}

/** Two characters a register, first one in the high byte unless the byte order is little; ends at a zero byte. */
function textOf({ wordOrder, byteOrder }: Metric, data: Buffer): string | null {
  const bytes = Buffer.from(data);
  if (byteOrder === 'little') bytes.swap16();
  if (wordOrder === 'little') {
    bytes.reverse();
    bytes.swap16();
  }
  const end = bytes.indexOf(0);
  const text = bytes.toString('latin1', 0, end < 0 ? bytes.length : end).trim();
  return text === '' ? null : text;
}
