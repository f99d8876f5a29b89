// When a link may send its next request: pauses that a device wants, the silence between RTU frames, and the rest after a
// timeout in which a late response is let go by. A late response that cannot be told from the one to the next request
// (RTU has no transaction id, and `transactionId: ignore` does not look at it) must find nothing in flight.

import { systemClock } from '../model/clock.js';
import type { Endpoint } from '../model/meter.js';
import type { Connection } from './connection.js';
import { ExchangeError } from './connection.js';
import type { ModbusFailureKind } from './failure.js';
import type { ReadOptions } from './reader.js';
import { silenceMs } from './transport.js';

/** After a timeout or a bad frame: longer than a USB adapter keeps bytes back (16 ms) and a converter packs them (50 ms). */
const DRAIN_MS = 50;

interface Asked {
  readonly unitId: number;
  readonly functionCode: number;
}

export class Quiet {
  readonly #silenceMs: number;
  readonly #isRtu: boolean;
  /** On the monotonic clock: when the newest request ended. */
  #endedAt = Number.NEGATIVE_INFINITY;
  /** True after a timeout or a bad frame on RTU: the line may still carry the rest of it. */
  #needsDrain = false;
  /** Until when a late response to this unit and function may come. Without `asked`, to any. */
  #late: { readonly asked: Asked | null; readonly until: number } | null = null;

  constructor(endpoint: Endpoint) {
    this.#silenceMs = silenceMs(endpoint);
    this.#isRtu = this.#silenceMs > 0;
  }

  /** Waits until `pauseMs` have passed since the newest request ended. */
  async pause(pauseMs: number, signal: AbortSignal | undefined): Promise<void> {
    const restMs = this.#endedAt + pauseMs - performance.now();
    if (restMs > 0) await systemClock.sleep(restMs, signal);
  }

  ended(): void {
    this.#endedAt = performance.now();
  }

  failed(kind: ModbusFailureKind, asked: Asked, { timeoutMs, transactionId }: ReadOptions): void {
    if (kind === 'exception' || kind === 'unreachable') return;
    if (this.#isRtu) this.#needsDrain = true;
    if (kind !== 'timeout' || !(this.#isRtu || transactionId === 'ignore')) return;
    this.#late = { asked: this.#isRtu ? asked : null, until: performance.now() + timeoutMs };
  }

  /** Waits until the request may be sent. Rejects with an ExchangeError if the line never falls silent. */
  async settle(connection: Connection, asked: Asked, { timeoutMs, signal }: ReadOptions): Promise<void> {
    const startedAt = performance.now();
    const silence = this.#needsDrain ? Math.max(DRAIN_MS, this.#silenceMs) : this.#silenceMs;
    for (;;) {
      const now = performance.now();
      const quietAt = this.#isRtu ? Math.max(connection.lastByteAt, this.#needsDrain ? this.#endedAt : 0) + silence : 0;
      const restMs = Math.max(quietAt, this.#lateUntil(asked)) - now;
      if (restMs <= 0 || signal?.aborted) break;
      if (now - startedAt > 2 * timeoutMs + DRAIN_MS) {
        throw new ExchangeError('bad-answer', 'bad answer: the line never falls silent');
      }
      // Timers are cut to whole milliseconds.
      await systemClock.sleep(Math.ceil(restMs), signal);
    }
    this.#needsDrain = false;
  }

  #lateUntil({ unitId, functionCode }: Asked): number {
    if (this.#late === null) return 0;
    const { asked, until } = this.#late;
    return asked === null || (asked.unitId === unitId && asked.functionCode === functionCode) ? until : 0;
  }
}
