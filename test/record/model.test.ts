// A recorder, its spool and a store under random actions, killed and started again, beside a simple account of what was
// recorded. After all of it the database answers and the spool empties. Then:
//
// 1. Every slot that was acknowledged as stored or spooled is a poll, or lies in a gap where the spool dropped it.
// 2. Every slot from the first to the last on record is a poll or in a gap; while nothing was dropped, exactly once.
// 3. Slots while no collector ran are `down`, and no others; slots that were read and are no poll are `lost`.
// 4. Every value is the one that was recorded, or missing as `rejected` where the database refuses it.
// 5. The spool keeps its bound on disk, and its directory is empty in the end.
// 6. An event that was acknowledged is there, unless dropped in great number.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { silentLog } from '../../src/model/log.js';
import type { Batch, Outcome } from '../../src/model/poll.js';
import { openRecorder, type Recorder } from '../../src/record/recorder.js';
import { type Store, StoreFailure } from '../../src/store/store.js';
import { FaultyStore } from '../support/faulty-store.js';
import { meterInfo, pollOf } from '../support/polls.js';
import { VirtualClock } from '../support/virtual-clock.js';

const meters = [meterInfo('plant/a', 3), meterInfo('plant/b', 2)];
const second = 1000;
const epoch = Date.UTC(2026, 0, 1);
const BAD = 666;
const RUNS = Number(process.env['EMDC_TEST_MODEL_RUNS'] ?? 60);

type Action =
  | { readonly kind: 'record'; readonly cycles: number; readonly bad: boolean; readonly together: boolean }
  | { readonly kind: 'away' | 'back' | 'fail' | 'failAfter' | 'deadlock' | 'hang' }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'stop'; readonly downSlots: number }
  | { readonly kind: 'kill'; readonly downSlots: number; readonly cut: number; readonly during: boolean };

const downSlots = fc.integer({ min: 0, max: 6 });
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      cycles: fc.integer({ min: 1, max: 8 }),
      bad: fc.boolean(),
      together: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('away', 'back', 'back') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('fail', 'failAfter', 'deadlock', 'hang') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 20_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stop' as const), downSlots }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('kill' as const),
      downSlots,
      cut: fc.double({ min: 0, max: 1, noNaN: true }),
      during: fc.boolean(),
    }),
  },
);

/** One process' view of the store: nothing reaches the database after a kill. */
class Connection implements Store {
  readonly dialect = 'sqlite';
  cut = false;
  readonly #store: FaultyStore;

  constructor(store: FaultyStore) {
    this.#store = store;
  }

  write = (batch: Batch) => this.#through(() => this.#store.write(batch));
  setMeters = (...args: Parameters<Store['setMeters']>) => this.#through(() => this.#store.setMeters(args[0]));
  newestSlots = (names: readonly string[]) => this.#through(() => this.#store.newestSlots(names));
  setVirtualMeters = async () => {};
  identities = (names: readonly string[]) => this.#through(() => this.#store.identities(names));
  newestPolls = (...args: Parameters<Store['newestPolls']>) => this.#through(() => this.#store.newestPolls(...args));
  check = () => this.#through(() => this.#store.check());
  maintain = () => this.#through(() => this.#store.maintain());
  close = async () => {};

  async #through<T>(work: () => Promise<T>): Promise<T> {
    if (this.cut) return new Promise(() => {});
    return work();
  }
}

