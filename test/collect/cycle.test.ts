import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Cycles } from '../../src/collect/cycle.js';
import { Latest } from '../../src/collect/latest.js';
import type { PollRequest, PollResult } from '../../src/collect/poll-meter.js';
import { unreadPoll } from '../../src/collect/poll-values.js';
import type { Meter } from '../../src/model/meter.js';
import type { Batch, Gap, MeterEvent, MissingReason, Outcome, Poll, RunStart } from '../../src/model/poll.js';
import { scheduleKeyOf } from '../../src/schedule/scheduler.js';
import { meter, metric } from '../support/metric.js';
import { RecordingLog } from '../support/recording-log.js';
import { VirtualClock } from '../support/virtual-clock.js';

type Behaviour = 'answers' | 'silent' | 'refuses' | 'excepts' | 'half';

/** A site on a virtual clock: what each meter does, what was recorded and when. */
class Site {
  readonly clock = new VirtualClock();
  readonly log = new RecordingLog();
  readonly polls: { readonly poll: Poll; readonly at: number }[] = [];
  readonly gaps: Gap[] = [];
  readonly events: MeterEvent[] = [];
  /** What reached the recorder, in order: the meters and slots of each record. */
  readonly records: string[] = [];
  readonly asked: { readonly meter: string; readonly at: number }[] = [];
  readonly behaviour = new Map<string, Behaviour>();
  readonly cycles: Cycles;
  readonly intervalMs: number;
  latencyMs = 20;
  outcome: Outcome = 'stored';
  recordMs = 0;
  slot: number;

  constructor(meters: readonly Meter[], random: () => number = () => 0.5) {
    const { clock, log } = this;
    this.intervalMs = meters[0]?.schedule.intervalMs ?? 1000;
    this.slot = clock.now();
    this.cycles = new Cycles(
      {
        clock,
        log,
        random,
        latest: new Latest(meters),
        recorder: { record: (batch) => this.#record(batch), begin: (starts) => this.#begin(starts) },
        pollerOf: (subject) => ({ poll: (request) => this.#poll(subject, request) }),
        nextSlotOf: ({ schedule: { intervalMs } }) =>
          intervalMs === null ? null : (Math.floor(clock.now() / intervalMs) + 1) * intervalMs,
      },
      meters,
    );
  }

  /** Runs the next slots, and the time until the one after them. */
  async slots(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.clock.runTo(this.slot);
      const schedules = this.cycles.meters.map(({ meter }) => [scheduleKeyOf(meter.schedule), meter.schedule] as const);
      for (const schedule of new Map(schedules).values()) {
        if (schedule.intervalMs === null || this.slot % schedule.intervalMs !== 0) continue;
        this.cycles.run({ schedule, slot: this.slot, next: this.slot + schedule.intervalMs });
      }
      this.slot += this.intervalMs;
      await this.clock.runTo(this.slot - 1);
    }
  }

  /** Of one meter, what became of each slot, oldest first: `ok` or the reason of its first metric. */
  story(name: string): string[] {
    const own = this.polls.filter(({ poll }) => poll.meter.name === name).map(({ poll }) => poll);
    return own.sort((a, b) => a.slot - b.slot).map((poll) => (poll.missing.size === 0 ? 'ok' : firstReason(poll)));
  }

  async #poll(subject: Meter, { slot, deadline, signal, timeoutMs = subject.timeoutMs }: PollRequest) {
    const { clock } = this;
    const start = clock.monotonic();
    const readAt = clock.now();
    this.asked.push({ meter: subject.name, at: readAt });
    const done = (reason: MissingReason | null, count: number): PollResult => {
      const all = unreadPoll(subject, { slot, readAt, reason: reason ?? 'timeout', error: reason });
      const missing = new Map([...all.missing].slice(subject.metrics.length - count));
      const values = all.values.map((_, index) => (missing.has(index) ? Number.NaN : slot));
      const poll = { ...all, missing, values, requests: 1, durationMs: clock.monotonic() - start };
      const answered = count < subject.metrics.length;
      return { poll, answered, cut: false, roundTripMs: answered ? this.latencyMs : null, failure: null, events: [] };
    };
    const all = subject.metrics.length;
    const behaviour = this.behaviour.get(subject.name) ?? 'answers';
    if (behaviour === 'refuses') return done('unreachable', all);
    const needs = behaviour === 'silent' || behaviour === 'half' ? timeoutMs : this.latencyMs;
    const cut = start + needs > deadline;
    await clock.sleep(Math.min(needs, deadline - start), signal);
    if (signal.aborted) return done('shutdown', all);
    if (cut) return done('deadline', all);
    switch (behaviour) {
      case 'answers':
        return done(null, 0);
      case 'half':
        return done('timeout', 1);
      case 'excepts':
        return done('exception 2', all);
      case 'silent':
        return done('timeout', all);
    }
  }

  #begin(starts: readonly RunStart[]): void {
    for (const { meter, slot } of starts) this.records.push(`${meter.name} starts at ${slot}`);
  }

