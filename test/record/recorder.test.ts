import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type Clock, systemClock } from '../../src/model/clock.js';
import type { Poll } from '../../src/model/poll.js';
import { openRecorder, type Recorder } from '../../src/record/recorder.js';
import { readSegment } from '../../src/record/segment.js';
import { StoreFailure } from '../../src/store/store.js';
import { FaultyStore } from '../support/faulty-store.js';
import { meterInfo, pollOf, temporaryFolder } from '../support/polls.js';
import { RecordingLog } from '../support/recording-log.js';
import { VirtualClock } from '../support/virtual-clock.js';

const meter = meterInfo('plant/main', 4);
const other = meterInfo('plant/other', 2);
const now = 1_700_000_000_000;
const one = (slot: number, of = meter) => ({ polls: [pollOf(of, slot)], gaps: [] });

interface Rig {
  readonly recorder: Recorder;
  readonly store: FaultyStore;
  readonly log: RecordingLog;
  readonly directory: string;
}

interface RigOptions {
  readonly store?: FaultyStore;
  readonly directory?: string;
  readonly openStore?: () => Promise<FaultyStore>;
  readonly clock?: Clock;
  readonly writeLimitMs?: number;
  readonly maxBytes?: number;
  readonly commitEveryMs?: number;
}

async function rig(t: TestContext, options: RigOptions = {}): Promise<Rig> {
  const store = options.store ?? new FaultyStore();
  const directory = options.directory ?? (await temporaryFolder(t));
  const log = new RecordingLog();
  const recorder = await openRecorder({
    dialect: 'sqlite',
    openStore: options.openStore ?? (async () => store),
    spool: { directory, maxBytes: options.maxBytes ?? 1e8, maxAgeMs: 1e15 },
    clock: options.clock ?? systemClock,
    log,
    writeLimitMs: options.writeLimitMs ?? 2000,
    commitEveryMs: options.commitEveryMs ?? 0,
  });
  t.after(() => recorder.close({ deadlineMs: 0 }));
  await recorder.started();
  return { recorder, store, log, directory };
}

/** Resolves when all that was begun or recorded before is in the database or in the spool. */
const flushed = ({ recorder }: Rig) => recorder.record({ polls: [], gaps: [] });

