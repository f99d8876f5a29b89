// One poll's requests to its meter: how often a failed one is tried again, how long one may take, and what an outcome says
// about the unit. Ends at the deadline or when the collector stops, whichever comes first.

import { ModbusFailure } from '../modbus/failure.js';
import type { Span } from '../model/block.js';
import type { Clock } from '../model/clock.js';
import { messageOf } from '../model/errors.js';
import type { Meter, RegisterFunction } from '../model/meter.js';
import type { MissingReason } from '../model/poll.js';

/** What polling needs of a link to a meter; src/modbus provides it. */
export interface MeterLink {
  /** Registers high byte first, bits packed with the first one in bit 0. Rejects with a ModbusFailure only. */
  read(request: LinkRequest, options: LinkOptions): Promise<Buffer>;
  /** Successful connects so far; a larger number than before: the link was connected anew. */
  readonly connects: number;
  disconnect(): void;
}

export interface LinkRequest extends Span {
  readonly unitId: number;
  readonly function: RegisterFunction;
}

export interface LinkOptions {
  readonly timeoutMs: number;
  readonly pauseMs: number;
  readonly signal: AbortSignal;
  readonly connectDelayMs?: number;
  readonly reconnectWaitMs?: number;
  readonly transactionId?: 'check' | 'ignore';
}

export type RequestOutcome =
  | { readonly kind: 'response'; readonly data: Buffer }
  | { readonly kind: 'failed'; readonly failure: ModbusFailure }
  | { readonly kind: 'ended'; readonly reason: 'deadline' | 'shutdown' };

export interface RequestsInit {
  readonly meter: Meter;
  readonly link: MeterLink;
  readonly clock: Clock;
  /** On the monotonic clock, ms: no attempt starts after it, and none waits beyond it. */
  readonly deadline: number;
  /** Aborts when the collector stops. */
  readonly signal: AbortSignal;
  /** Attempts after the first one that a failed request gets. */
  readonly retries: number;
  readonly timeoutMs: number;
}

export class MeterRequests {
  /** Attempts sent so far. */
  sent = 0;
  /** True: the unit itself said something, be it an exception of its own. */
  wasAnswered = false;
  /** True: deadline or shutdown ended a request before the unit had said anything. */
  wasCut = false;
  /** Of the newest answered request, ms; null: none. */
  roundTripMs: number | null = null;
  readonly #init: RequestsInit;
  readonly #options: Omit<LinkOptions, 'timeoutMs'>;
  #retries: number;

  constructor(init: RequestsInit) {
    const { meter, signal } = init;
    const { pauseMs, connectDelayMs, reconnectWaitMs, transactionId } = meter;
    this.#init = init;
    this.#retries = init.retries;
    this.#options = {
      pauseMs,
      signal,
      ...(connectDelayMs === undefined ? {} : { connectDelayMs }),
      ...(reconnectWaitMs === undefined ? {} : { reconnectWaitMs }),
      ...(transactionId === undefined ? {} : { transactionId }),
    };
  }

  /** Reads a span; `retries` beats the poll's. One call at a time. Never rejects. */
  async read({ function: table, start, count }: Span, retries = this.#retries): Promise<RequestOutcome> {
    const { clock, link, meter, timeoutMs, deadline, signal } = this.#init;
    const request: LinkRequest = { unitId: meter.unitId, function: table, start, count };
    for (let attempt = 0; ; attempt++) {
      const sentAt = clock.monotonic();
      const ended = this.#endedAt(sentAt);
      if (ended !== null) return this.#cut(ended);
      this.sent++;
      const remainingMs = deadline - sentAt;
      const options = { ...this.#options, timeoutMs: Math.min(timeoutMs, remainingMs) };
      try {
        const data = await link.read(request, options);
        this.#heard(sentAt);
        return { kind: 'response', data };
      } catch (error) {
        const failure = asFailure(error);
        if (failure.kind === 'aborted') return this.#cut(this.#endedAt(clock.monotonic()) ?? 'shutdown');
        if (failure.kind === 'exception' && !isGatewayCode(failure.exceptionCode)) this.#heard(sentAt);
        if (failure.kind === 'timeout' && remainingMs < timeoutMs) return this.#cut('deadline');
        const hasTime = clock.monotonic() + meter.retryWaitMs < deadline;
        // Busy is an answer: a meter that is known to be there always gets its retries.
        const allowed = isBusy(failure) ? meter.retries : retries;
        if (attempt >= allowed || !hasTime || !isWorthRetrying(failure)) {
          // A connection that keeps breaking would cost every further request its retries too.
          if (failure.kind !== 'exception') this.#retries = 0;
          return { kind: 'failed', failure };
        }
      }
      await clock.sleep(meter.retryWaitMs, signal);
    }
  }

  #heard(sentAt: number): void {
    this.wasAnswered = true;
    this.roundTripMs = this.#init.clock.monotonic() - sentAt;
  }

  #endedAt(now: number): 'deadline' | 'shutdown' | null {
    if (now >= this.#init.deadline) return 'deadline';
    return this.#init.signal.aborted ? 'shutdown' : null;
  }

  #cut(reason: 'deadline' | 'shutdown'): RequestOutcome {
    this.wasCut = !this.wasAnswered;
    return { kind: 'ended', reason };
  }
}

/**
 * What an outcome means for the rest of the poll.
 * - `answered` the data are there · `refused` the unit is alive and refuses this request: worth splitting
 * - `silent` no unit may be there (no response, no connection, or a gateway says so): the rest is not asked
 * - `failed` costs this request only · `ended` deadline or shutdown
 */
export function meaningOf(outcome: RequestOutcome): 'answered' | 'refused' | 'silent' | 'failed' | 'ended' {
  switch (outcome.kind) {
    case 'response':
      return 'answered';
    case 'ended':
      return 'ended';
    case 'failed': {
      const { kind, exceptionCode } = outcome.failure;
      if (kind === 'timeout' || kind === 'unreachable') return 'silent';
      if (kind !== 'exception') return 'failed';
      if (isGatewayCode(exceptionCode)) return 'silent';
      return isRefusalCode(exceptionCode) ? 'refused' : 'failed';
    }
  }
}

export const reasonOf = (outcome: Exclude<RequestOutcome, { kind: 'response' }>): MissingReason =>
  outcome.kind === 'ended' ? outcome.reason : outcome.failure.reason;

/** 10 gateway path unavailable, 11 gateway target failed to respond (Modbus Application Protocol V1.1b3 §7). */
const isGatewayCode = (code: number | null): boolean => code === 10 || code === 11;

/**
 * 2 illegal address, 3 illegal value (also: too many registers), 4 device failure; and vendors' own codes, which say the
 * same in more detail (Eaton PXR: 84, part of an object).
 */
const isRefusalCode = (code: number | null): boolean => code === 2 || code === 3 || code === 4 || (code ?? 0) > 11;

/** 5 acknowledge (still working on it), 6 busy. */
const isBusy = ({ kind, exceptionCode }: ModbusFailure): boolean =>
  kind === 'exception' && (exceptionCode === 5 || exceptionCode === 6);

function isWorthRetrying(failure: ModbusFailure): boolean {
  switch (failure.kind) {
    case 'exception':
      return isBusy(failure) || isGatewayCode(failure.exceptionCode);
    case 'aborted':
    case 'bad-request':
      return false;
    default:
      return true;
  }
}

const asFailure = (error: unknown): ModbusFailure =>
  error instanceof ModbusFailure
    ? error
    : new ModbusFailure({ kind: 'bad-answer', message: messageOf(error), cause: error });