  async #record({ polls, gaps, events = [] }: Batch): Promise<Outcome> {
    this.events.push(...events);
    const spans = gaps.map(({ meter, from }) => `${meter.name} gap from ${from}`);
    this.records.push([...polls.map(({ meter, slot }) => `${meter.name} ${slot}`), ...spans].join(', '));
    await this.clock.sleep(this.recordMs);
    for (const poll of polls) this.polls.push({ poll, at: this.clock.now() });
    this.gaps.push(...gaps);
    return this.outcome;
  }
}

const firstReason = (poll: Poll): string => [...poll.missing.values()][0] ?? 'ok';

const every = (seconds: number) => ({
  text: `${seconds}s`,
  cron: seconds === 1 ? '* * * * * *' : `*/${seconds} * * * * *`,
  intervalMs: seconds * 1000,
  timezone: 'UTC',
});

const units = (count: number, given: Partial<Meter> = {}): Meter[] =>
  Array.from({ length: count }, (_, i) =>
    meter({
      name: `unit${i + 1}`,
      unitId: i + 1,
      metrics: [metric({ name: 'a' }), metric({ name: 'b' })],
      ...given,
    }),
  );

test('meters of many links and slots: every slot of every meter is recorded once', async () => {
  const meters = units(10).map((unit, i) => ({ ...unit, host: `10.0.0.${i % 4}`, schedule: every(1) }));
  const site = new Site(meters);
  await site.slots(20);
  for (const { name } of meters) assert.deepEqual(site.story(name), Array(20).fill('ok'));
  assert.equal(site.cycles.figures.cycles, 20);
  assert.equal(site.cycles.figures.lastSlot, site.slot - 1000);
});

test('behind a gateway, dead units cost their neighbours nothing after the cycle that finds them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 4, 16),
      fc.boolean(),
      fc.shuffledSubarray(
        Array.from({ length: 32 }, (_, i) => i + 1),
        { minLength: 16, maxLength: 16 },
      ),
      async (count, later, order) => {
        const site = new Site(units(32, { schedule: every(10) }));
        const dead = new Set(order.slice(0, count).map((unit) => `unit${unit}`));
        if (later) await site.slots(3);
        for (const name of dead) site.behaviour.set(name, 'silent');
        await site.slots(15);
        const before = later ? 3 : 0;
        for (const { meter } of site.cycles.meters) {
          if (dead.has(meter.name)) continue;
          const story = site.story(meter.name);
          assert.deepEqual(story.slice(before + 1), Array(14).fill('ok'), meter.name);
          assert.equal(story.length, before + 15, 'no slot is missing or doubled');
        }
        const spent = site.asked.filter(({ meter, at }) => dead.has(meter) && at > site.slot - 100_000).length;
        assert.ok(spent <= 11, `${spent} s of 100 s went to dead units`);
      },
    ),
    { numRuns: 30 },
  );
});

test('behind a gateway, dead units do not keep the others from being found in the first cycle', async () => {
  const site = new Site(units(32, { schedule: every(10) }));
  for (let unit = 1; unit <= 16; unit++) site.behaviour.set(`unit${unit}`, 'silent');
  await site.slots(3);
  for (let unit = 17; unit <= 32; unit++) assert.deepEqual(site.story(`unit${unit}`), ['ok', 'ok', 'ok'], `${unit}`);
});

