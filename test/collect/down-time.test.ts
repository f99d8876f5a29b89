import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DownTime } from '../../src/collect/down-time.js';
import type { Beginning } from '../../src/record/account.js';
import { meter } from '../support/metric.js';

const every = (seconds: number | null) => ({
  text: '',
  cron: '',
  intervalMs: seconds === null ? null : seconds * 1000,
  timezone: 'UTC',
});
const main = meter({ name: 'main', schedule: every(10) });
const uneven = meter({ name: 'uneven', schedule: every(null) });

function watched() {
  const told: string[] = [];
  const begin = (beginnings: readonly Beginning[]) => {
    told.push(...beginnings.map(({ meter: { name }, slot, intervalMs }) => `${name} at ${slot}, every ${intervalMs}`));
  };
  return { told, downTime: new DownTime({ begin, beginAgain: () => told.push('again') }) };
}

test("a meter's first slot is told, no further one, and none of uneven slots", () => {
  const { told, downTime } = watched();
  downTime.begin([main, uneven], () => 10_000);
  downTime.begin([main, uneven], () => 20_000);
  assert.deepEqual(told, ['main at 10000, every 10000']);
  downTime.again();
  downTime.begin([main], () => 30_000);
  assert.deepEqual(told.slice(1), ['again', 'main at 30000, every 10000']);
});

test('a read by hand while nothing is scheduled tells nothing', () => {
  const { told, downTime } = watched();
  downTime.begin([main], () => null);
  downTime.begin([main], () => 20_000);
  assert.deepEqual(told, ['main at 20000, every 10000']);
});
