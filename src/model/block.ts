// The words of planning, shared with the code that carries plans out.

import type { RegisterFunction } from './meter.js';

/** Registers (or bits) [start, start + count) of one table. */
export interface Span {
  readonly function: RegisterFunction;
  readonly start: number;
  readonly count: number;
}

/** One read request and the metrics it answers, as indexes of the meter's metrics. */
export interface Block extends Span {
  readonly metrics: readonly number[];
}

/** What a meter was found to refuse; kept across restarts. */
export interface Learned {
  /** Most registers it takes in one request; null: nothing found. */
  readonly maxRegisters: number | null;
  /** No request may touch these spans: the meter refuses any that does. Metrics inside are not asked for. */
  readonly refused: readonly Span[];
}

export type RefusalReason = 'exception' | 'silence';

/** One thing a meter refuses: requests that touch a span, or (span null) those of more registers than `maxRegisters`. */
export interface Refusal {
  readonly span: Span | null;
  readonly maxRegisters: number | null;
  /** When it was first seen, ms UTC. */
  readonly since: number;
  /** Asked again at, ms UTC. */
  readonly retryAt: number;
  /** How often it was asked again, and refused. */
  readonly retries: number;
  /** How it refuses: with an exception, or by not answering at all. Left out: an exception. */
  readonly reason?: RefusalReason;
}

export interface Plan {
  readonly blocks: readonly Block[];
  /** Metrics that lie in a refused span: not asked for, missing as `refused before`. */
  readonly unread: readonly number[];
  /** Metrics whose group cannot be read in one request: not asked for, missing as `group`. */
  readonly apart: readonly number[];
}
