import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type Clock, systemClock } from '../../src/model/clock.js';
import { openRecorder, type Recorder } from '../../src/record/recorder.js';
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

async function rig(
  t: TestContext,
  options: {
    store?: FaultyStore;
    directory?: string;
    openStore?: () => Promise<FaultyStore>;
    clock?: Clock;
    writeLimitMs?: number;
    maxBytes?: number;
  } = {},
): Promise<Rig> {
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
  });
  t.after(() => recorder.close({ deadlineMs: 0 }));
  return { recorder, store, log, directory };
}

describe('recorder', () => {
  test('database well: stored, and batches that arrive during a write go together in the next one', async (t) => {
    const { recorder, store } = await rig(t);
    let release = () => {};
    store.gate = new Promise((resolve) => {
      release = resolve;
    });
    const first = recorder.record(one(now));
    const rest = [1, 2, 3].map((i) => recorder.record(one(now + i)));
    store.gate = null;
    release();
    assert.deepEqual(await Promise.all([first, ...rest]), ['stored', 'stored', 'stored', 'stored']);
    assert.deepEqual(store.writes, [1, 3]);
    assert.equal(recorder.state().database.state, 'connected');
    assert.equal(store.readings.size, 16);
  });

  test('database goes and comes back: spooled meanwhile, then drained, live cycles beside it; each said once', async (t) => {
    const { recorder, store, log } = await rig(t);
    assert.equal(await recorder.record(one(now)), 'stored');
    store.away = true;
    for (let i = 1; i <= 50; i++) assert.equal(await recorder.record(one(now + i)), 'spooled');
    const { database, spool } = recorder.state();
    assert.equal(database.state, 'away');
    assert.equal(database.lastError, 'connection refused');
    assert.deepEqual([spool.readings, spool.oldest], [200, now + 1]);
    store.away = false;
    await log.until('spool drained');
    assert.equal(await recorder.record(one(now + 51)), 'stored');
    assert.equal(store.readings.size, 52 * 4);
    assert.deepEqual(recorder.state().spool, { readings: 0, bytes: 0, oldest: null, dropped: 0, deadLetters: 0 });
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ['database connected', 'database is away', 'database is back', 'spool drained'],
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
    await log.until('spool drained');
    assert.equal(store.readings.size, 4);
  });

  test('database that can never be used, at start: refused, and the spool directory is free again', async (t) => {
    const directory = await temporaryFolder(t);
    const failure = new StoreFailure({ code: 'newer', message: 'newer than this program', remedy: 'stop' });
    await assert.rejects(rig(t, { directory, openStore: () => Promise.reject(failure) }), failure);
    await rig(t, { directory });
  });

  test('write that takes too long: spooled after the limit, and its late success doubles nothing', async (t) => {
    const { recorder, store, log } = await rig(t, { writeLimitMs: 50 });
    let release = () => {};
    store.gate = new Promise((resolve) => {
      release = resolve;
    });
    const fates = [recorder.record(one(now)), recorder.record(one(now + 1))];
    assert.deepEqual(await Promise.all(fates), ['spooled', 'spooled']);
    // It is away, and not merely slow, though the second has waited as long as the first was written.
    assert.equal(log.count('database stores less than comes in: readings go through the spool'), 0);
    store.gate = null;
    release();
    await log.until('spool drained');
    assert.equal(store.rows.size, 2);
    assert.equal(store.readings.size, 8);
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
    // The first is under way at once, so that the others come when it has nearly ended.
    const fates = [0, 1, 2, 3, 4].map((i) => recorder.record({ polls: [pollOf(large, now + 1000 * i)], gaps: [] }));
    assert.deepEqual(await Promise.all(fates), ['stored', 'stored', 'stored', 'spooled', 'spooled']);
    assert.equal(log.count('database stores less than comes in: readings go through the spool'), 1);
    assert.equal(recorder.state().database.state, 'connected');
    assert.equal(recorder.state().lost, 0);
    const drained = log.until('spool drained');
    // The drain pauses by this clock.
    while (
      (await Promise.race([drained.then(() => true), clock.runTo(clock.now() + 1000).then(() => false)])) === false
    );
    assert.equal(store.rows.size, 5);
    assert.equal(store.readings.size, 5 * 30_000);
    assert.equal(await recorder.record(one(now + 9000)), 'stored');
  });

  test('deadlock: tried again at once, nobody notices', async (t) => {
    const { recorder, store, log } = await rig(t);
    store.failOnce = new StoreFailure({ code: 'deadlock', message: 'deadlock', remedy: 'retry' });
    assert.equal(await recorder.record(one(now)), 'stored');
    assert.equal(log.count('database is away'), 0);
  });

  test('one reading that the database refuses for ever: dead letter with the reason, all others stored', async (t) => {
    const { recorder, store, log, directory } = await rig(t);
    store.refuses = ({ polls, parts = [] }) =>
      [...polls, ...parts].some((poll) => poll.slot === now + 7 && poll.values[2] === 666);
    const batch = Array.from({ length: 20 }, (_, i) => pollOf(meter, now + i, [1, 2, i === 7 ? 666 : 3, 4]));
    assert.equal(await recorder.record({ polls: batch, gaps: [] }), 'spooled');
    await log.until('database refuses readings for good');
    await until(() => recorder.state().spool.bytes === 0);
    assert.equal(store.readings.size, 79);
    assert.equal(store.readings.has(`plant/main/metric_2@${now + 7}`), false);
    assert.equal(recorder.state().spool.deadLetters, 1);
    const [letter, end] = (await readFile(join(directory, 'dead-letters.jsonl'), 'utf8')).split('\n');
    const { meter: name, values, reason } = JSON.parse(letter ?? '');
    assert.deepEqual(
      { name, values, reason, end },
      { name: meter.name, values: { metric_2: 666 }, reason: 'value refused', end: '' },
    );
    assert.equal(recorder.state().database.state, 'connected');
  });

  test('a meter that the database refuses altogether never blocks its neighbours', async (t) => {
    const { recorder, store, log } = await rig(t);
    store.refuses = ({ polls, parts = [] }) => [...polls, ...parts].some((poll) => poll.meter.name === other.name);
    for (let i = 0; i < 5; i++) {
      await recorder.record({ polls: [pollOf(meter, now + i), pollOf(other, now + i)], gaps: [] });
    }
    await until(() => recorder.state().spool.bytes === 0);
    assert.equal(store.readings.size, 20);
    assert.equal(recorder.state().spool.deadLetters, 10);
    assert.equal(log.count('database refuses readings for good'), 1);
  });

  test('neither database nor disk: lost, counted, said once; kept again when the database is back', async (t) => {
    const { recorder, store, log, directory } = await rig(t);
    store.away = true;
    await rm(directory, { recursive: true });
    assert.equal(await recorder.record(one(now)), 'lost');
    assert.equal(await recorder.record(one(now + 1)), 'lost');
    assert.equal(recorder.state().lost, 8);
    store.away = false;
    assert.equal(await recorder.record(one(now + 2)), 'stored', 'tried at once, without waiting for the next probe');
    assert.equal(log.count('readings are being lost: neither database nor spool takes them'), 1);
    assert.equal(log.count('readings are kept again'), 1);
    const gap = `${meter.name}@${now}+${now + 2}`;
    assert.deepEqual([...store.rows].sort(), [gap, `${meter.name}@${now + 2}`].sort(), 'and what was lost, as a gap');
    assert.equal(await recorder.record(one(now + 3)), 'stored');
    assert.equal(store.rows.size, 3);
  });

  test('closed while the database hangs: what is under way goes to the spool and is there after the next start', async (t) => {
    const store = new FaultyStore();
    const { recorder, directory } = await rig(t, { store, writeLimitMs: 60_000 });
    store.gate = new Promise(() => {});
    const fate = recorder.record(one(now));
    await recorder.close({ deadlineMs: 10 });
    assert.equal(await fate, 'spooled');
    assert.equal(store.closed, true);
    assert.equal(await recorder.record(one(now + 1)), 'lost');
    const next = await rig(t, { directory });
    await next.log.until('spool drained');
    assert.equal(next.store.readings.size, 4);
  });
});