/** For states that no log line announces. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(2);
}
const emptied = async (run: Rig) => {
  await flushed(run);
  await until(() => run.recorder.state().spool.bytes === 0);
};

function gateOf(store: FaultyStore): () => void {
  let open = () => {};
  store.gate = new Promise((resolve) => {
    open = resolve;
  });
  return () => {
    store.gate = null;
    open();
  };
}

describe('recorder', () => {
  test('database well: stored, and batches that arrive during a write go together in the next one', async (t) => {
    const { recorder, store, directory } = await rig(t);
    const open = gateOf(store);
    const first = recorder.record(one(now));
    const rest = [1, 2, 3].map((i) => recorder.record(one(now + i)));
    assert.deepEqual(recorder.state().waiting.readings, 16);
    open();
    assert.deepEqual(await Promise.all([first, ...rest]), ['stored', 'stored', 'stored', 'stored']);
    assert.deepEqual(store.writes, [1, 3]);
    assert.equal(recorder.state().database.state, 'connected');
    assert.deepEqual(recorder.state().waiting, { readings: 0, since: null });
    assert.equal(store.readings.size, 16);
    assert.deepEqual(await readdir(directory), ['lock'], 'the disk was not used');
  });

  test('database goes and comes back: spooled meanwhile, then replayed; each said once', async (t) => {
    const { recorder, store, log } = await rig(t);
    assert.equal(await recorder.record(one(now)), 'stored');
    store.away = true;
    for (let i = 1; i <= 50; i++) assert.equal(await recorder.record(one(now + i)), 'spooled');
    const { database, spool } = recorder.state();
    assert.equal(database.state, 'away');
    assert.equal(database.lastError, 'connection refused');
    assert.deepEqual([spool.readings, spool.oldest], [200, now + 1]);
    store.away = false;
    await log.until('spool replayed');
    assert.equal(await recorder.record(one(now + 51)), 'stored');
    assert.equal(store.readings.size, 52 * 4);
    assert.deepEqual(recorder.state().spool, { readings: 0, bytes: 0, oldest: null, dropped: 0, deadLetters: 0 });
    assert.equal(recorder.state().database.lastError, null);
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ['database connected', 'database is away', 'database is back', 'spool replayed'],
    );
    const back = log.lines.find(({ message }) => message === 'database is back');
    assert.equal(back?.fields['readingsInSpool'], 200);
  });

  test('events go the same way as polls', async (t) => {
    const started = await rig(t);
    const { recorder, store } = started;
    const event = (ts: number) => ({ meter, ts, what: 'exchanged', before: 'A', after: 'B' }) as const;
    await recorder.record({ polls: [], gaps: [], events: [event(1)] });
    store.away = true;
    await recorder.record({ polls: [], gaps: [], events: [event(2)] });
    store.away = false;
    await emptied(started);
    assert.deepEqual(
      store.events.map(({ ts, before, after }) => [ts, before, after]),
      [
        [1, 'A', 'B'],
        [2, 'A', 'B'],
      ],
    );
  });

  test('database cannot be opened yet: tried again until it can', async (t) => {
    const store = new FaultyStore();
    let tries = 0;
    const openStore = async () => {
      if (++tries < 3) throw new StoreFailure({ code: 'away', message: 'no route', remedy: 'spool' });
      return store;
    };
    const { recorder, log } = await rig(t, { store, openStore });
    await recorder.record(one(now));
    await log.until('spool replayed');
    assert.equal(store.readings.size, 4);
  });

  test('database that can never be used: start refused, and the spool directory is free again', async (t) => {
    const directory = await temporaryFolder(t);
    const failure = new StoreFailure({ code: 'newer', message: 'newer than this program', remedy: 'stop' });
    const options = { directory, openStore: () => Promise.reject(failure) };
    const recorder = await openRecorder({
      ...options,
      dialect: 'sqlite',
      spool: { directory, maxBytes: 1e8, maxAgeMs: 1e15 },
      clock: systemClock,
      log: new RecordingLog(),
    });
    await assert.rejects(recorder.started(), failure);
    await recorder.close({ deadlineMs: 0 });
    await rig(t, { directory });
  });

  test('an error that needs a person is an error in the log, with the hint; any other is a warning', async (t) => {
    for (const [hint, level] of [
      ['Check user name and password of database.url.', 'error'],
      ['', 'warn'],
    ] as const) {
      const failure = new StoreFailure({ code: 'away', message: 'no', remedy: 'spool', hint });
      const { log } = await rig(t, { openStore: () => Promise.reject(failure) });
      const line = log.lines.find(({ message }) => message === 'database is away');
      assert.equal(line?.level, level);
      assert.match(String(line?.fields['hint']), new RegExp(`^${hint}.*readings go to the spool`));
    }
  });

  test('a database that comes and goes does not fill the log', async (t) => {
    const started = await rig(t);
    const { recorder, store, log } = started;
    for (let i = 0; i < 50; i++) {
      store.failOnce = new StoreFailure({ code: 'away', message: 'reset', remedy: 'spool' });
      await recorder.record(one(now + i));
      await until(() => recorder.state().database.state === 'connected');
    }
    await emptied(started);
    assert.equal(store.polls.size, 50);
    const said = (text: string) =>
      log.lines.filter(({ level, message }) => level !== 'debug' && message === text).length;
    assert.ok(said('database is away') <= 4, `${said('database is away')} times`);
    assert.ok(said('database is back') <= 4);
    assert.equal(said('database comes and goes: further changes are not logged for ten minutes'), 1);
  });

  test('write that takes too long: spooled after the limit, and its late success doubles nothing', async (t) => {
    const { recorder, store, log } = await rig(t, { writeLimitMs: 50 });
    const open = gateOf(store);
    const outcomes = [recorder.record(one(now)), recorder.record(one(now + 1))];
    assert.deepEqual(await Promise.all(outcomes), ['spooled', 'spooled']);
    // It is away, and not merely slow, though the second has waited as long as the first was written.
    assert.equal(log.count('database stores less than comes in: readings go through the spool'), 0);
    open();
    await log.until('spool replayed');
    assert.equal(store.rows.size, 2);
    assert.equal(store.readings.size, 8);
  });

  test('write that was taken and whose answer was lost: replayed, and there once', async (t) => {
    const { recorder, store, log } = await rig(t);
    store.failAfterOnce = true;
    assert.equal(await recorder.record(one(now)), 'spooled');
    await log.until('spool replayed');
    assert.deepEqual([...store.rows], [`${meter.name}@${now}`]);
    assert.deepEqual(store.writes, [1, 1]);
  });

  test('database that answers, and stores less than comes in: what has waited for too long goes through the spool', async (t) => {
    const clock = new VirtualClock();
    const { recorder, store, log } = await rig(t, { clock, writeLimitMs: 5000 });
    const large = meterInfo('plant/large', 30_000);
    // One write each, which takes nearly as long as it may.
    store.refuses = () => {
      clock.stall(4900);
      return false;
    };
    const outcomes = [0, 1, 2, 3, 4].map((i) => recorder.record({ polls: [pollOf(large, now + 1000 * i)], gaps: [] }));
    assert.deepEqual(await Promise.all(outcomes), ['stored', 'stored', 'stored', 'spooled', 'spooled']);
    assert.equal(log.count('database stores less than comes in: readings go through the spool'), 1);
    assert.equal(recorder.state().database.state, 'connected');
    assert.equal(recorder.state().lost, 0);
    while (recorder.state().spool.bytes > 0) await clock.runTo(clock.now() + 1000);
    assert.equal(store.polls.size, 5);
    assert.equal(store.readings.size, 5 * 30_000);
    assert.equal(await recorder.record(one(now + 9000)), 'stored');
  });

  test('deadlock: tried again at once, and stored', async (t) => {
    const { recorder, store, log } = await rig(t);
    store.failOnce = new StoreFailure({ code: 'deadlock', message: 'deadlock', remedy: 'retry' });
    assert.equal(await recorder.record(one(now)), 'stored');
    assert.equal(log.count('database is away'), 0);
  });

  test('neither database nor disk: lost, counted, said once; a gap when the database is back', async (t) => {
    const started = await rig(t);
    const { recorder, store, log, directory } = started;
    store.away = true;
    await rm(directory, { recursive: true });
    assert.equal(await recorder.record(one(now)), 'lost');
    assert.equal(await recorder.record(one(now + 1)), 'lost');
    assert.equal(recorder.state().lost, 8);
    store.away = false;
    assert.equal(await recorder.record(one(now + 2)), 'stored', 'tried at once, without waiting for the next check');
    assert.equal(log.count('readings are being lost: neither database nor spool takes them'), 1);
    assert.equal(log.lines.find(({ message }) => message.startsWith('readings are being lost'))?.level, 'error');
    assert.equal(log.count('readings are kept again'), 1);
    const gap = `${meter.name}@${now}+${now + 2}`;
    assert.deepEqual([...store.rows].sort(), [gap, `${meter.name}@${now + 2}`].sort());
    assert.equal(await recorder.record(one(now + 3)), 'stored');
    assert.equal(store.rows.size, 3);
  });

  test('what was lost becomes a gap in the spool when only the disk is well again, or at the stop', async (t) => {
    const store = new FaultyStore();
    const { recorder, directory } = await rig(t, { store });
    store.away = true;
    await rm(directory, { recursive: true });
    await writeFile(directory, '');
    for (let i = 1; i < 4; i++) await recorder.record(one(now + i));
    await rm(directory);
    await mkdir(directory);
    await recorder.close({ deadlineMs: 1000 });
    const next = await rig(t, { directory });
    await emptied(next);
    assert.deepEqual([...next.store.rows], [`${meter.name}@${now + 1}+${now + 4}`]);
  });

  test('polls of a million readings in memory: further ones are lost and counted, and become a gap behind the others', async (t) => {
    const { recorder, store } = await rig(t);
    const large = meterInfo('plant/large', 99_999);
    const open = gateOf(store);
    const values = new Array<number>(99_999).fill(1);
    const outcomes = Array.from({ length: 13 }, (_, i) =>
      recorder.record({ polls: [pollOf(large, now + i, values)], gaps: [] }),
    );
    assert.equal(await outcomes[12], 'lost');
    open();
    const all = await Promise.all(outcomes);
    assert.deepEqual(all.filter((outcome) => outcome === 'lost').length, 2);
    assert.equal(recorder.state().lost, 2 * 99_999);
    assert.deepEqual(
      [...store.gaps.values()].map(({ from, slots, reason }) => [from, slots, reason]),
      [[now + 11, 2, 'lost']],
    );
  });

  test('meters are entered before their polls, behind what an earlier configuration recorded, and again in a new store', async (t) => {
    const store = new FaultyStore();
    const first = await rig(t, { store });
    store.away = true;
    await first.recorder.record(one(now));
    await first.recorder.close({ deadlineMs: 0 });
    store.away = false;
    const order: string[] = [];
    store.refuses = ({ polls }) => {
      order.push(...polls.map(({ slot }) => `poll ${slot - now}`));
      return false;
    };
    const { setMeters } = store;
    store.setMeters = async (meters) => {
      order.push(`meters ${meters.length}`);
      return setMeters.call(store, meters);
    };
    const { recorder } = await rig(t, { store, directory: first.directory });
    recorder.setMeters([meter, other]);
    await Promise.all([recorder.record(one(now + 1)), recorder.record(one(now + 2))]);
    await until(() => order.length === 4);
    assert.deepEqual(order.slice(0, 2), ['poll 0', 'meters 2']);
    assert.equal(await recorder.record(one(now + 3)), 'stored');
  });

  test('newest polls: those of the database, and none while it is away', async (t) => {
    const { recorder, store } = await rig(t);
    await recorder.record(one(now));
    await recorder.record(one(now + 1));
    assert.deepEqual(
      (await recorder.newestPolls([meter, other])).map(({ slot }) => slot),
      [now + 1],
    );
    store.away = true;
    assert.deepEqual(await recorder.newestPolls([meter]), []);
    assert.equal(recorder.lease, undefined, 'SQLite is not shared');
  });
});

describe('recorder: refused data', () => {
  const deadLetters = async (directory: string): Promise<Poll[]> => {
    const file = await readFile(join(directory, 'dead-letters.txt'));
    return [...readSegment(file)].flatMap((piece) => {
      assert.equal(piece.kind, 'batch');
      const entries = piece.kind === 'batch' ? piece.entries : [];
      return entries.flatMap((entry) => (entry.kind === 'poll' ? [entry.poll] : []));
    });
  };

  test('one value that the database will never take: dead letter with the reason, all others stored', async (t) => {
    const started = await rig(t);
    const { recorder, store, log, directory } = started;
    store.refuses = ({ polls }) => polls.some((poll) => poll.slot === now + 7 && poll.values[2] === 666);
    const polls = Array.from({ length: 20 }, (_, i) => pollOf(meter, now + i, [1, 2, i === 7 ? 666 : 3, 4]));
    assert.equal(await recorder.record({ polls, gaps: [] }), 'spooled');
    await log.until('database refuses readings');
    await emptied(started);
    assert.equal(store.readings.size, 79);
    const poll = store.polls.get(`plant/main@${now + 7}`);
    assert.deepEqual([...(poll?.missing ?? [])], [[2, 'rejected']]);
    assert.equal(recorder.state().spool.deadLetters, 1);
    assert.deepEqual(
      (await deadLetters(directory)).map(({ slot, values }) => [slot, ...values]),
      [[now + 7, 1, 2, 666, 4]],
    );
    assert.match(
      await readFile(join(directory, 'dead-letters.txt'), 'utf8'),
      /"reason":"value refused","metrics":\["metric_2"\]/,
    );
    assert.equal(recorder.state().database.state, 'connected');
  });

  test('several values at the ends of the double range, or a text: everything else is stored', async (t) => {
    const started = await rig(t);
    const { recorder, store } = started;
    const refused = (value: number) => Math.abs(value) > 1e307;
    store.refuses = ({ polls }) => polls.some(({ values, error }) => values.some(refused) || error === '\0');
    const polls = [
      pollOf(meter, now, [1, 1e308, -1e308, 4]),
      { ...pollOf(meter, now + 1), error: '\0' },
      { ...pollOf(meter, now + 2, [1e308, 2, 3, -1e308]), error: '\0' },
    ];
    await recorder.record({ polls, gaps: [] });
    await emptied(started);
    const stored = [...store.polls.values()].map(({ values, error }) => [...values, error]);
    assert.deepEqual(stored, [
      [1, Number.NaN, Number.NaN, 4, null],
      [...pollOf(meter, now + 1).values, null],
      [Number.NaN, Number.NaN, Number.NaN, Number.NaN, null],
    ]);
    assert.equal(recorder.state().spool.deadLetters, 6);
  });

  test('a meter that the database refuses altogether never blocks its neighbours', async (t) => {
    const started = await rig(t);
    const { recorder, store, log, directory } = started;
    store.refuses = ({ polls }) => polls.some((poll) => poll.meter.name === other.name);
    for (let i = 0; i < 5; i++) {
      await recorder.record({ polls: [pollOf(meter, now + i), pollOf(other, now + i)], gaps: [] });
    }
    await emptied(started);
    assert.equal(store.readings.size, 20);
    assert.equal(recorder.state().spool.deadLetters, 10);
    assert.equal(log.count('database refuses readings'), 1);
    assert.equal((await deadLetters(directory)).length, 5);
  });

  test('dead-letter file cannot be written: the refused readings are lost and counted', async (t) => {
    const started = await rig(t);
    const { recorder, store, log, directory } = started;
    await mkdir(join(directory, 'dead-letters.txt'));
    store.refuses = ({ polls }) => polls.some(({ values }) => values[0] === 666);
    await recorder.record({ polls: [pollOf(other, now, [666, 2])], gaps: [] });
    await emptied(started);
    assert.equal(recorder.state().lost, 1);
    assert.equal(log.count('dead-letter file cannot be written: refused readings are lost'), 1);
  });
});

describe('recorder: batches gathered before a commit', () => {
  test('are one write after the time; POST /collect and a stop do not wait', async (t) => {
    const clock = new VirtualClock(now);
    const { recorder, store } = await rig(t, { clock, commitEveryMs: 60_000 });
    const first = [0, 1, 2].map((i) => recorder.record(one(now + i)));
    await clock.runTo(now + 59_000);
    assert.deepEqual(store.writes, []);
    assert.deepEqual(recorder.state().waiting, { readings: 12, since: now });
    await clock.runTo(now + 60_001);
    assert.deepEqual(await Promise.all(first), ['stored', 'stored', 'stored']);
    assert.deepEqual(store.writes, [3]);
    const waiting = recorder.record(one(now + 3));
    assert.equal(await recorder.record(one(now + 4), { flush: true }), 'stored');
    assert.equal(await waiting, 'stored');
    assert.deepEqual(store.writes, [3, 2]);
    const last = recorder.record(one(now + 5));
    await recorder.close({ deadlineMs: 5000 });
    assert.equal(await last, 'stored');
    assert.deepEqual(recorder.state().waiting, { readings: 0, since: null });
  });

  test('are written early when they become many', async (t) => {
    const clock = new VirtualClock(now);
    const { recorder, store } = await rig(t, { clock, commitEveryMs: 60_000 });
    const large = meterInfo('plant/large', 30_000);
    await Promise.all([0, 1].map((i) => recorder.record({ polls: [pollOf(large, now + i)], gaps: [] })));
    assert.equal(store.polls.size, 2);
    assert.equal(clock.now(), now);
  });
});

describe('recorder: close', () => {
  test('while the database hangs: what is under way goes to the spool and is there after the next start', async (t) => {
    const store = new FaultyStore();
    const { recorder, directory } = await rig(t, { store, writeLimitMs: 60_000 });
    gateOf(store);
    const outcome = recorder.record(one(now));
    await recorder.close({ deadlineMs: 10 });
    assert.equal(await outcome, 'spooled');
    assert.equal(store.closed, true);
    assert.equal(await recorder.record(one(now + 1)), 'lost');
    const next = await rig(t, { directory });
    await next.log.until('spool replayed');
    assert.equal(next.store.readings.size, 4);
  });

  test('ends in its time while the database hangs in everything, its own close included', async (t) => {
    const store = new FaultyStore();
    const { recorder } = await rig(t, { store, writeLimitMs: 60_000 });
    store.close = () => new Promise(() => {});
    store.newestSlots = () => new Promise(() => {});
    recorder.begin([{ meter, slot: now, intervalMs: 1000 }]);
    await recorder.record(one(now));
    gateOf(store);
    void recorder.record(one(now + 1000));
    const began = performance.now();
    await recorder.close({ deadlineMs: 400 });
    assert.ok(performance.now() - began < 1500, `${performance.now() - began} ms`);
  });

  test('twice is as once', async (t) => {
    const { recorder } = await rig(t);
    await Promise.all([recorder.close({ deadlineMs: 100 }), recorder.close({ deadlineMs: 100 })]);
  });
});

describe('recorder: the slots between two runs', () => {
  const second = 1000;
  const at = (seconds: number) => now + seconds * second;
  const span = (from: number, until: number, of = meter) => `${of.name}@${at(from)}+${at(until)}`;
  const gaps = (store: FaultyStore) => [...store.rows].filter((row) => row.includes('+')).sort();
  const begin = ({ recorder }: Rig, slot: number, of = meter) =>
    recorder.begin([{ meter: of, slot: at(slot), intervalMs: second }]);
  const database = (newest: number | null) => {
    const store = new FaultyStore();
    if (newest !== null) store.polls.set(`${meter.name}@${at(newest)}`, pollOf(meter, at(newest)));
    return store;
  };
  const away = (newest: number | null = 0) => {
    const store = database(newest);
    store.away = true;
    return store;
  };
  /** A run that ends before the database has answered. */
  const runAway = async (t: TestContext, directory: string, first: number, polls: number) => {
    const run = await rig(t, { store: away(), directory });
    begin(run, first);
    for (let i = 0; i < polls; i++) await run.recorder.record(one(at(first + i)));
    await run.recorder.close({ deadlineMs: 0 });
  };

  test('are a gap, also when the first poll is recorded at once', async (t) => {
    const run = await rig(t, { store: database(0) });
    begin(run, 10);
    await run.recorder.record(one(at(10)));
    await emptied(run);
    assert.deepEqual(
      [...run.store.rows].sort(),
      [`${meter.name}@${at(0)}`, span(1, 10), `${meter.name}@${at(10)}`].sort(),
    );
    assert.equal(run.log.count('slots passed while the collector was down'), 1);
    assert.equal(await run.recorder.record(one(at(11))), 'stored');
  });

  test('are none where nothing is missing, or nothing was there before', async (t) => {
    const run = await rig(t, { store: database(9) });
    begin(run, 10);
    begin(run, 10, other);
    await run.recorder.record(one(at(10)));
    await emptied(run);
    assert.deepEqual(gaps(run.store), []);
    assert.equal(run.log.count('slots passed while the collector was down'), 0);
  });

  test('are found when the database answers at last, before it is given anything newer', async (t) => {
    const run = await rig(t, { store: away() });
    begin(run, 10);
    for (let slot = 10; slot < 15; slot++) assert.equal(await run.recorder.record(one(at(slot))), 'spooled');
    run.store.away = false;
    await run.log.until('spool replayed');
    assert.deepEqual(gaps(run.store), [span(1, 10)]);
  });

  test('of runs that were killed before the database ever answered: each span, once', async (t) => {
    const directory = await temporaryFolder(t);
    await runAway(t, directory, 10, 3);
    await runAway(t, directory, 20, 0);
    await runAway(t, directory, 30, 2);
    const last = await rig(t, { store: database(0), directory });
    begin(last, 40);
    await last.recorder.record(one(at(40)));
    await emptied(last);
    const covered = slotsOf(last.store);
    assert.deepEqual(
      covered,
      Array.from({ length: 41 }, (_, i) => i),
    );
    assert.deepEqual(gaps(last.store).at(0), span(1, 10));
    assert.deepEqual(gaps(last.store).at(-1), span(32, 40));
  });

  test('when the first thing recorded is a poll by hand before the first slot', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await rig(t, { store: away(), directory });
    begin(first, 10);
    await first.recorder.record({ polls: [{ ...pollOf(meter, at(9) + 345), byHand: true }], gaps: [] });
    await first.recorder.close({ deadlineMs: 0 });
    const last = await rig(t, { store: database(0), directory });
    begin(last, 20);
    await emptied(last);
    assert.deepEqual(gaps(last.store), [span(1, 10), span(10, 20)]);
  });

  test('when the spool was full as well: every slot is a poll or in one gap, whichever run was killed', async (t) => {
    const directory = await temporaryFolder(t);
    const maxBytes = 12_000;
    const polls = 60;
    const readFrom = async (run: Rig, first: number) => {
      begin(run, first);
      for (let i = 0; i < polls; i++) assert.equal(await run.recorder.record(one(at(first + i))), 'spooled');
    };
    for (const first of [10, 100]) {
      const killed = await rig(t, { store: away(), directory, maxBytes });
      await readFrom(killed, first);
      await killed.recorder.close({ deadlineMs: 0 });
    }
    const store = away();
    const last = await rig(t, { store, directory, maxBytes });
    await readFrom(last, 200);
    store.away = false;
    await last.log.until('spool replayed');
    assert.deepEqual(
      slotsOf(store),
      Array.from({ length: 200 + polls }, (_, i) => i),
    );
    assert.ok(store.polls.size < polls, 'most were dropped');
    assert.deepEqual(gaps(store).slice(0, 3), [span(1, 10), span(10, 70), span(70, 100)]);
  });

  test('are found once, when a replay is interrupted wherever, and when its answer was lost', async (t) => {
    const directory = await temporaryFolder(t);
    await runAway(t, directory, 10, 3);
    await runAway(t, directory, 20, 3);
    const store = database(0);
    for (let writes = 0; ; writes++) {
      let left = writes;
      store.refuses = () => {
        if (left-- === 0) store.away = true;
        return false;
      };
      store.away = false;
      const run = await rig(t, { store, directory });
      await until(() => store.away || run.recorder.state().spool.bytes === 0);
      await run.recorder.close({ deadlineMs: 0 });
      if (!store.away) break;
    }
    assert.deepEqual(gaps(store), [span(1, 10), span(13, 20)]);
    assert.deepEqual(
      slotsOf(store),
      Array.from({ length: 23 }, (_, i) => i),
    );
  });

  test('do not include a gap that is in the spool already', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await rig(t, { store: away(), directory });
    begin(first, 1);
    await first.recorder.record(one(at(1)));
    const missed = { meter, from: at(2), until: at(5), slots: 3, reason: 'missed' } as const;
    await first.recorder.record({ polls: [], gaps: [missed] });
    await first.recorder.close({ deadlineMs: 0 });
    const last = await rig(t, { store: database(0), directory });
    begin(last, 9);
    await emptied(last);
    assert.deepEqual(gaps(last.store), [span(2, 5), span(5, 9)]);
  });

  test('that another collector read are not missing, be it after a takeover or a second one by mistake', async (t) => {
    const store = database(0);
    const run = await rig(t, { store });
    begin(run, 10);
    await emptied(run);
    store.polls.set('other', pollOf(meter, at(50)));
    begin(run, 55);
    await emptied(run);
    assert.deepEqual(gaps(store), [span(1, 10), span(51, 55)]);
    const second = await rig(t, { store });
    for (let slot = 55; slot < 60; slot++) await run.recorder.record(one(at(slot)));
    begin(second, 60);
    await Promise.all([run, second].map(({ recorder }) => recorder.record(one(at(60)))));
    await emptied(second);
    assert.deepEqual(gaps(store), [span(1, 10), span(51, 55)]);
  });

  test('are found without a disk, too, as soon as the database answers', async (t) => {
    const store = away();
    const run = await rig(t, { store });
    await rm(run.directory, { recursive: true });
    begin(run, 10);
    assert.equal(await run.recorder.record(one(at(10))), 'lost');
    store.away = false;
    assert.equal(await run.recorder.record(one(at(11))), 'stored');
    assert.deepEqual(gaps(store), [span(1, 10), span(10, 11)]);
  });

  /** Every second that has a poll or lies in a gap, in order; one that is there twice comes twice. */
  function slotsOf(store: FaultyStore): number[] {
    const polls = [...store.polls.values()].map(({ slot }) => (slot - now) / second);
    const inGaps = [...store.gaps.values()].flatMap(({ from, slots }) =>
      Array.from({ length: slots }, (_, i) => (from - now) / second + i),
    );
    return [...polls, ...inGaps].sort((a, b) => a - b);
  }
});
