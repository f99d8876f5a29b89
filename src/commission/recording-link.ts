// A link that remembers what passed: which requests, how long each took, and every register as it was sent. Put between a
// poller and its link where a person wants to see the raw side of a poll.

import type { DeviceIdentity, Link, ReadOptions, ReadRequest } from '../modbus/reader.js';
import type { Clock } from '../model/clock.js';
import { messageOf } from '../model/errors.js';
import type { RegisterFunction } from '../model/meter.js';

export interface RecordedRequest extends ReadRequest {
  readonly durationMs: number;
  /** null: it was answered. */
  readonly error: string | null;
}

export class RecordingLink implements Link {
  readonly key: string;
  readonly requests: RecordedRequest[] = [];
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #registers = new Map<string, number>();

  constructor(link: Link, clock: Clock) {
    this.key = link.key;
    this.#link = link;
    this.#clock = clock;
  }

  get connects(): number {
    return this.#link.connects;
  }

  async read(request: ReadRequest, options: ReadOptions): Promise<Buffer> {
    const begun = this.#clock.monotonic();
    const note = (error: string | null) =>
      this.requests.push({ ...request, durationMs: this.#clock.monotonic() - begun, error });
    try {
      const data = await this.#link.read(request, options);
      note(null);
      this.#remember(request, data);
      return data;
    } catch (error) {
      note(messageOf(error));
      throw error;
    }
  }

  identify(unitId: number, options: ReadOptions): Promise<DeviceIdentity> {
    return this.#link.identify(unitId, options);
  }

  /** Registers (or bits as 0 and 1) as sent; null: not all of them were read. */
  registers(table: RegisterFunction, start: number, count: number): number[] | null {
    const found = Array.from({ length: count }, (_, index) => this.#registers.get(`${table} ${start + index}`));
    return found.every((register) => register !== undefined) ? found : null;
  }

  disconnect(): void {
    this.#link.disconnect();
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  #remember({ function: table, start, count }: ReadRequest, data: Buffer): void {
    const bits = table === 'coil' || table === 'discrete';
    for (let index = 0; index < count; index++) {
      const value = bits ? ((data[index >> 3] ?? 0) >> (index & 7)) & 1 : data.readUInt16BE(2 * index);
      this.#registers.set(`${table} ${start + index}`, value);
    }
  }
}
