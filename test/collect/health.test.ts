import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { afterConnect, afterPoll, type Health, linkUp, outcomeOf, startingHealth } from '../../src/collect/health.js';
import type { MissingReason } from '../../src/model/poll.js';
import { meterInfo, pollOf } from '../support/polls.js';

const context = { now: 5000, monotonic: 1000, intervalMs: 10_000, random: 0.5, why: 'timeout' };

/** The table in health.ts, row by row. */
const table: readonly (readonly [Health['state'], number, Parameters<typeof afterPoll>[1], Health['state']])[] = [
  ['starting', 0, 'answered', 'online'],
  ['starting', 0, 'silent', 'offline'],
  ['starting', 0, 'nothing', 'starting'],
  ['online', 0, 'answered', 'online'],
  ['online', 0, 'silent', 'failing'],
  ['online', 0, 'unreachable', 'failing'],
  ['online', 0, 'nothing', 'online'],
  ['failing', 1, 'answered', 'online'],
  ['failing', 1, 'silent', 'failing'],
  ['failing', 2, 'silent', 'offline'],
  ['failing', 2, 'unreachable', 'offline'],
  ['offline', 3, 'answered', 'online'],
  ['offline', 3, 'silent', 'offline'],
  ['offline', 3, 'nothing', 'offline'],
];

for (const [state, silent, outcome, expected] of table) {
  test(`a meter that is ${state} after ${silent} silent polls, ${outcome}: ${expected}`, () => {
    const before: Health = { ...startingHealth(1), state, silent };
    const after = afterPoll(before, outcome, context);
    assert.equal(after.state, expected);
    assert.equal(after.since, expected === state ? 1 : 5000);
    if (expected === 'online') assert.equal(after.why, null);
  });
}

test('probes: at the next slot, then at growing intervals, at least once a minute', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.constantFrom(1000, 10_000, 900_000),
      (random, intervalMs) => {
        let health: Health = { ...startingHealth(0), state: 'failing', silent: 2 };
        let longest = 0;
        for (let probe = 0; probe < 100; probe++) {
          health = afterPoll(health, 'silent', { ...context, random, intervalMs });
          const pause = health.notBefore - context.monotonic;
          if (probe === 0) assert.ok(pause < intervalMs);
          assert.ok(pause <= 60_000 && pause >= longest * 0.74);
          longest = pause;
        }
        assert.ok(longest > 40_000);
      },
    ),
  );
});

test('a link that is down does not lengthen its meters’ pauses, and is tried again at most every 15 s', () => {
  const offline: Health = { ...startingHealth(0), state: 'offline', silent: 9, pauseMs: 40_000, notBefore: 90_000 };
  assert.equal(afterPoll(offline, 'unreachable', context).notBefore, Number.NEGATIVE_INFINITY);
  let link = linkUp;
  for (let i = 0; i < 50; i++) {
    link = afterConnect(link, false, context);
    assert.ok(link.notBefore > context.monotonic && link.notBefore <= context.monotonic + 15_000);
  }
  assert.equal(afterConnect(link, true, context), linkUp);
});

test('what a poll says about its meter', () => {
  const said = (reasons: readonly MissingReason[], requests = 2) => {
    const poll = pollOf(
      meterInfo('m', reasons.length),
      0,
      reasons.map(() => Number.NaN),
    );
    return outcomeOf({ ...poll, requests, missing: new Map(reasons.map((reason, index) => [index, reason])) });
  };
  assert.equal(said(['timeout', 'exception 2']), 'answered');
  assert.equal(said(['not available']), 'answered');
  assert.equal(said(['exception 11', 'exception 10']), 'silent', 'the gateway says it for the unit');
  assert.equal(said(['bad answer']), 'silent');
  assert.equal(said(['unreachable']), 'unreachable');
  assert.equal(said(['deadline'], 1), 'silent', 'asked, and nothing came while there was time');
  assert.equal(said(['deadline'], 0), 'nothing');
  assert.equal(said(['shutdown']), 'nothing');
  assert.equal(said(['offline', 'refused before']), 'nothing');
  assert.equal(outcomeOf(pollOf(meterInfo('m'), 0, [Number.NaN, 1, Number.NaN])), 'answered');
});
