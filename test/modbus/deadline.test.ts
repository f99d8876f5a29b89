import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { Deadline } from '../../src/modbus/deadline.js';

/** Timers made by `work`. */
function timersOf(work: () => void): number {
  let timers = 0;
  const hook = createHook({ init: (_, type) => void (type === 'Timeout' && timers++) });
  hook.enable();
  work();
  hook.disable();
  return timers;
}

function deadlines(t: TestContext, count: number, onLate: (index: number) => void = () => {}): Deadline[] {
  const made = Array.from({ length: count }, (_, index) => new Deadline(() => onLate(index)));
  t.after(() => {
    for (const deadline of made) deadline.close();
  });
  return made;
}

const runningTimers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

test('a thousand waits share one timer, the next thousand too', (t) => {
  const all = deadlines(t, 1000);
  const round = () => {
    for (const deadline of all) deadline.start(60_000);
    for (const deadline of all) deadline.end();
  };
  assert.equal(timersOf(round), 1);
  assert.equal(timersOf(round), 0);
});

test('each is called when its own time is over, whatever was waited for before and beside it', async (t) => {
  const called: number[] = [];
  await new Promise<void>((resolve) => {
    const [long, short, ended, closed, anew] = deadlines(t, 5, (index) => {
      called.push(index);
      [long, short, ended, closed, anew][index]?.end();
      if (called.length === 3) resolve();
    });
    long?.start(60);
    ended?.start(1);
    closed?.start(1);
    anew?.start(1);
    short?.start(20);
    ended?.end();
    closed?.close();
    anew?.start(40);
  });
  assert.deepEqual(called.toSorted(), [0, 1, 4]);
});

test('one that closes the others when it is late spares them', async (t) => {
  const called: number[] = [];
  await new Promise<void>((resolve) => {
    const all = deadlines(t, 3, (index) => {
      called.push(index);
      for (const deadline of all) deadline.close();
      setImmediate(resolve);
    });
    for (const deadline of all) deadline.start(5);
  });
  assert.equal(called.length, 1);
});

test('when all are closed, no timer is left that would keep the process from exiting', (t) => {
  const before = runningTimers();
  const all = deadlines(t, 3);
  for (const deadline of all) deadline.start(60_000);
  assert.equal(runningTimers(), before + 1);
  for (const deadline of all) deadline.close();
  assert.equal(runningTimers(), before);
});

test('one that was closed can be waited for again', async (t) => {
  await new Promise<void>((resolve) => {
    const [deadline] = deadlines(t, 1, () => resolve());
    deadline?.start(60_000);
    deadline?.close();
    deadline?.start(1);
  });
});
