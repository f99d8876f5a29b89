// One unit's requests within one poll: how often a failed one is tried again, how long one may take, and what the outcome
// says about the unit. Ends at the deadline or when the collector stops, whichever comes first.

import { ModbusFailure } from '../modbus/failure.js';
import type { Asking, Link, ReadRequest } from '../modbus/reader.js';
import type { Span } from '../model/block.js';
import type { Clock } from '../model/clock.js';
import { messageOf } from '../model/errors.js';
import type { Meter } from '../model/meter.js';

export type Asked =
  | { readonly kind: 'answer'; readonly data: Buffer }
  | { readonly kind: 'failed'; readonly failure: ModbusFailure }
  | { readonly kind: 'cut'; readonly reason: 'deadline' | 'shutdown' };

export interface AskerInit {
  readonly meter: Meter;
  readonly link: Link;
  readonly clock: Clock;
  readonly deadline: number;
  readonly signal: AbortSignal;
  readonly retries: number;
  readonly timeoutMs: number;
}

/**
 * What a failure means for the rest of the poll.
 * - `silent` nobody may be there (no answer, no connection, or a gateway says so): the rest is not asked
 * - `refused` the unit is alive and refuses this request for its length or its registers: worth splitting
 * - `failed` anything else: costs this request only
 */
export function meaningOf(failure: ModbusFailure): 'silent' | 'refused' | 'failed' {
  switch (failure.kind) {
    case 'timeout':
    case 'unreachable':
      return 'silent';
    case 'exception':
      if (isGatewayCode(failure.exceptionCode)) return 'silent';
      return isRefusal(failure.exceptionCode) ? 'refused' : 'failed';
    default:
      return 'failed';
  }
}

/** Gateway path unavailable, gateway target failed to respond: the unit itself said nothing. */
const isGatewayCode = (code: number | null): boolean => code === 10 || code === 11;
/**
 * Illegal address, illegal value (also: too many registers), device failure; and vendors' own codes, which say the same in
 * more detail (Eaton PXR: 84, part of an object).
 */
const isRefusal = (code: number | null): boolean => code === 2 || code === 3 || code === 4 || (code ?? 0) > 11;
/** Acknowledge (still working on it) and busy. */
const isBusy = (code: number | null): boolean => code === 5 || code === 6;

/** Who has a unit asked. */
export interface Taker<S extends Span> {
  /** What came of asking for a span. False, where that is no answer: no further one is to be asked. */
  take(span: S, asked: Asked): boolean;
  /** Once: the first `count` spans were asked, and what came of them was taken. */
  asked(count: number): void;
  /** Instead, for a mistake in the program. */
  brokeDown(error: unknown): void;
}

export class Asker implements Asking {
  /** Sent so far, retries included. */
  requests = 0;
  /** The unit itself said something. */
  wasAnswered = false;
  /** The deadline or the stop of the collector ended this before the unit could show that it answers. */
  cut = false;
  roundTripMs: number | null = null;
  readonly #init: AskerInit;
  readonly #options: { timeoutMs: number; readonly pauseMs: number; readonly signal: AbortSignal };
  #retries: number;
  #spans: readonly Span[] = [];
  #count = 0;
  /** null: nobody waits for an answer. */
  #taker: Taker<Span> | null = null;
  /** The one under way: one at a time. */
  #request: ReadRequest | null = null;
  #tries = 0;
  #sentAt = 0;
  #remainingMs = 0;

  constructor(init: AskerInit) {
    this.#init = init;
    this.#options = { timeoutMs: init.timeoutMs, pauseMs: init.meter.pauseMs, signal: init.signal };
    this.#retries = init.retries;
  }

  /** Rejects for a mistake in the program only. */
  ask(span: Span): Promise<Asked> {
    return new Promise((resolve, reject) => {
      const take = (_: Span, asked: Asked) => {
        resolve(asked);
        return false;
      };
      this.askEach([span], { take, asked: () => {}, brokeDown: reject });
    });
  }

  /**
   * Asks one span after the other. An answer is taken while the next request is under way. No promises: one for each, and
   * for each part of the way, was a fifth of a poll's garbage.
   */
  askEach<S extends Span>(spans: readonly S[], taker: Taker<S>): void {
    this.#spans = spans;
    this.#count = 0;
    this.#taker = taker as Taker<Span>;
    this.#goOn('next');
  }

  /** Of its link. */
  answered(data: Buffer): void {
    this.#heard();
    this.#goOn({ kind: 'answer', data });
  }

