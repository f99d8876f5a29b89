import assert from 'node:assert/strict';
import { mock, type TestContext, test } from 'node:test';
import type { Clock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import type { MeterSchedule } from '../../src/model/meter.js';
import type { SlotSpan } from '../../src/schedule/plan-tick.js';
import { Scheduler, scheduleKeyOf, type Tick } from '../../src/schedule/scheduler.js';

const every = (seconds: number): MeterSchedule => ({
  text: `${seconds}s`,
  cron: seconds >= 60 ? `0 */${seconds / 60} * * * *` : `*/${seconds} * * * * *`,
  intervalMs: seconds * 1000,
  timezone: 'Europe/Berlin',
});

const expression = (cron: string, timezone = 'Europe/Berlin'): MeterSchedule => ({
  text: cron,
  cron,
  intervalMs: null,
  timezone,
});

/** The process under clocks of the test: timers run on the monotonic one, everybody's Date shows the wall. */
class Rig {
  readonly ticks: Tick[] = [];
  readonly missed: SlotSpan[] = [];
  readonly scheduler: Scheduler;
  wall: number;
  #monotonic = 0;
  #owed = 0;

  constructor(t: TestContext, start: string) {
    this.wall = Date.parse(start);
    const RealDate = Date;
    const wall = () => this.wall;
    globalThis.Date = class extends RealDate {
      constructor(...given: unknown[]) {
        super(...((given.length === 0 ? [wall()] : given) as [number]));
      }
      static override now = wall;
    } as DateConstructor;
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const clock: Clock = { now: wall, monotonic: () => this.#monotonic, sleep: async () => {} };
    this.scheduler = new Scheduler({
      clock,
      log: silentLog,
      onSlot: (tick) => this.ticks.push(tick),
      onMissed: (_schedule, span) => this.missed.push(span),
    });
    t.after(() => {
      this.scheduler.stop();
      mock.timers.reset();
      globalThis.Date = RealDate;
    });
  }

  /** Time passes on both clocks. */
  async pass(seconds: number, stepMs = 50): Promise<void> {
    for (let ms = 0; ms < seconds * 1000; ms += stepMs) {
      this.wall += stepMs;
      this.#monotonic += stepMs;
      mock.timers.tick(stepMs + this.#owed);
      this.#owed = 0;
      await Promise.resolve();
    }
  }

  /** Time passes in which the process is busy: its timers come with the next time that passes. */
  busy(seconds: number): void {
    this.wall += seconds * 1000;
    this.#monotonic += seconds * 1000;
    this.#owed += seconds * 1000;
  }

  /** What happened so far, as times of day. */
  take(): string[] {
    return this.ticks.splice(0).map(({ slot }) => new Date(slot).toISOString().slice(11, 19));
  }
}

test('starts on the grid, and each tick knows the slot after it', async (t) => {
  const rig = new Rig(t, '2026-03-01T10:00:07.300Z');
  rig.scheduler.start([every(5), every(5)]);
  assert.equal(rig.scheduler.nextSlot(every(5)), Date.parse('2026-03-01T10:00:10Z'));
  await rig.pass(14);
  assert.deepEqual(
    rig.ticks.map(({ slot, next }) => next - slot),
    [5000, 5000, 5000],
  );
  assert.deepEqual(rig.take(), ['10:00:10', '10:00:15', '10:00:20']);
  assert.deepEqual(rig.missed, []);
});

test('a step back of the clock: cycles go on at once, on the new time', async (t) => {
  const rig = new Rig(t, '2026-03-01T10:00:00.500Z');
  rig.scheduler.start([every(5)]);
  await rig.pass(12);
  assert.deepEqual(rig.take(), ['10:00:05', '10:00:10']);
  rig.wall -= 3_600_000;
  await rig.pass(10);
  assert.deepEqual(rig.take(), ['09:00:15', '09:00:20']);
  assert.deepEqual(rig.missed, []);
});

test('a small step back just after a slot: that slot does not come twice', async (t) => {
  const rig = new Rig(t, '2026-03-01T10:00:00.500Z');
  rig.scheduler.start([every(5)]);
  await rig.pass(9.8);
  rig.wall -= 600;
  await rig.pass(6);
  assert.deepEqual(rig.take(), ['10:00:05', '10:00:10', '10:00:15']);
  assert.deepEqual(rig.missed, []);
});

test('a step forward: what it passed over is missed, and the beat goes on', async (t) => {
  const rig = new Rig(t, '2026-03-01T10:00:00.500Z');
  rig.scheduler.start([every(5), every(900)]);
  await rig.pass(6);
  rig.take();
  rig.wall += 3_600_000;
  await rig.pass(6);
  assert.deepEqual(rig.take().sort(), ['11:00:00', '11:00:05', '11:00:10']);
  assert.deepEqual(rig.missed, [
    { from: Date.parse('2026-03-01T10:00:10Z'), until: Date.parse('2026-03-01T11:00:05Z'), slots: 719 },
    { from: Date.parse('2026-03-01T10:15:00Z'), until: Date.parse('2026-03-01T11:00:00Z'), slots: 3 },
  ]);
});

test('from 1970 to today, when the network brings the time: no walk through every second between', async (t) => {
  const rig = new Rig(t, '1970-01-01T00:01:00.500Z');
  rig.scheduler.start([every(1)]);
  await rig.pass(3);
  rig.take();
  rig.wall = Date.parse('2026-03-01T10:00:00.900Z');
  const started = performance.now();
  await rig.pass(3);
  assert.ok(performance.now() - started < 10_000);
  assert.deepEqual(rig.take().slice(-2), ['10:00:02', '10:00:03']);
  assert.equal(rig.missed.length, 1);
  assert.ok((rig.missed[0]?.slots ?? 0) <= 92 * 86_400);
});

test('a busy process: a late slot is run late, slots that are over are missed', async (t) => {
  const rig = new Rig(t, '2026-03-01T10:00:00.500Z');
  rig.scheduler.start([every(5)]);
  await rig.pass(5);
  await rig.pass(8, 8000);
  await rig.pass(4);
  assert.deepEqual(rig.take(), ['10:00:05', '10:00:10', '10:00:15']);
  await rig.pass(13, 13_000);
  await rig.pass(4);
  assert.deepEqual(rig.take(), ['10:00:30']);
  assert.deepEqual(
    rig.missed.map(({ slots }) => slots),
    [2],
  );
});

test('a process so busy at its start that its first slot is over: missed, from what was to come first', async (t) => {
  const rig = new Rig(t, '2026-03-01T10:00:00.500Z');
  rig.scheduler.start([every(5)]);
  await rig.pass(16, 16_000);
  assert.deepEqual(rig.take(), ['10:00:15']);
  assert.deepEqual(rig.missed, [
    { from: Date.parse('2026-03-01T10:00:05Z'), until: Date.parse('2026-03-01T10:00:15Z'), slots: 2 },
  ]);
});

test('a step of the clock before the first slot: forward, what it passed over is missed; back, nothing is', async (t) => {
  const rig = new Rig(t, '2026-03-01T10:00:00.500Z');
  rig.scheduler.start([every(5)]);
  await rig.pass(1);
  rig.wall += 60_000;
  await rig.pass(5);
  assert.deepEqual(rig.take(), ['10:01:00', '10:01:05']);
  assert.deepEqual(
    rig.missed.splice(0).map(({ slots }) => slots),
    [11],
  );
  rig.scheduler.start([every(5), every(10)]);
  rig.wall -= 3_600_000;
  await rig.pass(10);
  assert.deepEqual(rig.take(), ['09:01:10', '09:01:10', '09:01:15']);
  assert.deepEqual(rig.missed, []);
});

test('the hour that comes twice when summer time ends: neither left out nor doubled', async (t) => {
  const rig = new Rig(t, '2026-10-25T00:40:00.000Z');
  rig.scheduler.start([expression('0 */15 * * * *')]);
  await rig.pass(2 * 3600, 1000);
  assert.deepEqual(rig.take(), [
    '00:45:00',
    '01:00:00',
    '01:15:00',
    '01:30:00',
    '01:45:00',
    '02:00:00',
    '02:15:00',
    '02:30:00',
  ]);
  assert.deepEqual(rig.missed, []);
});

test('an expression that names hours keeps to the wall clock of its zone', () => {
  assert.equal(scheduleKeyOf(expression('0 0 6 * * *')), '0 0 6 * * * Europe/Berlin');
  assert.equal(scheduleKeyOf(expression('0 */15 * * * *')), '0 */15 * * * * UTC');
  assert.equal(scheduleKeyOf(expression('0 */15 * * * *', 'Asia/Kolkata')), '0 */15 * * * * Asia/Kolkata');
  assert.equal(scheduleKeyOf(every(15)), '*/15 * * * * * UTC');
});

test('going over to other schedules: those that stay keep their beat, those that went are silent', async (t) => {
  const rig = new Rig(t, '2026-03-01T10:00:00.500Z');
  rig.scheduler.start([every(5), every(2)]);
  await rig.pass(4.6);
  rig.take();
  rig.scheduler.start([every(5), every(3)]);
  await rig.pass(4);
  assert.deepEqual(rig.take(), ['10:00:06', '10:00:09']);
  assert.equal(rig.scheduler.nextSlot(every(2)), null);
  rig.scheduler.stop();
  rig.scheduler.stop();
  await rig.pass(10);
  assert.deepEqual(rig.take(), []);
});
