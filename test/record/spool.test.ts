import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { systemClock } from '../../src/model/clock.js';
import { EmdcError } from '../../src/model/errors.js';
import { silentLog } from '../../src/model/log.js';
import type { Gap } from '../../src/model/poll.js';
import { openSpool } from '../../src/record/open-spool.js';
import type { Spool } from '../../src/record/spool.js';
import { meterInfo, pollOf, temporaryFolder } from '../support/polls.js';
import { RecordingLog } from '../support/recording-log.js';

const meter = meterInfo('plant/main');
const other = meterInfo('plant/other', 5);
const MONTH = 30 * 86_400_000;

const open = (directory: string, more: { maxBytes?: number; maxAgeMs?: number; log?: RecordingLog } = {}) =>
  openSpool({ directory, maxBytes: 1e9, maxAgeMs: MONTH, clock: systemClock, log: silentLog, ...more });

const slotsOf = (slots: readonly number[]) => ({ polls: slots.map((slot) => pollOf(meter, slot)), gaps: [] });

interface Drained {
  readonly slots: number[];
  readonly gaps: Gap[];
}

async function drain(spool: Spool, chunkReadings = 100): Promise<Drained> {
  const drained: Drained = { slots: [], gaps: [] };
  for (;;) {
    const chunk = await spool.next(chunkReadings);
    if (!chunk) return drained;
    drained.slots.push(...chunk.batch.polls.map((poll) => poll.slot));
    drained.gaps.push(...chunk.batch.gaps);
    chunk.done();
  }
}

const drainAll = async (spool: Spool): Promise<number[]> => (await drain(spool)).slots;

const now = Date.now();