class World {
  readonly store = new FaultyStore();
  readonly clock = new VirtualClock(epoch);
  readonly outcomes = new Map<number, Outcome>();
  readonly recorded = new Set<number>();
  readonly events = new Set<number>();
  slot = 0;
  #dropped = 0;
  readonly #maxBytes: number;
  #directory = '';
  #recorder: Recorder | null = null;
  #connection = new Connection(this.store);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.store.refuses = ({ polls }) => polls.some(({ values }) => values.includes(BAD));
  }

  get recorder(): Recorder {
    return this.#recorder ?? assert.fail('not started');
  }

  get dropped(): number {
    return this.#dropped + (this.#recorder?.state().spool.dropped ?? 0);
  }

  async start(): Promise<void> {
    if (this.#directory === '') this.#directory = await mkdtemp(join(tmpdir(), 'emdc-model-'));
    const connection = new Connection(this.store);
    this.#connection = connection;
    this.#recorder = await openRecorder({
      dialect: 'sqlite',
      openStore: async () => connection,
      spool: { directory: this.#directory, maxBytes: this.#maxBytes, maxAgeMs: 1e15 },
      clock: this.clock,
      log: silentLog,
      writeLimitMs: 2000,
    });
    this.recorder.setMeters(meters);
    this.recorder.begin(meters.map((meter) => ({ meter, slot: epoch + this.slot * second, intervalMs: second })));
  }

  /** One cycle: acknowledged when the promise resolves. */
  record(bad: boolean): Promise<void> {
    const slot = this.slot++;
    const ts = epoch + slot * second;
    this.recorded.add(slot);
    const polls = meters.map((meter, index) =>
      pollOf(meter, ts, valuesAt(slot, meter.metrics.length, bad && index === 0)),
    );
    const events = meters
      .slice(0, 1)
      .map((meter) => ({ meter, ts, what: 'online', before: null, after: null }) as const);
    return this.recorder.record({ polls, gaps: [], events: slot % 5 === 0 ? events : [] }).then((outcome) => {
      this.outcomes.set(slot, outcome);
      if (slot % 5 === 0 && outcome !== 'lost') this.events.add(ts);
    });
  }

  /** Lets time pass until the work is done. */
  async until(done: Promise<unknown>): Promise<void> {
    let isDone = false;
    const end = done.then(() => {
      isDone = true;
    });
    while (!isDone) await this.clock.runTo(this.clock.now() + 100);
    await end;
  }

  async stop(): Promise<void> {
    this.#dropped += this.recorder.state().spool.dropped;
    await this.until(this.recorder.close({ deadlineMs: 1e7 }));
    await this.until(this.recorder.close({ deadlineMs: 1e7 }));
  }

  /** The disk as a power cut leaves it: of an append under way any part may be there. */
  async kill(during: boolean, cut: number): Promise<void> {
    const before = this.#sizes();
    const underWay = during ? this.record(false) : Promise.resolve();
    if (during) await this.clock.runTo(this.clock.now() + 1);
    this.#connection.cut = true;
    // Without a pause: at most one file operation of the spool ends meanwhile.
    const copy = mkdtempSync(join(tmpdir(), 'emdc-model-'));
    const acknowledged = new Set(this.outcomes.keys());
    const last = this.slot - 1;
    for (const [name, size] of this.#sizes()) {
      ifThere(() => copyFileSync(join(this.#directory, name), join(copy, name)));
      const old = before.get(name) ?? 0;
      if (!during || acknowledged.has(last) || !name.startsWith('segment') || size <= old) continue;
      ifThere(() => truncateSync(join(copy, name), old + Math.floor((size - old) * cut)));
    }
    this.#dropped += this.recorder.state().spool.dropped;
    await this.until(this.recorder.close({ deadlineMs: 1e7 }));
    await this.until(underWay);
    // What was acknowledged only after the kill was acknowledged to nobody.
    if (during && !acknowledged.has(last)) {
      this.outcomes.delete(last);
      this.events.delete(epoch + last * second);
    }
    await rm(this.#directory, { recursive: true, force: true });
    this.#directory = copy;
  }

  async settle(): Promise<void> {
    this.store.away = false;
    // The newest losses in memory go with the next cycle.
    await this.until(this.record(false));
    for (let i = 0; this.recorder.state().spool.bytes > 0; i++) {
      assert.ok(i < 20_000, 'the spool does not empty');
      await this.clock.runTo(this.clock.now() + 500);
    }
    await this.stop();
    assert.deepEqual(
      (await readdir(this.#directory)).filter((name) => !name.startsWith('dead-letters') && name !== 'lock'),
      [],
    );
    await rm(this.#directory, { recursive: true, force: true });
  }

  #sizes(): Map<string, number> {
    const names = readdirSync(this.#directory).filter((name) => name !== 'lock');
    return new Map(names.map((name) => [name, ifThere(() => statSync(join(this.#directory, name)).size) ?? 0]));
  }
}

function ifThere<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

const valuesAt = (slot: number, count: number, bad: boolean): number[] =>
  Array.from({ length: count }, (_, index) => (bad && index === 1 ? BAD : slot + index / 10));

async function act(world: World, step: Action): Promise<void> {
  const { store, clock } = world;
  switch (step.kind) {
    case 'record': {
      const cycles: Promise<void>[] = [];
      for (let i = 0; i < step.cycles; i++) {
        cycles.push(world.record(step.bad && i === 0));
        if (!step.together) await world.until(Promise.all(cycles));
      }
      return world.until(Promise.all(cycles));
    }
    case 'away':
      store.away = true;
      return;
    case 'back':
      store.away = false;
      return;
    case 'fail':
    case 'deadlock': {
      const remedy = step.kind === 'fail' ? 'spool' : 'retry';
      store.failOnce = new StoreFailure({ code: 'x', message: 'x', remedy });
      return;
    }
    case 'failAfter':
      store.failAfterOnce = true;
      return;
    case 'hang': {
      let open = () => {};
      store.gate = new Promise((resolve) => {
        open = resolve;
      });
      await world.until(world.record(false));
      store.gate = null;
      open();
      return;
    }
    case 'time':
      return clock.runTo(clock.now() + step.ms);
    case 'stop':
      await world.stop();
      world.slot += step.downSlots;
      return world.start();
    case 'kill':
      await world.kill(step.during, step.cut);
      world.slot += step.downSlots;
      return world.start();
  }
}

function check(world: World): void {
  const { store, recorded, outcomes, dropped } = world;
  for (const meter of meters) {
    const polls = [...store.polls.values()].filter((poll) => poll.meter.name === meter.name);
    const gaps = [...store.gaps.values()].filter((gap) => gap.meter.name === meter.name);
    const covered = new Map<number, string[]>();
    const cover = (slot: number, by: string) => covered.set(slot, [...(covered.get(slot) ?? []), by]);
    for (const poll of polls) {
      const slot = (poll.slot - epoch) / second;
      cover(slot, 'poll');
      assert.ok(recorded.has(slot), `poll ${slot} was never recorded`);
      poll.values.forEach((value, index) => {
        const expected = poll.missing.get(index) === 'rejected' ? Number.NaN : slot + index / 10;
        assert.equal(value, expected, `value ${index} of ${slot}`);
      });
    }
    for (const { from, until, slots, reason } of gaps) {
      assert.ok((until - from) / second >= slots, `${slots} slots in ${until - from} ms`);
      for (let at = from; at < until; at += second) cover((at - epoch) / second, reason);
    }
    const known = [...covered.keys()];
    const [first, last] = [Math.min(...known), Math.max(...known)];
    for (let slot = first; slot <= last; slot++) {
      const by = covered.get(slot) ?? [];
      assert.ok(by.length > 0, `slot ${slot} is neither poll nor gap`);
      if (dropped === 0) assert.equal(by.length, 1, `slot ${slot} is ${by.join(' and ')}`);
      if (by.length === 1 && by[0] === 'lost' && dropped === 0)
        assert.ok(outcomes.get(slot) === 'lost', `slot ${slot} lost`);
      if (!recorded.has(slot) && dropped === 0) assert.deepEqual(by, ['down'], `slot ${slot}`);
    }
    for (const [slot, outcome] of outcomes) {
      if (outcome === 'lost') continue;
      const by = covered.get(slot) ?? [];
      assert.ok(by.includes('poll') || (dropped > 0 && by.includes('lost')), `slot ${slot} ${outcome}, but ${by}`);
    }
  }
  const events = new Set(store.events.map(({ ts }) => ts));
  for (const ts of world.events) assert.ok(events.has(ts), `event of ${ts}`);
}

async function run(actions: readonly Action[], maxBytes: number): Promise<World> {
  const world = new World(maxBytes);
  await world.start();
  for (const step of actions) {
    await act(world, step);
    // A chunk being replayed holds back the drop until it ends.
    assert.ok(world.recorder.state().spool.bytes <= maxBytes * 1.5, `${world.recorder.state().spool.bytes} bytes`);
  }
  await world.settle();
  check(world);
  return world;
}

const actions = fc.array(action, { minLength: 3, maxLength: 30 });

describe('recorder and spool under random actions', () => {
  test('with room: nothing lost or doubled, gaps with their bounds', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(actions, async (steps) => {
        const { dropped } = await run(steps, 1e8);
        assert.equal(dropped, 0);
      }),
      { numRuns: RUNS },
    );
  });

  test('with a spool that is soon full: what it drops is in gaps', { timeout: 600_000 }, async () => {
    let dropped = 0;
    await fc.assert(
      fc.asyncProperty(actions, async (steps) => {
        dropped += (await run([{ kind: 'away' }, ...steps], 16_000)).dropped;
      }),
      { numRuns: RUNS },
    );
    assert.ok(dropped > 0, 'some were dropped');
  });
});