  /** Of its link. */
  failed(error: unknown): void {
    const { clock, deadline, meter, timeoutMs } = this.#init;
    const failure = asFailure(error);
    if (failure.kind === 'aborted')
      return void this.#goOn(this.#cutBy(this.#stopReason(clock.monotonic()) ?? 'shutdown'));
    if (failure.kind === 'exception' && !isGatewayCode(failure.exceptionCode)) this.#heard();
    if (failure.kind === 'timeout' && this.#remainingMs < timeoutMs) return void this.#goOn(this.#cutBy('deadline'));
    const hasTime = clock.monotonic() + meter.retryWaitMs < deadline;
    // Busy is an answer: waiting for a meter that is known to be there is never spared.
    const retries = failure.kind === 'exception' && isBusy(failure.exceptionCode) ? meter.retries : this.#retries;
    if (this.#tries < retries && hasTime && worthRetrying(failure)) return void this.#again();
    // A connection that keeps breaking would cost every further request its retries too.
    if (failure.kind !== 'exception') this.#retries = 0;
    this.#goOn({ kind: 'failed', failure });
  }

  async #again(): Promise<void> {
    const { clock, meter, signal } = this.#init;
    this.#tries++;
    await clock.sleep(meter.retryWaitMs, signal);
    this.#goOn('again');
  }

  /**
   * With the next span, the request that is to be sent again, or what came of the one at hand. A mistake in what follows
   * costs this poll, and nothing of what called this.
   */
  #goOn(on: 'next' | 'again' | Asked): void {
    const taker = this.#taker;
    if (taker === null) return;
    let isUnderWay: boolean;
    try {
      if (on === 'next') isUnderWay = this.#next(taker);
      else isUnderWay = on === 'again' ? this.#unlessCut(this.#send(), taker) : this.#take(on, taker);
    } catch (error) {
      this.#taker = null;
      return void taker.brokeDown(error);
    }
    if (isUnderWay) return;
    this.#taker = null;
    taker.asked(this.#count);
  }

  /** True, as of those below: a request is under way. */
  #next(taker: Taker<Span>): boolean {
    const span = this.#spans[this.#count];
    return span !== undefined && this.#unlessCut(this.#begin(span), taker);
  }

  #take(asked: Asked, taker: Taker<Span>): boolean {
    const span = this.#spans[this.#count++] as Span;
    if (asked.kind !== 'answer') return taker.take(span, asked) && this.#next(taker);
    const next = this.#spans[this.#count];
    const cut = next === undefined ? null : this.#begin(next);
    taker.take(span, asked);
    return next !== undefined && this.#unlessCut(cut, taker);
  }

  #unlessCut(cut: Asked | null, taker: Taker<Span>): boolean {
    return cut === null || this.#take(cut, taker);
  }

  /** null: it was sent. */
  #begin({ function: table, start, count }: Span): Asked | null {
    this.#request = { unitId: this.#init.meter.unitId, function: table, start, count };
    this.#tries = 0;
    return this.#send();
  }

  #send(): Asked | null {
    const { clock, deadline, link, timeoutMs } = this.#init;
    const now = clock.monotonic();
    const stopped = this.#stopReason(now);
    if (stopped !== null) return this.#cutBy(stopped);
    this.#sentAt = now;
    this.#remainingMs = deadline - now;
    this.requests++;
    this.#options.timeoutMs = Math.min(timeoutMs, this.#remainingMs);
    link.ask(this.#request as ReadRequest, this.#options, this);
    return null;
  }

  #heard(): void {
    this.wasAnswered = true;
    this.roundTripMs = this.#init.clock.monotonic() - this.#sentAt;
  }

  /** The signal may also be the deadline's: what the clock says decides. */
  #stopReason(now: number): 'deadline' | 'shutdown' | null {
    if (now >= this.#init.deadline) return 'deadline';
    return this.#init.signal.aborted ? 'shutdown' : null;
  }

  #cutBy(reason: 'deadline' | 'shutdown'): Asked {
    this.cut = !this.wasAnswered;
    return { kind: 'cut', reason };
  }
}

const asFailure = (error: unknown): ModbusFailure =>
  error instanceof ModbusFailure
    ? error
    : new ModbusFailure({ kind: 'bad-answer', message: messageOf(error), cause: error });

function worthRetrying(failure: ModbusFailure): boolean {
  switch (failure.kind) {
    case 'exception':
      return isBusy(failure.exceptionCode) || isGatewayCode(failure.exceptionCode);
    case 'timeout':
    case 'unreachable':
    case 'disconnected':
    case 'bad-answer':
      return true;
    case 'aborted':
    case 'bad-request':
      return false;
  }
}
