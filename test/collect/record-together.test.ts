import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollectedMeter, PollTask } from '../../src/collect/collected-meter.js';
import { unreadPoll } from '../../src/collect/poll-values.js';
import { recordTogether } from '../../src/collect/record-together.js';
import type { Batch, Outcome } from '../../src/model/poll.js';
import { meter, metric } from '../support/metric.js';
import { VirtualClock } from '../support/virtual-clock.js';

interface Record {
  readonly at: number;
  readonly meters: readonly string[];
  readonly events: number;
  readonly flush: boolean;
}

function cycle(outcome: Outcome = 'stored') {
  const clock = new VirtualClock();
  const start = clock.now();
  const records: Record[] = [];
  const tasks = ['a', 'b', 'c'].map((name) => {
    const subject = meter({ name, metrics: [metric()] });
    const collected = new CollectedMeter(subject, { poll: () => assert.fail() }, 0);
    return new PollTask({ meter: collected, slot: 0, deadline: 0, arrived: 0, byHand: false });
  });
  const finish = (index: number) => {
    const task = tasks[index] as PollTask;
    task.finish(unreadPoll(task.meter.meter, { slot: 0, readAt: 0, reason: 'offline', error: null }));
  };
  const record = async ({ polls, events = [] }: Batch, { flush = false } = {}) => {
    records.push({ at: clock.now() - start, meters: polls.map((p) => p.meter.name), events: events.length, flush });
    return outcome;
  };
  const done = recordTogether(tasks, { clock, recorder: { record }, lingerMs: 1000, onPoll: () => {} });
  return { tasks, finish, records, done, runTo: (ms: number) => clock.runTo(start + ms) };
}

test('polls that finish together are one batch, with their events', async () => {
  const { tasks, finish, records, done, runTo } = cycle('spooled');
  const [task] = tasks as [PollTask];
  task.events.push({ meter: task.meter.meter, ts: 0, what: 'offline', before: null, after: null });
  await runTo(20);
  for (const index of [1, 0, 2]) finish(index);
  await done;
  assert.deepEqual(records, [{ at: 20, meters: ['b', 'a', 'c'], events: 1, flush: false }]);
  assert.equal((await task.recorded).outcome, 'spooled');
});

test('a straggler does not hold the others back, and is recorded when it ends', async () => {
  const { finish, records, done, runTo } = cycle();
  await runTo(10);
  finish(0);
  finish(1);
  await runTo(4500);
  finish(2);
  await done;
  assert.deepEqual(
    records.map(({ at, meters }) => [at, meters]),
    [
      [1000, ['a', 'b']],
      [4500, ['c']],
    ],
  );
});

test('what somebody waits for is written at once', async () => {
  const { tasks, finish, records, done } = cycle();
  (tasks[1] as PollTask).byHand = true;
  for (const index of [0, 1, 2]) finish(index);
  await done;
  assert.deepEqual(
    records.map(({ flush }) => flush),
    [true],
  );
});
