import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/model/clock.js';
import { EmdcError } from '../../src/model/errors.js';
import { silentLog } from '../../src/model/log.js';
import type { Entry } from '../../src/record/entry.js';
import { openSpool, type Spool } from '../../src/record/spool.js';
import { meterInfo, pollOf, temporaryFolder } from '../support/polls.js';
import { RecordingLog } from '../support/recording-log.js';

const meter = meterInfo('plant/main');
const MONTH = 30 * 86_400_000;
const now = Date.now();

const open = (directory: string, more: { maxBytes?: number; maxAgeMs?: number; log?: RecordingLog } = {}) =>
  openSpool({
    ...{ directory, maxBytes: 1e9, maxAgeMs: MONTH, clock: systemClock, log: silentLog },
    ...{ intervals: new Map([[meter.name, 1]]), ...more },
  });

const polls = (...slots: readonly number[]): Entry[] =>
  slots.map((slot) => ({ kind: 'poll', poll: pollOf(meter, slot) }));
const start = (slot: number): Entry => ({ kind: 'start', start: { meter, slot, intervalMs: 1 } });

/** `slot` of polls, `>slot` of starts, `from+slots` of gaps; times from `now`. */
const print = (entry: Entry): string => {
  if (entry.kind === 'poll') return `${entry.poll.slot - now}`;
  if (entry.kind === 'start') return `>${entry.start.slot - now}`;
  return entry.kind === 'gap' ? `${entry.gap.from - now}+${entry.gap.slots} ${entry.gap.reason}` : entry.event.what;
};

async function takeAll(spool: Spool, maxWeight = 100): Promise<string[]> {
  const taken: string[] = [];
  for (let chunk = await spool.take(maxWeight); chunk; chunk = await spool.take(maxWeight)) {
    taken.push(...chunk.entries.map(print));
    await chunk.end(true);
  }
  return taken;
}

const segmentsIn = async (directory: string) => (await readdir(directory)).filter((name) => name.startsWith('segment'));

