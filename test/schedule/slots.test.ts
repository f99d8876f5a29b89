import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { passedOver, slotsSince } from '../../src/schedule/slots.js';

test('the slots between two are those of the grid, counted once', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1000, 15_000, 900_000),
      fc.nat(1_000_000),
      fc.integer({ min: -5, max: 500 }),
      (interval, first, distance) => {
        const last = first * interval;
        const slot = last + distance * interval;
        const span = passedOver(last, slot, interval);
        if (distance <= 1) return assert.equal(span, null);
        assert.deepEqual(span, { from: last + interval, until: slot, slots: distance - 1 });
      },
    ),
  );
});

test('a gap of years is cut to its newest months', () => {
  const span = passedOver(0, Date.UTC(2026, 0, 1), 1000);
  assert.equal(span?.slots, 92 * 86_400);
  assert.equal(span?.until, Date.UTC(2026, 0, 1));
});

test('after a cycle by hand, between slots, the grid goes on', () => {
  assert.deepEqual(slotsSince(17_345, 60_000, 15_000), { from: 30_000, until: 60_000, slots: 2 });
  assert.equal(slotsSince(17_345, 30_000, 15_000), null);
});
