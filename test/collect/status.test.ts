import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceStatus } from '../../src/collect/status.js';
import type { RecorderState } from '../../src/record/recorder.js';

const NOON = Date.UTC(2026, 10, 30, 12);

function stateWith(state: RecorderState['database']['state'], readings: number) {
  const { status, reasons } = serviceStatus({
    now: NOON + 5000,
    monotonic: 5000,
    startedAt: NOON,
    startedMonotonic: 0,
    collected: [],
    figures: { cycles: 0, lastSlot: null, lastDurationMs: null, endedAt: new Map() },
    recorder: {
      database: { dialect: 'sqlite', state, since: NOON, lastError: null, writeMs: null },
      spool: { readings, bytes: readings * 10, oldest: readings > 0 ? NOON : null, dropped: 0, deadLetters: 0 },
      lost: 0,
      waiting: { readings: 0, since: null },
    },
    losses: null,
    nextSlotOf: () => null,
    role: null,
  });
  return [status, ...reasons];
}

test('the state is ok only while the database has all that was read', () => {
  assert.deepEqual(stateWith('connected', 0), ['ok']);
  assert.deepEqual(stateWith('connected', 21), [
    'degraded',
    'the spool holds 21 readings since 2026-11-30T12:00:00.000Z that the database has yet to take',
  ]);
  assert.deepEqual(stateWith('away', 21), ['degraded', 'the database is away for 5 s, the spool holds 21 readings']);
});
