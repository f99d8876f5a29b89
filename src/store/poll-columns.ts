// A poll as a row of the table: values by topic position. Polls of an import that meet a row join it here. Pure.

import type { Statements } from './statements.js';

/** A poll as the statements `polls` and `newestPolls` give it. */
export interface PollColumns {
  readonly meter_id: number | bigint;
  readonly slot: number | bigint | Date;
  readonly read_at: number | bigint | Date;
  readonly duration_ms: number | bigint;
  readonly requests: number | bigint;
  readonly expected: number | bigint;
  readonly stored: number | bigint;
  readonly by_hand: number | bigint | boolean;
  readonly readings: string | null;
  readonly missing: string | null;
  readonly error: string | null;
}

export interface PositionedPoll {
  readonly meterId: number;
  readonly slot: number;
  readonly readAt: number;
  readonly durationMs: number;
  readonly requests: number;
  readonly byHand: boolean;
  /** By topic position; null: no value. */
  readonly readings: readonly (number | null)[];
  /** Reason → positions. */
  readonly missing: Readonly<Record<string, readonly number[]>>;
  readonly error: string | null;
}

export const positionedPoll = (row: PollColumns): PositionedPoll => ({
  meterId: Number(row.meter_id),
  slot: Number(row.slot),
  readAt: Number(row.read_at),
  durationMs: Number(row.duration_ms),
  requests: Number(row.requests),
  byHand: Boolean(Number(row.by_hand)),
  readings: row.readings === null ? [] : JSON.parse(row.readings),
  missing: row.missing === null ? {} : JSON.parse(row.missing),
  error: row.error,
});

/** The columns of `Statements.insertPolls`. */
export function columnsOfPoll(poll: PositionedPoll, { formatReadings }: Pick<Statements, 'formatReadings'>) {
  const stored = poll.readings.filter((value) => value !== null).length;
  const missing = Object.values(poll.missing).reduce((sum, positions) => sum + positions.length, 0);
  return [
    poll.meterId,
    poll.slot,
    poll.readAt,
    poll.durationMs,
    poll.requests,
    stored + missing,
    stored,
    poll.byHand ? 1 : 0,
    stored === 0 ? null : formatReadings(poll.readings),
    missing === 0 ? null : JSON.stringify(poll.missing),
    poll.error,
  ];
}

/** The stored poll with the values of another one of the same meter and slot; null: that changes nothing. */
export function mergedPoll(
  stored: PositionedPoll,
  added: PositionedPoll,
  merge: 'keep' | 'replace',
): PositionedPoll | null {
  const length = Math.max(stored.readings.length, added.readings.length);
  const readings = Array.from({ length }, (_, position) => {
    const [old, value] = [stored.readings[position] ?? null, added.readings[position] ?? null];
    return merge === 'keep' ? (old ?? value) : (value ?? old);
  });
  if (readings.every((value, position) => Object.is(value, stored.readings[position] ?? null))) return null;
  const missing: Record<string, readonly number[]> = {};
  for (const [reason, positions] of Object.entries(stored.missing)) {
    const left = positions.filter((position) => (readings[position] ?? null) === null);
    if (left.length > 0) missing[reason] = left;
  }
  return { ...stored, readings, missing };
}