describe('spool', () => {
  test('keeps the order over segments and processes, and is empty when all is taken', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await open(directory);
    assert.equal(await first.append([start(now), ...polls(now, now + 1)]), true);
    await first.close();
    const log = new RecordingLog();
    const second = await open(directory, { log });
    assert.equal(log.count('spool holds readings of an earlier run'), 1);
    assert.equal(await second.append(polls(now + 2)), true);
    assert.deepEqual({ ...second.status(), bytes: 0 }, { readings: 9, bytes: 0, oldest: now, dropped: 0 });
    assert.equal(second.holdsStarts, true);
    assert.deepEqual(await takeAll(second), ['>0', '0', '1', '2']);
    assert.deepEqual(second.status(), { readings: 0, bytes: 0, oldest: null, dropped: 0 });
    assert.equal(second.holdsStarts, false);
    await second.close();
    assert.deepEqual(await readdir(directory), []);
  });

  test('what was taken and not stored comes again, also after a restart', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await open(directory);
    await first.append(polls(now, now + 1));
    for (let i = 0; i < 2; i++) {
      const chunk = await first.take(1);
      assert.deepEqual(chunk?.entries.map(print), ['0']);
      await chunk?.end(false);
    }
    await first.close();
    const second = await open(directory);
    assert.deepEqual(await takeAll(second), ['0', '1']);
    await second.close();
  });

  test('a mark is past when all that was appended before it is taken', async (t) => {
    const spool = await open(await temporaryFolder(t));
    assert.equal(spool.isPast(spool.mark()), true);
    await spool.append(polls(now));
    const mark = spool.mark();
    await spool.append(polls(now + 1));
    assert.equal(spool.isPast(mark), false);
    await (await spool.take(1))?.end(true);
    assert.equal(spool.isPast(mark), true);
    assert.deepEqual(await takeAll(spool), ['1']);
    await spool.close();
  });

  test('at its bound it drops the oldest, counts and says so once; starts and one gap stay in their place', async (t) => {
    const directory = await temporaryFolder(t);
    const log = new RecordingLog();
    const spool = await open(directory, { maxBytes: 16_000, log });
    await spool.append([start(now)]);
    for (let i = 0; i < 1000; i++) {
      if (i === 500) await spool.append([start(now + i)]);
      assert.equal(await spool.append(polls(now + i)), true);
      assert.ok(spool.status().bytes <= 16_000);
    }
    const { readings, dropped } = spool.status();
    assert.equal(readings + dropped, 3000);
    const [first, lost, second, lostLater, ...kept] = await takeAll(spool);
    const count = 1000 - kept.length;
    assert.deepEqual([first, lost, second, lostLater], ['>0', '0+500 lost', '>500', `500+${count - 500} lost`]);
    assert.deepEqual(
      kept,
      Array.from(kept, (_, i) => `${count + i}`),
      'the newest, without a hole',
    );
    assert.equal(log.count('spool drops its oldest readings'), 1);
    await spool.close();
  });

  test('what is older than the limit is dropped and counted, what is younger stays', async (t) => {
    const spool = await open(await temporaryFolder(t), { maxAgeMs: 3_600_000 });
    await spool.append(polls(now - 7_200_000));
    await spool.append(polls(now));
    await spool.dropAged();
    assert.equal(spool.status().dropped, 3);
    assert.deepEqual(await takeAll(spool), ['-7200000+1 lost', '0']);
    await spool.close();
  });

  test('dropped while it is replayed: every slot comes out once, as stored or as lost', async (t) => {
    const spool = await open(await temporaryFolder(t), { maxAgeMs: 3_600_000 });
    const first = now - 7_200_000;
    for (let i = 0; i < 20; i++) await spool.append(polls(first + i));
    for (const stored of [true, false]) {
      const chunk = await spool.take(1);
      await spool.dropAged();
      assert.equal(spool.status().dropped, 0, 'not while it is open what becomes of the chunk');
      await chunk?.end(stored);
    }
    await spool.dropAged();
    assert.deepEqual(await takeAll(spool), [`${1 - 7_200_000}+19 lost`]);
    await spool.close();
  });

  test('killed between the note of what is dropped and the deletion: only the note counts', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await open(directory, { maxAgeMs: 3_600_000 });
    await first.append(polls(now - 7_200_000));
    const [name = ''] = await segmentsIn(directory);
    const text = await readFile(join(directory, name));
    await first.append(polls(now));
    await first.dropAged();
    await first.close();
    await writeFile(join(directory, name), text);
    await writeFile(join(directory, 'lost-000000000000.txt'), text);
    await writeFile(join(directory, 'lost-000000000009.txt.tmp'), text);
    const second = await open(directory);
    assert.deepEqual(await takeAll(second), ['-7200000+1 lost', '0']);
    await second.close();
    assert.deepEqual(await readdir(directory), []);
  });

  test('a second collector on the same directory is refused with a hint; after the first has gone it may', async (t) => {
    const directory = await temporaryFolder(t);
    const first = await open(directory);
    await assert.rejects(open(directory), (error) => error instanceof EmdcError && error.code === 'spool-in-use');
    await first.close();
    await (await open(directory)).close();
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
    await spool.append(polls(now));
    await takeAll(spool);
    await rm(directory, { recursive: true });
    assert.equal(await spool.append(polls(now + 1)), false);
    assert.equal(await spool.append(polls(now + 2)), false);
    await mkdir(directory);
    assert.equal(await spool.append(polls(now + 3)), true);
    assert.deepEqual(await takeAll(spool), ['3']);
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ['spool cannot be written', 'spool can be written again'],
    );
    await spool.close();
  });

  test('damaged lines: set aside in a file and said once, the rest is taken', async (t) => {
    const directory = await temporaryFolder(t);
    const log = new RecordingLog();
    const first = await open(directory);
    for (let i = 0; i < 3; i++) await first.append(polls(now + i));
    await first.close();
    const [name = ''] = await segmentsIn(directory);
    // The same objects as one meter: the second poll is the line before the second end.
    const lines = (await readFile(join(directory, name), 'utf8')).split('\n');
    const damaged = lines.findIndex((line) => line.includes(new Date(now + 1).toISOString()));
    lines[damaged] = lines[damaged]?.replace('"requests":2', '"requests":7') ?? '';
    await writeFile(join(directory, name), lines.join('\n'));
    const second = await open(directory, { log });
    assert.deepEqual(await takeAll(second), ['0', '2']);
    assert.equal(log.lines.filter(({ level }) => level === 'error').length, 1);
    await second.close();
    assert.deepEqual(await readdir(directory), ['damaged-000000000001.txt']);
    assert.equal(await readFile(join(directory, 'damaged-000000000001.txt'), 'utf8'), `${lines[damaged]}\n`);
  });

  test('a segment that cannot be read at all: counted, said, moved aside, and the next one is taken', async (t) => {
    const directory = await temporaryFolder(t);
    const log = new RecordingLog();
    const spool = await open(directory, { log, maxAgeMs: 3_600_000 });
    await spool.append(polls(now - 600_000));
    const [name = ''] = await segmentsIn(directory);
    await spool.append(polls(now));
    await rename(join(directory, name), join(directory, 'elsewhere'));
    await mkdir(join(directory, name));
    assert.deepEqual(await takeAll(spool), ['0']);
    assert.equal(spool.status().dropped, 3);
    assert.equal(log.count('spool segment cannot be read: moved aside'), 1);
    await spool.close();
    assert.deepEqual((await readdir(directory)).sort(), ['damaged-000000000001.txt', 'elsewhere']);
  });
});