describe('spool', () => {
  test('keeps order over segments and processes, and is empty when all is done', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await open(directory);
    assert.equal(await first.append(slotsOf([now, now + 1])), true);
    await first.close();
    const second = await open(directory);
    assert.equal(await second.append(slotsOf([now + 2])), true);
    await second.ready;
    assert.deepEqual({ ...second.status(), bytes: 0 }, { readings: 9, bytes: 0, oldest: now, dropped: 0 });
    assert.deepEqual(await drainAll(second), [now, now + 1, now + 2]);
    assert.deepEqual(second.status(), { readings: 0, bytes: 0, oldest: null, dropped: 0 });
    await second.close();
    assert.deepEqual(await readdir(directory), []);
  });

  test('what was taken but not confirmed is there again after a restart', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await open(directory);
    await first.append(slotsOf([now, now + 1]));
    const chunk = await first.next(1);
    assert.deepEqual(
      chunk?.batch.polls.map((poll) => poll.slot),
      [now],
    );
    await first.close();
    const second = await open(directory);
    assert.deepEqual(await drainAll(second), [now, now + 1]);
    await second.close();
  });

  test('an earlier process is seen: its newest slot per meter', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await open(directory);
    await first.append({ polls: [pollOf(meter, now), pollOf(other, now + 5), pollOf(meter, now - 9)], gaps: [] });
    await first.close();
    const second = await open(directory);
    await second.ready;
    assert.deepEqual(
      [...second.leftSlots],
      [
        [meter.name, now],
        [other.name, now + 5],
      ],
    );
    await second.close();
  });

  test('at its bound it drops the oldest, counts them and says so once', async (t) => {
    const directory = await temporaryFolder(t);
    const log = new RecordingLog();
    const spool = await open(directory, { maxBytes: 16_000, log });
    for (let i = 0; i < 1000; i++) {
      assert.equal(await spool.append(slotsOf([now + i])), true);
      assert.ok(spool.status().bytes <= 16_000);
    }
    const { readings, dropped } = spool.status();
    assert.equal(readings + dropped, 3000);
    const { slots, gaps } = await drain(spool);
    assert.deepEqual(
      slots,
      Array.from(slots, (_, i) => now + 1000 - slots.length + i),
      'the newest, without a hole',
    );
    assert.equal(slots.length * 3, readings);
    assert.deepEqual(
      gaps.map(({ from, until, slots, reason }) => ({ from, until, slots, reason })),
      [{ from: now, until: slots[0], slots: dropped / 3, reason: 'lost' }],
      'the others, as one gap',
    );
    assert.equal(log.count('spool drops its oldest readings'), 1);
    await spool.close();
  });

  test('what is older than the limit is dropped and counted, what is younger stays', async (t) => {
    const directory = await temporaryFolder(t);
    const spool = await open(directory, { maxAgeMs: 3_600_000 });
    await spool.append(slotsOf([now - 7_200_000]));
    await spool.append(slotsOf([now]));
    await spool.dropAged();
    assert.equal(spool.status().dropped, 3);
    const { slots, gaps } = await drain(spool);
    assert.deepEqual(slots, [now]);
    assert.deepEqual(
      gaps.map(({ from, slots, reason }) => ({ from, slots, reason })),
      [{ from: now - 7_200_000, slots: 1, reason: 'lost' }],
    );
    await spool.close();
  });

  test('dropped while it is drained: what is under way may be on record twice, and nothing else', async (t) => {
    const spool = await open(await temporaryFolder(t), { maxAgeMs: 3_600_000 });
    const polls = 200;
    const first = now - 7_200_000;
    for (let i = 0; i < polls; i++) await spool.append(slotsOf([first + i]));
    const drained = new Set<number>();
    const lost = new Set<number>();
    let dropping: Promise<void> | null = null;
    for (let chunk = await spool.next(1); chunk; chunk = await spool.next(1)) {
      if (drained.size === polls / 2) dropping = spool.dropAged();
      // As a write takes a while.
      await setImmediate();
      for (const { slot } of chunk.batch.polls) drained.add(slot);
      for (const { from, slots } of chunk.batch.gaps) for (let i = 0; i < slots; i++) lost.add(from + i);
      chunk.done();
    }
    await dropping;
    assert.equal(new Set([...drained, ...lost]).size, polls);
    assert.ok(lost.size > 1);
    assert.ok([...lost].filter((slot) => drained.has(slot)).length <= 1);
    await spool.close();
  });

  test('killed between the account of what it drops and dropping it: only the account is left', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await open(directory, { maxAgeMs: 3_600_000 });
    await first.append(slotsOf([now - 7_200_000]));
    const [name = ''] = (await readdir(directory)).filter((file) => file.startsWith('segment'));
    const bytes = await readFile(join(directory, name));
    await first.append(slotsOf([now]));
    await first.dropAged();
    await first.close();
    await writeFile(join(directory, name), bytes);
    // Of an account that this one replaced.
    await writeFile(join(directory, 'lost-000000000000.spool'), '');
    const second = await open(directory);
    const { slots, gaps } = await drain(second);
    assert.deepEqual([slots, gaps.length], [[now], 1]);
    await second.close();
    assert.deepEqual(await readdir(directory), []);
  });

  test('whatever is drained, dropped or left to a later process: every slot comes out, as a poll or as lost', async () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant('append' as const), polls: fc.integer({ min: 1, max: 5 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('drain' as const), readings: fc.integer({ min: 1, max: 9 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
    );
    let dropped = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const directory = await mkdtemp(join(tmpdir(), 'emdc-'));
        const bound = { maxBytes: 4000 };
        let spool = await open(directory, bound);
        const polled = new Set<number>();
        const gaps = new Map<number, Gap>();
        let slot = now;
        const take = async (readings: number): Promise<boolean> => {
          const chunk = await spool.next(readings);
          for (const poll of chunk?.batch.polls ?? []) polled.add(poll.slot);
          // As a database does: the same gap again is the longer one.
          for (const gap of chunk?.batch.gaps ?? []) gaps.set(gap.from, gap);
          chunk?.done();
          return chunk !== null;
        };
        try {
          for (const action of steps) {
            if (action.kind === 'append') {
              assert.equal(await spool.append(slotsOf(Array.from({ length: action.polls }, () => slot++))), true);
              assert.ok(spool.status().bytes <= bound.maxBytes);
            } else if (action.kind === 'drain') await take(action.readings);
            else {
              await spool.close();
              spool = await open(directory, bound);
            }
          }
          while (await take(100));
          assert.deepEqual(await readdir(directory).then((names) => names.filter((name) => name !== 'lock')), []);
        } finally {
          await spool.close();
          await rm(directory, { recursive: true, force: true });
        }
        const lost = [...gaps.values()].flatMap(({ from, slots }) => Array.from({ length: slots }, (_, i) => from + i));
        dropped += lost.length;
        // A later process does not know how far an earlier one had drained a segment.
        const both = steps.some(({ kind }) => kind === 'restart') ? [] : lost.filter((each) => polled.has(each));
        assert.deepEqual(both, []);
        for (const each of lost) polled.add(each);
        assert.deepEqual(
          [...polled].sort((a, b) => a - b),
          Array.from({ length: slot - now }, (_, i) => now + i),
        );
      }),
      { numRuns: 60 },
    );
    assert.ok(dropped > 100, `${dropped} slots were dropped in all runs`);
  });

  test('a second collector on the same directory is refused with a hint; after the first has gone it may', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await open(directory);
    await assert.rejects(open(directory), (error) => error instanceof EmdcError && error.code === 'spool-in-use');
    await first.close();
    const second = await open(directory);
    await second.close();
  });

  test('a directory that cannot be made is an error that names it', async (t) => {
    const directory = await temporaryFolder(t);
    await writeFile(join(directory, 'file'), '');
    await assert.rejects(open(join(directory, 'file', 'spool')), /spool directory .*file\/spool cannot be used/);
  });

  test('a disk that takes nothing: said once, refused, and well again when it does', async (t) => {
    const directory = await temporaryFolder(t);
    const log = new RecordingLog();
    const spool = await open(directory, { log });
    await spool.append(slotsOf([now]));
    await drainAll(spool);
    await rm(directory, { recursive: true });
    assert.equal(await spool.append(slotsOf([now + 1])), false);
    assert.equal(await spool.append(slotsOf([now + 2])), false);
    await mkdir(directory);
    assert.equal(await spool.append(slotsOf([now + 3])), true);
    assert.deepEqual(await drainAll(spool), [now + 3]);
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ['spool cannot be written', 'spool can be written again'],
    );
    await spool.close();
  });

  test('a segment damaged in its middle: the rest is drained, the segment kept for people', async (t) => {
    const directory = await temporaryFolder(t);
    const log = new RecordingLog();
    const first = await open(directory);
    for (let i = 0; i < 3; i++) await first.append(slotsOf([now + i]));
    await first.close();
    const [name] = await readdir(directory);
    const bytes = await readFile(join(directory, name ?? ''));
    const middle = bytes.indexOf('EMD1', bytes.indexOf('EMD1', 1));
    bytes.writeUInt8(bytes.readUInt8(middle + 20) ^ 1, middle + 20);
    await writeFile(join(directory, name ?? ''), bytes);
    const second = await open(directory, { log });
    assert.deepEqual(await drainAll(second), [now, now + 2]);
    assert.equal(log.lines.filter(({ level }) => level === 'error').length, 1);
    await second.close();
    assert.deepEqual(await readdir(directory), ['damaged.bin']);
    assert.deepEqual(await readFile(join(directory, 'damaged.bin')), bytes);
  });

  test('a segment that cannot be read at all: counted, said, kept for people, and the next one is drained', async (t) => {
    const directory = await temporaryFolder(t);
    const log = new RecordingLog();
    const spool = await open(directory, { log, maxAgeMs: 3_600_000 });
    await spool.append(slotsOf([now - 600_000]));
    const [name = ''] = (await readdir(directory)).filter((file) => file.startsWith('segment'));
    await spool.append(slotsOf([now]));
    await rm(join(directory, name));
    await mkdir(join(directory, name));
    assert.deepEqual(await drainAll(spool), [now]);
    assert.equal(spool.status().dropped, 3);
    assert.equal(log.count('spool segment cannot be read'), 1);
    assert.equal(log.count('what the spool drops cannot go on record'), 1);
    await spool.close();
    assert.deepEqual(await readdir(directory), ['damaged.bin']);
  });

  test('crash at any instant: every acknowledged batch is read after it, in order, and nothing is invented', async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('append' as const), polls: fc.integer({ min: 1, max: 5 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('drain' as const), readings: fc.integer({ min: 1, max: 40 }) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('crash' as const), cut: fc.double({ min: 0, max: 1, noNaN: true }) }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        let directory = await mkdtemp(join(tmpdir(), 'emdc-'));
        let spool = await open(directory, { maxBytes: 8_000_000, maxAgeMs: 16 * 20 });
        let slot = now;
        let waiting: number[] = [];
        try {
          for (const action of [...steps, { kind: 'crash' as const, cut: 0.5 }]) {
            if (action.kind === 'append') {
              const slots = Array.from({ length: action.polls }, () => slot++);
              assert.equal(await spool.append(slotsOf(slots)), true);
              waiting.push(...slots);
            } else if (action.kind === 'drain') {
              const chunk = await spool.next(action.readings);
              const taken = chunk?.batch.polls.map((poll) => poll.slot) ?? [];
              assert.deepEqual(taken, waiting.slice(0, taken.length));
              assert.equal(taken.length === 0, waiting.length === 0);
              chunk?.done();
              waiting = waiting.slice(taken.length);
            } else {
              // The disk as a crash leaves it: copied in the middle of an append that is then cut off anywhere.
              const before = await sizes(directory);
              const unfinished = slot;
              await spool.append(slotsOf([slot++, slot++]));
              const left = await mkdtemp(join(tmpdir(), 'emdc-'));
              for (const [name, size] of await sizes(directory)) {
                await copyFile(join(directory, name), join(left, name));
                const old = before.get(name) ?? 0;
                await truncate(join(left, name), old + Math.floor((size - old) * action.cut));
              }
              await spool.close();
              await rm(directory, { recursive: true });
              directory = left;
              spool = await open(directory, { maxBytes: 8_000_000, maxAgeMs: 16 * 20 });
              const found = await drainAll(spool);
              const kept = found.filter((one) => one < unfinished);
              // Chunks confirmed from a segment that was still in use come again: harmless, since writing twice is.
              assert.deepEqual(kept.slice(kept.length - waiting.length), waiting);
              assert.ok(found.every((one) => one >= now && one < slot));
              waiting = [];
            }
          }
        } finally {
          await spool.close();
          await rm(directory, { recursive: true, force: true });
        }
      }),
      { numRuns: 60 },
    );
  });
});

async function sizes(directory: string): Promise<Map<string, number>> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.spool'));
  return new Map(
    await Promise.all(names.map(async (name) => [name, (await stat(join(directory, name))).size] as const)),
  );
}
