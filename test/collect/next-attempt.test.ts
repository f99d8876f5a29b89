import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollectedMeter, PollTask } from '../../src/collect/collected-meter.js';
import { linkUp, startingHealth } from '../../src/collect/health.js';
import { nextAttempt, type QueueState } from '../../src/collect/next-attempt.js';
import { unreadPoll } from '../../src/collect/poll-values.js';
import type { MissingReason } from '../../src/model/poll.js';
import { meter, metric } from '../support/metric.js';

const NOW = 50_000;

interface Given {
  readonly state?: 'starting' | 'online' | 'failing' | 'offline';
  readonly isSlow?: boolean;
  readonly lastAsked?: number;
  readonly roundTripMs?: number;
  /** Not to be asked before, from its health. */
  readonly probeAt?: number;
  readonly deadline?: number;
  readonly byHand?: boolean;
  /** A first attempt brought nothing. */
  readonly isTried?: boolean;
  readonly notBefore?: number;
}

function task(name: string, given: Given = {}): PollTask {
  const { state = 'online', probeAt = Number.NEGATIVE_INFINITY, deadline = NOW + 10_000, byHand = false } = given;
  const subject = meter({ name, metrics: [metric()], timeoutMs: 1000 });
  const collected = new CollectedMeter(subject, { poll: () => assert.fail() }, 0);
  collected.health = { ...startingHealth(0), state, notBefore: probeAt };
  collected.isSlow = given.isSlow ?? false;
  collected.lastAsked = given.lastAsked ?? 0;
  collected.roundTripMs = given.roundTripMs ?? null;
  const made = new PollTask({ meter: collected, slot: 0, deadline, arrived: NOW, byHand });
  if (given.isTried) made.poll = unreadPoll(subject, { slot: 0, readAt: 0, reason: 'timeout', error: 'timeout' });
  made.notBefore = given.notBefore ?? Number.NEGATIVE_INFINITY;
  return made;
}

/** In words: `try a (timeout 1000, until 60000)`, `end a: deadline`, `wait until 51000`. */
function decided(tasks: readonly PollTask[], given: Partial<QueueState> = {}): string {
  const next = nextAttempt(
    {
      tasks,
      meters: tasks.map(({ meter: collected }) => collected),
      link: linkUp,
      lastConnectFailure: Number.NEGATIVE_INFINITY,
      allowanceMs: 100,
      nextSlotAt: () => NOW + 8000,
      isStopping: false,
      ...given,
    },
    NOW,
  );
  switch (next?.do) {
    case undefined:
      return 'nothing';
    case 'wait':
      return `wait until ${next.until - NOW}`;
    case 'finish':
      return `end ${next.task.meter.meter.name}: ${next.reason satisfies MissingReason}`;
    case 'attempt': {
      const rationed = next.isRationed ? ', rationed' : '';
      return `try ${next.task.meter.meter.name} for ${next.timeoutMs} until ${next.deadline - NOW}${rationed}`;
    }
  }
}

const down = { state: 'down', failures: 1, notBefore: NOW + 500 } as const;

const cases: readonly [situation: string, tasks: readonly PollTask[], given: Partial<QueueState>, expected: string][] =
  [
    ['no task', [], {}, 'nothing'],
    ['one task', [task('a')], {}, 'try a for 1000 until 10000'],
    [
      'online before new, new before slow, slow before a second attempt',
      [
        task('second', { isTried: true }),
        task('slow', { isSlow: true }),
        task('new', { state: 'starting' }),
        task('healthy'),
      ],
      {},
      'try healthy for 1000 until 10000',
    ],
    [
      'new before slow',
      [task('slow', { isSlow: true }), task('new', { state: 'starting' })],
      {},
      'try new for 1000 until 10000',
    ],
    [
      'slow before a second attempt',
      [task('second', { isTried: true }), task('slow', { isSlow: true })],
      {},
      'try slow for 1000 until 10000',
    ],
    [
      'a second attempt before a failing meter',
      [task('failing', { state: 'failing' }), task('second', { isTried: true })],
      {},
      'try second for 1000 until 8000',
    ],
    [
      'failing before offline',
      [
        task('offline', { state: 'offline' }),
        task('failing', { state: 'failing' }),
        task('other', { isTried: true, notBefore: NOW + 1 }),
      ],
      {},
      'try failing for 1000 until 8000, rationed',
    ],
    [
      'the earlier deadline first',
      [task('later'), task('sooner', { deadline: NOW + 5000 })],
      {},
      'try sooner for 1000 until 5000',
    ],
    [
      'of equals, the one that waited longest',
      [task('a', { lastAsked: 20 }), task('b', { lastAsked: 10 })],
      {},
      'try b for 1000 until 10000',
    ],
    ['no time left', [task('a', { deadline: NOW + 90 })], {}, 'end a: deadline'],
    [
      'little time left, for a meter that is known to be quick',
      [task('a', { deadline: NOW + 90, roundTripMs: 5 })],
      {},
      'try a for 1000 until 90',
    ],
    ['the collector stops', [task('a')], { isStopping: true }, 'end a: shutdown'],
    [
      'an offline meter before its probe is due',
      [task('a', { state: 'offline', probeAt: NOW + 1 })],
      {},
      'end a: offline',
    ],
    [
      'the same by hand',
      [task('a', { state: 'offline', probeAt: NOW + 1, byHand: true })],
      {},
      'try a for 1000 until 10000',
    ],
    [
      'a link that could not be connected before',
      [task('a')],
      { link: down, lastConnectFailure: NOW - 1 },
      'end a: offline',
    ],
    [
      'the same by hand: one attempt to connect',
      [task('a', { byHand: true })],
      { link: down, lastConnectFailure: NOW - 1 },
      'try a for 1000 until 10000',
    ],
    [
      'a link that could not be connected for this very task',
      [task('a', { isTried: true })],
      { link: down, lastConnectFailure: NOW + 1 },
      'wait until 500',
    ],
    ['a second attempt that is not ready', [task('a', { isTried: true, notBefore: NOW + 700 })], {}, 'wait until 700'],
    ['waiting ends at the deadline', [task('a', { isTried: true, notBefore: NOW + 20_000 })], {}, 'wait until 10000'],
    [
      'a probe with the share for silent meters spent',
      [task('dead', { state: 'offline' }), task('healthy', { isTried: true, notBefore: NOW + 1 })],
      { allowanceMs: 0 },
      'end dead: offline',
    ],
    [
      'the share does not count where no meter of the link answers',
      [task('dead', { state: 'offline' })],
      { allowanceMs: 0 },
      'try dead for 1000 until 8000',
    ],
    [
      'a probe that would run into a neighbour’s next slot',
      [task('dead', { state: 'offline' })],
      { nextSlotAt: () => NOW + 50 },
      'end dead: offline',
    ],
  ];

for (const [situation, tasks, given, expected] of cases) {
  test(`next attempt: ${situation}`, () => assert.equal(decided(tasks, given), expected));
}

test('next attempt: once one was silent, new meters share the time that is left', () => {
  const fresh = Array.from({ length: 20 }, (_, i) => task(`new${i}`, { state: 'starting' }));
  assert.equal(decided(fresh), 'try new0 for 1000 until 10000');
  const silent = task('silent', { state: 'starting', isTried: true });
  assert.equal(decided([silent, ...fresh]), 'try new0 for 500 until 10000');
});