test('a meter that was silent is read in full in the slot where it answers again', async () => {
  const site = new Site(units(2, { schedule: every(10) }));
  await site.slots(1);
  site.behaviour.set('unit1', 'silent');
  await site.slots(20);
  site.behaviour.delete('unit1');
  await site.slots(8);
  const story = site.story('unit1');
  assert.deepEqual(story.slice(0, 4), ['ok', 'timeout', 'timeout', 'timeout']);
  assert.ok(story.slice(4, 21).includes('offline'), 'it is not asked at every slot');
  const back = story.indexOf('ok', 1);
  assert.ok(back >= 21 && back < 28, `back at slot ${back}`);
  assert.deepEqual(story.slice(back), Array(story.length - back).fill('ok'));
  assert.deepEqual(site.story('unit2'), Array(29).fill('ok'));
  assert.deepEqual(
    site.log.lines
      .filter(({ level }) => level !== 'debug')
      .map(({ message, fields }) => `${message} ${fields['meter']}`),
    ['meter online unit1', 'meter online unit2', 'meter offline unit1', 'meter online again unit1'],
  );
});

test('a timeout longer than the interval is silence all the same', async () => {
  const site = new Site(units(1, { schedule: every(1), timeoutMs: 3000 }));
  site.behaviour.set('unit1', 'silent');
  await site.slots(5);
  assert.equal(site.cycles.meters[0]?.health.state, 'offline');
});

test('a refused connection answers for every meter behind it, and is not tried again for each', async () => {
  const behind = units(20, { host: '10.0.0.1', schedule: every(10) });
  const other = { ...meter({ name: 'other', metrics: [metric()] }), schedule: every(10) };
  const site = new Site([...behind, other]);
  await site.slots(2);
  for (const { name } of behind) site.behaviour.set(name, 'refuses');
  const tries = () => site.asked.filter(({ meter }) => meter !== 'other').length;
  const before = tries();
  await site.slots(1);
  assert.equal(tries() - before, 4, 'one try and three retries, for all together');
  await site.slots(10);
  const later = tries() - before - 4;
  assert.ok(later >= 5 && later <= 10, `later at most one try a slot: ${later} in 10`);
  for (const { name } of behind) site.behaviour.delete(name);
  await site.slots(3);
  for (const { name } of behind) {
    assert.equal(site.story(name)[2], 'unreachable');
    assert.deepEqual(site.story(name).slice(-2), ['ok', 'ok']);
  }
  assert.deepEqual(site.story('other'), Array(16).fill('ok'));
  assert.equal(site.log.count('meter offline'), 20);
  assert.equal(site.log.count('meter online again'), 20);
});

test('a meter that lost a request to the line is asked again within the slot, after its neighbours', async () => {
  const site = new Site(units(3, { schedule: every(10) }));
  await site.slots(1);
  site.behaviour.set('unit1', 'half');
  const slot = site.slot;
  const healed = site.clock.sleep(2500).then(() => site.behaviour.delete('unit1'));
  await site.slots(1);
  await healed;
  const asked = site.asked.filter(({ at }) => at >= slot).map(({ meter, at }) => `${meter} ${at - slot}`);
  assert.deepEqual(asked, ['unit1 0', 'unit2 1000', 'unit3 1020', 'unit1 2000', 'unit1 4000']);
  assert.deepEqual(site.story('unit1'), ['ok', 'ok']);
  assert.equal(site.polls.at(-1)?.poll.requests, 3);
});

test('a meter that answers with exceptions is online', async () => {
  const site = new Site(units(1));
  site.behaviour.set('unit1', 'excepts');
  await site.slots(3);
  assert.equal(site.cycles.meters[0]?.health.state, 'online');
  assert.deepEqual(site.story('unit1'), Array(3).fill('exception 2'));
});