describe('recorder: the slots before the first', () => {
  const second = 1000;
  const begin = ({ recorder }: Rig, slot: number, of = meter) =>
    recorder.begin([{ meter: of, slot, intervalMs: second }]);
  const gaps = (store: FaultyStore) => [...store.rows].filter((row) => row.includes('+')).sort();
  const span = (from: number, until: number, of = meter) => `${of.name}@${now + from * second}+${now + until * second}`;
  const at = (seconds: number) => now + seconds * second;
  const database = (last: number | null) => {
    const store = new FaultyStore();
    if (last !== null) store.slots = new Map([[meter.name, at(last)]]);
    return store;
  };
  const away = () => {
    const store = database(0);
    store.away = true;
    return store;
  };
  /** Up to the moment before the database has answered. */
  const diesUnanswered = async (t: TestContext, directory: string, first: number, polls: number) => {
    const rig_ = await rig(t, { store: away(), directory });
    begin(rig_, at(first));
    for (let i = 0; i < polls; i++) await rig_.recorder.record(one(at(first + i)));
    await rig_.recorder.close({ deadlineMs: 0 });
  };

  test('are a gap that is on record before the first poll is', async (t) => {
    const started = await rig(t, { store: database(0) });
    begin(started, at(10));
    assert.equal(await started.recorder.record(one(at(10))), 'stored');
    assert.deepEqual([...started.store.rows], [span(1, 10), `${meter.name}@${at(10)}`]);
    assert.equal(started.log.count('slots passed while the collector was down'), 1);
  });

  test('that this process passed over are a gap, too, but not where a clock that was behind hides what is on record', async (t) => {
    const started = await rig(t, { store: database(30) });
    started.recorder.begin([{ meter, slot: at(10), intervalMs: second, after: at(5) }]);
    await started.recorder.record(one(at(10)));
    started.recorder.begin([{ meter, slot: at(40), intervalMs: second, after: at(10) }]);
    await started.recorder.record(one(at(40)));
    started.recorder.begin([{ meter, slot: at(50), intervalMs: second, after: at(40) }]);
    await started.recorder.record(one(at(50)));
    assert.deepEqual(gaps(started.store), [span(31, 40), span(41, 50)]);
    assert.equal(started.log.count('slots passed while the collector was down'), 0);
  });

  test('that were passed over before the database has answered are a gap, whoever is killed', async (t) => {
    const passesOver = async (rig_: Rig, first: number) => {
      begin(rig_, at(first));
      const polled = rig_.recorder.record(one(at(first)));
      rig_.recorder.begin([{ meter, slot: at(first + 5), intervalMs: second, after: at(first) }]);
      await Promise.all([polled, rig_.recorder.record(one(at(first + 5)))]);
    };
    const directory = await temporaryFolder(t);
    const first = await rig(t, { store: away(), directory });
    await passesOver(first, 10);
    await first.recorder.close({ deadlineMs: 0 });
    const store = away();
    const last = await rig(t, { store, directory });
    await passesOver(last, 20);
    store.away = false;
    await last.log.until('spool drained');
    assert.deepEqual(gaps(store), [span(1, 10), span(11, 15), span(16, 20), span(21, 25)]);
  });

  test('are found by the next process also when the first polls went to the disk together with them', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await rig(t, { store: away(), directory });
    void first.recorder.record(one(now, other));
    begin(first, at(10));
    await Promise.all([first.recorder.record(one(at(10))), first.recorder.record(one(at(11)))]);
    await first.recorder.close({ deadlineMs: 0 });
    const last = await rig(t, { store: database(0), directory });
    begin(last, at(20));
    await last.log.until('spool drained');
    assert.deepEqual(gaps(last.store), [span(1, 10), span(12, 20)]);
  });

  test('are none where nothing is missing, or nothing was there before', async (t) => {
    const started = await rig(t, { store: database(9) });
    begin(started, at(10));
    begin(started, at(10), other);
    await started.recorder.record(one(at(10)));
    assert.deepEqual(gaps(started.store), []);
    assert.equal(started.log.count('slots passed while the collector was down'), 0);
  });

  test('are found when the database answers at last, before it is given anything newer', async (t) => {
    const store = away();
    const started = await rig(t, { store });
    begin(started, at(10));
    for (let slot = 10; slot < 15; slot++) assert.equal(await started.recorder.record(one(at(slot))), 'spooled');
    store.away = false;
    await started.log.until('spool drained');
    assert.deepEqual(gaps(store), [span(1, 10)]);
  });

  test('of collectors that were killed before the database ever answered: each stretch, once', async (t) => {
    const directory = await temporaryFolder(t);
    await diesUnanswered(t, directory, 10, 3);
    await diesUnanswered(t, directory, 20, 0);
    await diesUnanswered(t, directory, 30, 2);
    const last = await rig(t, { store: database(0), directory });
    begin(last, at(40));
    await last.recorder.record(one(at(40)));
    await last.log.until('spool drained');
    assert.deepEqual(gaps(last.store), [span(1, 10), span(13, 20), span(20, 30), span(32, 40)]);
  });

  test('of such a collector that was told by a read by hand: what is missing before that, too', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await rig(t, { store: away(), directory });
    begin(first, at(10));
    await first.recorder.record(one(at(9) + 345));
    await first.recorder.close({ deadlineMs: 0 });
    const last = await rig(t, { store: database(0), directory });
    begin(last, at(20));
    await last.log.until('spool drained');
    assert.deepEqual(gaps(last.store), [span(1, 10), span(10, 20)]);
  });

  test('of collectors whose spool was full, too: each slot is on record once, whoever was killed', async (t) => {
    const directory = await temporaryFolder(t);
    const maxBytes = 6000;
    const polls = 60;
    const readsFrom = async (rig_: Rig, first: number) => {
      begin(rig_, at(first));
      for (let i = 0; i < polls; i++) assert.equal(await rig_.recorder.record(one(at(first + i))), 'spooled');
    };
    for (const first of [10, 100]) {
      const killed = await rig(t, { store: away(), directory, maxBytes });
      await readsFrom(killed, first);
      await killed.recorder.close({ deadlineMs: 0 });
    }
    const store = away();
    const last = await rig(t, { store, directory, maxBytes });
    await readsFrom(last, 200);
    store.away = false;
    await last.log.until('spool drained');
    const rows = [...store.rows].map((row) => row.replace(`${meter.name}@`, '').split('+').map(Number));
    const covered = rows.flatMap(([from = 0, until = from + second]) =>
      Array.from({ length: (until - from) / second }, (_, i) => (from - now) / second + i),
    );
    assert.deepEqual(
      covered.sort((a, b) => a - b),
      Array.from({ length: 199 + polls }, (_, i) => 1 + i),
    );
    assert.ok(rows.length < polls, 'most were dropped');
    assert.deepEqual(gaps(store).slice(0, 2), [span(1, 10), span(10, 70)]);
  });

  test('are not reckoned again by who comes after the one that did, however much he left in the spool', async (t) => {
    const directory = await temporaryFolder(t);
    await diesUnanswered(t, directory, 10, 3);
    const store = database(20);
    store.away = true;
    const unanswered = await rig(t, { store, directory });
    begin(unanswered, at(22));
    store.away = false;
    await unanswered.log.until('spool drained');
    assert.deepEqual(gaps(store), [span(21, 22)]);
  });

  test('are not those that are a gap in the spool already', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await rig(t, { store: away(), directory });
    begin(first, at(1));
    await first.recorder.record(one(at(1)));
    await first.recorder.record({
      polls: [],
      gaps: [{ meter, from: at(2), until: at(5), slots: 3, reason: 'missed' }],
    });
    await first.recorder.close({ deadlineMs: 0 });
    const last = await rig(t, { store: database(0), directory });
    begin(last, at(9));
    await last.log.until('spool drained');
    assert.deepEqual(gaps(last.store), [span(2, 5), span(5, 9)]);
  });

  test('are reckoned from what another collector has written, where that one has read until now', async (t) => {
    const started = await rig(t, { store: database(0) });
    begin(started, at(10));
    started.store.slots = new Map([[meter.name, at(50)]]);
    started.recorder.beginAgain();
    begin(started, at(55));
    await until(() => gaps(started.store).length === 2);
    assert.deepEqual(gaps(started.store), [span(1, 10), span(51, 55)]);
  });
});

/** For states that nothing announces. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(5);
}
