import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollectedMeter } from '../../src/collect/collected-meter.js';
import { startingHealth } from '../../src/collect/health.js';
import { LossWatch, type StatusSources, serviceStatus } from '../../src/collect/status.js';
import type { RecorderState } from '../../src/record/recorder.js';
import { meter } from '../support/metric.js';

const NOON = Date.UTC(2026, 10, 30, 12);

function stateWith(state: RecorderState['database']['state'], readings: number, given: Partial<StatusSources> = {}) {
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
    disks: [],
    nextSlotOf: () => null,
    role: null,
    ...given,
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

function unit(name: string, unitId: number, host: string, why: string | null): CollectedMeter {
  const collected = new CollectedMeter(meter({ name, unitId, host }), { poll: () => assert.fail() }, NOON);
  collected.health = { ...startingHealth(NOON), state: why === null ? 'online' : 'offline', why };
  return collected;
}

test('a dead gateway is one line with its meters, a dead meter behind a live one a line of its own', () => {
  const dead = Array.from({ length: 7 }, (_, i) => unit(`A/${i + 1}`, i + 1, '10.0.0.1', 'no connection'));
  const mixed = [unit('B/1', 1, '10.0.0.2', null), unit('B/2', 2, '10.0.0.2', 'timeout')];
  assert.deepEqual(stateWith('connected', 0, { collected: [...dead, ...mixed] }), [
    'degraded',
    '10.0.0.1:502 is offline since 2026-11-30T12:00:00Z: no connection (no answer from its 7 meters: A/1, A/2, A/3, A/4, A/5 and 2 more)',
    'B/2 is offline since 2026-11-30T12:00:00Z: timeout',
  ]);
});

test('a device that is not the configured one is named', () => {
  const collected = unit('A/1', 1, '10.0.0.1', null);
  collected.stranger = 'serial number B2 answers where A1 is configured: nothing is stored';
  assert.deepEqual(stateWith('connected', 0, { collected: [collected] }), [
    'degraded',
    'A/1: serial number B2 answers where A1 is configured: nothing is stored',
  ]);
});

test('losses fail while they last, degrade for five minutes with their time, and are then over', () => {
  const watch = new LossWatch();
  const look = (lost: number, ms: number) =>
    watch.look(
      {
        database: { dialect: 'sqlite', state: 'away', since: NOON, lastError: null, writeMs: null },
        spool: { readings: 0, bytes: 0, oldest: null, dropped: 0, deadLetters: 0 },
        lost,
        waiting: { readings: 0, since: null },
      },
      { now: NOON + ms, monotonic: ms },
    );
  const at = (ms: number) => stateWith('connected', 0, { now: NOON + ms, monotonic: ms, losses: watch.losses });
  look(0, 0);
  assert.deepEqual(at(0), ['ok']);
  look(21, 10_000);
  look(42, 20_000);
  assert.deepEqual(at(25_000), [
    'failing',
    'readings are being lost since 2026-11-30T12:00:10Z, 42 so far: see lost and spool',
  ]);
  look(42, 60_000);
  assert.deepEqual(at(60_000), [
    'degraded',
    '42 readings were lost from 2026-11-30T12:00:10Z until 2026-11-30T12:00:20Z; reported until 2026-11-30T12:05:20Z',
  ]);
  assert.deepEqual(at(320_000), ['ok']);
});

test('a disk with less than a twentieth of its space free is told of before it is full', () => {
  const disk = (freeBytes: number) => [{ directory: '/var/lib/emdc', freeBytes, sizeBytes: 1e9 }];
  assert.deepEqual(stateWith('connected', 0, { disks: disk(51e6) }), ['ok']);
  assert.deepEqual(stateWith('connected', 0, { disks: disk(49e6) }), [
    'degraded',
    'the disk of /var/lib/emdc is nearly full: 49 MB free, 4.9 %',
  ]);
});