test('finished polls are recorded while a silent meter is still waited for', async () => {
  const site = new Site(
    [...units(2, { schedule: every(10) }), { ...units(1)[0], host: '10.0.0.9', name: 'dead' } as Meter].map((m) => ({
      ...m,
      schedule: every(10),
    })),
  );
  site.behaviour.set('dead', 'silent');
  await site.slots(1);
  const at = (name: string) => site.polls.filter(({ poll }) => poll.meter.name === name).map((p) => p.at - p.poll.slot);
  assert.deepEqual(at('unit1'), [1000]);
  assert.ok((at('dead')[0] ?? 0) > 6000, 'all its retries were made');
});

test('a link that cannot keep up cuts what does not fit and never falls behind', async () => {
  const site = new Site(units(10, { schedule: every(1) }));
  site.latencyMs = 150;
  await site.slots(30);
  for (const { meter, tasks } of site.cycles.meters) {
    assert.equal(site.story(meter.name).length, 30);
    assert.ok(tasks.length <= 1);
  }
  const stories = site.cycles.meters.flatMap(({ meter }) => site.story(meter.name));
  assert.deepEqual(new Set(stories), new Set(['ok', 'deadline']));
  const shares = site.cycles.meters.map(({ meter }) => site.story(meter.name).filter((s) => s === 'ok').length);
  assert.ok(Math.min(...shares) >= 15, `every meter gets its share: ${shares}`);
});

test('by hand: rows per meter and iteration, for what became durable', async () => {
  const site = new Site(units(2));
  site.behaviour.set('unit2', 'silent');
  site.outcome = 'spooled';
  const { signal } = new AbortController();
  const call = site.cycles.collect({ iterations: 2, waitMs: 1000, meters: null, signal });
  const joined = site.cycles.collect({ iterations: 2, waitMs: 1000, meters: ['unit2', 'unit1'], signal });
  await site.clock.runTo(site.clock.now() + 60_000);
  const rows = await call;
  assert.equal(await joined, rows, 'the same work is done once');
  assert.deepEqual(
    rows.map(({ iteration, meter, stored, spooled, missing }) => [iteration, meter, stored, spooled, missing]),
    [
      [1, 'unit1', 0, 2, {}],
      [1, 'unit2', 0, 0, { timeout: 2 }],
      [2, 'unit1', 0, 2, {}],
      [2, 'unit2', 0, 0, { timeout: 2 }],
    ],
  );
  await assert.rejects(site.cycles.collect({ iterations: 1, waitMs: 0, meters: ['no such'], signal }), /no such/);
});

test('by hand, during a scheduled poll: one poll serves both', async () => {
  const site = new Site(units(1));
  await site.clock.runTo(site.slot);
  site.cycles.run({ schedule: every(15), slot: site.slot, next: site.slot + 15_000 });
  const read = site.cycles.readNow('unit1', new AbortController().signal);
  await site.clock.runTo(site.slot + 1000);
  assert.equal(await read, null);
  assert.equal(site.asked.length, 1);
});

test('cycles that share no meter do not hurry each other: each is recorded in as few pieces as alone', async () => {
  const [quick, slow, silent] = units(3).map((unit, i) => ({
    ...unit,
    host: `10.0.0.${i}`,
    schedule: every(i ? 10 : 1),
  }));
  const site = new Site([quick, slow, silent] as Meter[]);
  const { slot } = site;
  site.behaviour.set('unit3', 'silent');
  await site.clock.runTo(slot);
  site.cycles.run({ schedule: every(10), slot, next: slot + 10_000 });
  site.cycles.run({ schedule: every(1), slot, next: slot + 1000 });
  await site.clock.runTo(slot + 9999);
  assert.deepEqual(site.records, [`unit1 ${slot}`, `unit2 ${slot}`, `unit3 ${slot}`]);
  assert.equal(site.polls[1]?.at, slot + 1000);
});

test('by hand, a meter that is offline is asked at once', async () => {
  const site = new Site(units(1));
  site.behaviour.set('unit1', 'silent');
  await site.slots(6);
  site.behaviour.delete('unit1');
  const read = site.cycles.readNow('unit1', new AbortController().signal);
  await site.clock.runTo(site.clock.now() + 100);
  assert.equal(await read, null);
  assert.equal(site.cycles.meters[0]?.health.state, 'online');
});

