import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/model/clock.js';
import { openRecorder } from '../../src/record/recorder.js';
import { FaultyStore } from '../support/faulty-store.js';
import { meterInfo, pollOf } from '../support/polls.js';
import { RecordingLog } from '../support/recording-log.js';

const meter = meterInfo('plant/main', 50);
const now = 1_700_000_000_000;

describe('disk full', () => {
  test('a real file system without room: lost readings are counted and said, spooled ones are safe, then it is well again', async (t) => {
    const disk = smallDisk('1m');
    if (!disk) return t.skip('needs to mount a file system of its own (root on Linux)');
    const store = new FaultyStore();
    const log = new RecordingLog();
    const recorder = await openRecorder({
      dialect: 'sqlite',
      openStore: async () => store,
      spool: { directory: join(disk, 'spool'), maxBytes: 1e9, maxAgeMs: 1e15 },
      clock: systemClock,
      log,
    });
    t.after(async () => {
      await recorder.close({ deadlineMs: 0 });
      execFileSync('umount', ['-l', disk]);
      rmSync(disk, { recursive: true });
    });
    store.away = true;
    let slot = now;
    const outcomes = new Map<number, string>();
    const record = async () => {
      const outcome = await recorder.record({ polls: [pollOf(meter, slot)], gaps: [] });
      outcomes.set(slot++, outcome);
      return outcome;
    };
    while ((await record()) === 'spooled');
    for (let i = 0; i < 20; i++) await record();
    const count = (outcome: string) => [...outcomes.values()].filter((one) => one === outcome).length;
    assert.ok(count('spooled') > 500, 'nearly the whole disk was used');
    assert.equal(recorder.state().lost, count('lost') * 50);
    assert.equal(log.count('spool cannot be written'), 1);
    assert.equal(log.count('readings are being lost: neither database nor spool takes them'), 1);

    rmSync(join(disk, 'ballast'));
    assert.equal(await record(), 'spooled', 'room again');
    assert.equal(log.count('spool can be written again'), 1);
    store.away = false;
    await log.until('spool replayed');
    const kept = [...outcomes].filter(([, outcome]) => outcome !== 'lost').map(([one]) => `plant/main@${one}`);
    const lost = [...outcomes].filter(([, outcome]) => outcome === 'lost').map(([one]) => one);
    const gap = `plant/main@${lost[0]}+${now + outcomes.size - 1}`;
    assert.deepEqual([...store.rows].sort(), [...kept, gap].sort(), 'what was lost is on record as a gap');
    assert.equal(store.readings.size, kept.length * 50);
  });
});

/** A file system of its own with some ballast in it; null: this process may not mount one. */
function smallDisk(size: string): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null;
  const disk = mkdtempSync(join(tmpdir(), 'emdc-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    rmSync(disk, { recursive: true });
    return null;
  }
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(200_000));
  return disk;
}
