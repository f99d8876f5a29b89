// A Service for tests of its HTTP side: real latest values, a state that the test sets, and meters whose answers the test
// decides. Keeps nothing in a database.

import { Latest } from '../../src/collect/latest.js';
import type { Service } from '../../src/http/service.js';
import type { MeterInfo, MetricInfo } from '../../src/model/meter.js';
import type { MissingReason, Poll } from '../../src/model/poll.js';
import type { CollectRequest, CollectRow, MeterStatus, ServiceStatus } from '../../src/model/status.js';

export const metricInfo = (name: string, unit = 'V', fields: Partial<MetricInfo> = {}): MetricInfo => ({
  name,
  description: '',
  unit,
  dataType: 'FLOAT32',
  kind: { type: 'gauge' },
  ...fields,
});

export const meterInfo = (name: string, metrics: readonly MetricInfo[]): MeterInfo => ({
  name,
  host: '192.0.2.7',
  port: 502,
  unitId: 1,
  mapName: 'test',
  metrics,
});

export class ServiceInHand implements Service {
  readonly latest: Latest;
  readonly meters: readonly MeterInfo[];
  /** Overrides of the state. */
  state: Partial<ServiceStatus> = {};
  readonly meterStates = new Map<string, Partial<MeterStatus>>();
  /** What `readNow` and `collect` find: values, null for a metric without one, or an error. */
  answer: (meter: MeterInfo) => readonly (number | null)[] | string = () => 'timeout after 1000 ms';
  /** How the rows of `collect` come out. */
  row: (row: CollectRow) => CollectRow = (row) => row;
  /** Awaited between a collect's iterations. */
  wait: (ms: number, signal: AbortSignal) => Promise<void> = async () => {};
  readonly collects: CollectRequest[] = [];
  readonly reads: string[] = [];
  readonly now: () => number;

  constructor(meters: readonly MeterInfo[], now: () => number) {
    this.meters = meters;
    this.latest = new Latest(meters);
    this.now = now;
  }

  poll(meter: MeterInfo, slot: number, values: readonly (number | null)[]): void {
    const missing = new Map<number, MissingReason>();
    for (const [index, value] of values.entries()) if (value === null) missing.set(index, 'not available');
    const poll: Poll = {
      meter,
      slot,
      readAt: slot,
      durationMs: 3,
      requests: 1,
      values: Float64Array.from(values, (value) => value ?? Number.NaN),
      missing,
      error: null,
    };
    this.latest.update(poll);
  }

  status(): ServiceStatus {
    return {
      status: 'ok',
      reasons: [],
      version: '0.2.0',
      startedAt: this.now() - 3_600_000,
      uptimeSeconds: 3600,
      schedule: { last: this.now(), next: this.now() + 15_000, cycles: 240, missed: 1, overran: 2, lastDurationMs: 41 },
      meters: this.meters.map((meter) => ({
        name: meter.name,
        host: meter.host,
        port: meter.port,
        unitId: meter.unitId,
        schedule: '15s',
        state: 'online',
        since: this.now() - 3_600_000,
        why: null,
        lastSuccess: this.now(),
        lastError: null,
        roundTripMs: 2.5,
        nextSlot: this.now() + 15_000,
        counters: {
          polls: 240,
          requests: 480,
          readings: 240 * meter.metrics.length,
          missedSlots: 1,
          overrunSlots: 0,
          missing: { timeout: 3, 'exception 2': 4 },
        },
        ...this.meterStates.get(meter.name),
      })),
      database: { dialect: 'sqlite', state: 'connected', since: this.now(), lastError: null, writeMs: 1.5 },
      spool: { readings: 0, bytes: 0, oldest: null, dropped: 0, deadLetters: 0 },
      lost: 0,
      ...this.state,
    };
  }

  async readNow(name: string): Promise<string | null> {
    this.reads.push(name);
    const meter = this.meters.find((candidate) => candidate.name === name);
    if (!meter) throw new Error(`no meter ${name}`);
    const answer = this.answer(meter);
    if (typeof answer === 'string') return answer;
    this.poll(meter, this.now(), answer);
    return null;
  }

  async collect(request: CollectRequest): Promise<readonly CollectRow[]> {
    this.collects.push(request);
    const rows: CollectRow[] = [];
    for (let iteration = 1; iteration <= request.iterations && !request.signal.aborted; iteration++) {
      if (iteration > 1) await this.wait(request.waitMs, request.signal);
      for (const meter of this.meters) {
        if (request.meters?.includes(meter.name) === false) continue;
        rows.push(this.row(await this.#collectOne(meter, iteration)));
      }
    }
    return rows;
  }

  async #collectOne(meter: MeterInfo, iteration: number): Promise<CollectRow> {
    const error = await this.readNow(meter.name);
    const expected = meter.metrics.length;
    return {
      iteration,
      meter: meter.name,
      slot: this.now(),
      durationMs: 3,
      requests: 1,
      expected,
      stored: error === null ? expected : 0,
      spooled: 0,
      lost: 0,
      missing: error === null ? {} : { timeout: expected },
      error,
    };
  }
}