test('a caller who hangs up: the iteration under way ends, no further one starts', async () => {
  const site = new Site(units(1));
  const caller = new AbortController();
  const call = site.cycles.collect({ iterations: 100, waitMs: 1000, meters: null, signal: caller.signal });
  await site.clock.runTo(site.clock.now() + 2500);
  caller.abort();
  assert.equal((await call).length, 3);
});

test('stopping waits for the cycle in progress and cuts what takes too long', async () => {
  const site = new Site(units(30, { schedule: every(10) }));
  for (let unit = 20; unit <= 30; unit++) site.behaviour.set(`unit${unit}`, 'silent');
  await site.clock.runTo(site.slot);
  site.cycles.run({ schedule: every(10), slot: site.slot, next: site.slot + 10_000 });
  await site.clock.runTo(site.slot + 10);
  const start = site.clock.now();
  const stopped = site.cycles.stop(4000).then(() => site.clock.now() - start);
  await site.clock.runTo(start + 20_000);
  assert.ok((await stopped) < 5000);
  assert.deepEqual(site.story('unit1'), ['ok']);
  assert.deepEqual(site.story('unit30'), ['shutdown']);
  assert.equal(site.polls.length, 30);
  assert.notEqual(site.cycles.meters[29]?.health.state, 'offline', 'it was not the meter that fell silent');
});

test('slots that were missed are counted, logged and recorded as gaps, uneven ones too', async () => {
  const uneven = { ...every(1), cron: '0 0 6 * * *', intervalMs: null };
  const [even, other] = units(2, { schedule: every(1) }) as [Meter, Meter];
  const site = new Site([even, { ...other, schedule: uneven }]);
  const from = site.slot;
  site.cycles.missed(every(1), { from, until: from + 5000, slots: 5 });
  site.cycles.missed(uneven, { from, until: from + 5000, slots: 2 });
  await site.clock.runTo(site.clock.now());
  assert.deepEqual(
    site.gaps.map(({ meter, until, slots, reason }) => [meter.name, until, slots, reason]),
    [
      ['unit1', from + 5000, 5, 'missed'],
      ['unit2', from + 5000, 2, 'missed'],
    ],
  );
  assert.deepEqual(
    site.cycles.meters.map(({ counters }) => counters.missedSlots),
    [5, 2],
  );
});

test('each meter starts once in a run, at its next slot, and again when this collector takes over', () => {
  const site = new Site(units(2, { schedule: every(10) }));
  const next = (Math.floor(site.clock.now() / 10_000) + 1) * 10_000;
  site.cycles.begin();
  site.cycles.begin();
  assert.deepEqual(site.records, [`unit1 starts at ${next}`, `unit2 starts at ${next}`]);
  site.cycles.begin({ again: true });
  assert.equal(site.records.length, 4);
});

test('a meter that stops answering and comes back: two events, the second with how long it was away', async () => {
  const site = new Site(units(1, { schedule: every(10) }));
  await site.slots(1);
  site.behaviour.set('unit1', 'silent');
  await site.slots(6);
  site.behaviour.delete('unit1');
  await site.slots(6);
  assert.deepEqual(
    site.events.map(({ what, before, after }) => [what, before, after]),
    [
      ['offline', 'online', 'timeout'],
      ['online', `offline for ${secondsBetween(site.events)} s`, 'online'],
    ],
  );
});

const secondsBetween = ([from, until]: readonly MeterEvent[]): number =>
  Math.round(((until?.ts ?? 0) - (from?.ts ?? 0)) / 1000);

test('a thousand polls start in slices: timers and HTTP get their turn in between', async () => {
  const meters = units(1000).map((unit, i) => ({ ...unit, host: `10.0.${i >> 8}.${i & 255}` }));
  const site = new Site(meters);
  site.cycles.run({ schedule: every(15), slot: site.slot, next: site.slot + 15_000 });
  const started: number[] = [];
  while ((started.at(-1) ?? 0) < 1000) {
    await new Promise((resolve) => setImmediate(resolve));
    started.push(site.asked.length);
  }
  const slices = started.map((count, i) => count - (started[i - 1] ?? 0));
  assert.ok(Math.max(...slices) <= 100, `${slices}`);
  await site.clock.runTo(site.slot + 15_000);
  assert.equal(site.polls.length, 1000);
});
