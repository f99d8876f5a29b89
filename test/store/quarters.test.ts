import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { localDays } from '../../src/store/calendar.js';
import {
  QUARTER_MS,
  type QuarterTopic,
  rollUp,
  type StoredGap,
  type StoredPoll,
  slotsWithin,
} from '../../src/store/quarters.js';

const START = Date.UTC(2026, 10, 20);
const seed = Number(process.env['EMDC_TEST_SEED'] ?? Date.now() % 1e9);

const gauge = (position: number): QuarterTopic => ({
  id: 100 + position,
  position,
  kind: 'gauge',
  counterRange: null,
  maxPerHour: null,
});

test('property: count, minimum, maximum, mean, first, last and coverage equal those counted one by one', (t) => {
  t.diagnostic(`seed ${seed}`);
  const reason = fc.constantFrom('timeout', 'exception 2', 'not available');
  const reading = fc.oneof(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), reason);
  const poll = fc.array(reading, { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(poll, { maxLength: 40 }), (rows) => {
      const polls = rows.map((row, i): StoredPoll => {
        const missing: Record<string, number[]> = {};
        for (const [position, each] of row.entries())
          if (typeof each === 'string') missing[each] = [...(missing[each] ?? []), position];
        const readings = row.map((each) => (typeof each === 'string' ? null : each));
        return {
          slot: START + i * 10_000,
          expected: 3,
          stored: readings.filter((each) => each !== null).length,
          readings,
          missing,
        };
      });
      const { rollups, coverage } = rollUp({
        bucket: START,
        topics: [0, 1, 2].map(gauge),
        polls,
        gaps: [],
        accepted: new Map(),
        cuts: [],
        metrics: 3,
      });
      for (const position of [0, 1, 2]) {
        const values = rows.flatMap((row) => (typeof row[position] === 'number' ? [row[position] as number] : []));
        const found = rollups.find(({ topicId }) => topicId === 100 + position);
        assert.equal(found?.count ?? 0, values.length);
        if (!found) continue;
        assert.equal(found.min, Math.min(...values));
        assert.equal(found.max, Math.max(...values));
        assert.equal(found.first, values[0]);
        assert.equal(found.last, values.at(-1));
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        assert.ok(Math.abs(found.mean - mean) <= 1e-6 * Math.max(1, ...values.map(Math.abs)));
      }
      const expected = new Map<string, number>();
      for (const row of rows)
        for (const each of row) {
          const name = typeof each === 'string' ? each : '';
          expected.set(name, (expected.get(name) ?? 0) + 1);
        }
      const counted = new Map(
        coverage.filter(({ readings }) => readings > 0).map(({ reason: name, readings }) => [name, readings]),
      );
      assert.deepEqual([...counted].sort(), [...expected].sort());
      assert.equal(coverage.find(({ reason: name }) => name === '')?.slots ?? 0, rows.length);
    }),
    { seed, numRuns: 300 },
  );
});

test("property: a gap's slots, divided among quarters, add up to the gap's slots", (t) => {
  t.diagnostic(`seed ${seed}`);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 3_600_000 }),
      fc.integer({ min: 1, max: 5_000 }),
      fc.integer({ min: 500, max: 600_000 }),
      (offset, slots, spacing) => {
        const gap: StoredGap = { ts: START + offset, until: START + offset + slots * spacing, slots, reason: 'down' };
        let sum = 0;
        for (let bucket = START; bucket < gap.until; bucket += QUARTER_MS)
          sum += slotsWithin(gap, bucket, bucket + QUARTER_MS);
        assert.equal(sum, slots);
      },
    ),
    { seed, numRuns: 300 },
  );
});

test('a gap counts as many readings as the meter has metrics, in a quarter without polls too', () => {
  const gap = { ts: START, until: START + 2 * QUARTER_MS, slots: 180, reason: 'down' };
  const quarter = { topics: [], polls: [], gaps: [gap], accepted: new Map(), cuts: [], metrics: 21 };
  const { coverage } = rollUp({ ...quarter, bucket: START + QUARTER_MS });
  assert.deepEqual(coverage, [{ reason: 'down', slots: 90, readings: 90 * 21 }]);
});

const hoursOf = (timezone: string, day: string): number => {
  const noon = Date.parse(`${day}T12:00:00Z`);
  const found = localDays(timezone, noon - 86_400_000, noon + 86_400_000).find((each) => each.day === day);
  assert.ok(found, `${timezone} ${day}`);
  return (found.ends - found.starts) / 3_600_000;
};

test('local days have 23, 24 or 25 hours, or half an hour more or less', () => {
  assert.equal(hoursOf('Europe/Berlin', '2026-03-29') * 4, 92);
  assert.equal(hoursOf('Europe/Berlin', '2026-10-25') * 4, 100);
  assert.equal(hoursOf('Europe/Berlin', '2026-11-20'), 24);
  assert.equal(hoursOf('America/St_Johns', '2026-03-08'), 23);
  assert.equal(hoursOf('America/St_Johns', '2026-11-01'), 25);
  assert.equal(hoursOf('Australia/Lord_Howe', '2026-04-05'), 24.5);
  const [kathmandu] = localDays('Asia/Kathmandu', Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1, 1));
  assert.equal(kathmandu?.starts, Date.UTC(2025, 11, 31, 18, 15));
});

test('a year of local days has no hole and no day twice', () => {
  for (const timezone of ['Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Apia', 'UTC']) {
    const days = localDays(timezone, Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1));
    assert.ok(days.length >= 365);
    assert.equal(new Set(days.map(({ day }) => day)).size, days.length);
    for (const [i, { starts }] of days.entries()) if (i > 0) assert.equal(starts, days[i - 1]?.ends);
  }
});
