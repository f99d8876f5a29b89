import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import process from 'node:process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import { openConnection } from '../../src/store/sqlite/driver.js';
import { gauge, HOUR_MS, noon, sampleMeter, samplePoll } from './sample.js';
import { makeSqliteDatabase } from './sqlite-database.js';

const program = fileURLToPath(new URL('./write-until-killed.js', import.meta.url));

describe('a SQLite store whose process is killed', () => {
  it('20 times in the middle of its work: what it called stored is there once, and the file is sound', async () => {
    const database = makeSqliteDatabase();
    try {
      const stored = new Set<number>();
      for (let round = 0; round < 20; round++) {
        const child = spawn(process.execPath, [program, database.url, String(noon)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let text = '';
        const enough = 10 + 3 * round;
        child.stdout.on('data', (chunk) => {
          text += chunk;
          if (text.split('\n').length > enough) child.kill('SIGKILL');
        });
        await once(child, 'close');
        for (const line of text.split('\n').slice(0, -1)) {
          assert.ok(!stored.has(Number(line)), 'a restarted collector goes on behind its newest slot');
          stored.add(Number(line));
        }
      }
      assert.deepEqual(await database.rows('PRAGMA integrity_check'), [['ok']]);
      const rows = await database.rows('SELECT ts, count(*) FROM reading GROUP BY ts ORDER BY ts');
      const doubled = rows.filter((row) => row[1] !== 2);
      assert.deepEqual(doubled, [], 'each slot has its two readings, once');
      const slots = new Set(rows.map((row) => row[0]));
      assert.deepEqual(
        [...stored].filter((slot) => !slots.has(slot)),
        [],
        'nothing stored is missing',
      );
      assert.ok(rows.length <= stored.size + 20, 'at most the poll in progress was not announced');
      const [rolledUp] = await database.rows('SELECT count(*) FROM rollup');
      assert.ok(Number(rolledUp?.[0]) > 0, 'quarters were rolled up meanwhile');
    } finally {
      await database.drop();
    }
  });

  it('a copy of the files at any moment, as after a power cut, holds what was called stored', async () => {
    const database = makeSqliteDatabase();
    const store = await openStore({ url: database.url, log: silentLog });
    try {
      const meter = sampleMeter('Power');
      for (let index = 0; index < 10; index++) {
        const slot = noon + index * 1000;
        await store.write({ polls: [samplePoll(meter, slot, [1, 2])], gaps: [] });
        const copy = `${database.path}.${index}`;
        copyFileSync(database.path, copy);
        copyFileSync(`${database.path}-wal`, `${copy}-wal`);
        const connection = openConnection(copy, 1000);
        const rows = connection.prepare('SELECT max(ts), count(*) FROM reading').raw().all([]);
        connection.close();
        assert.deepEqual(rows, [[slot, 2 * (index + 1)]]);
      }
    } finally {
      await store.close();
      await database.drop();
    }
  });
});

describe('what a SQLite store writes', () => {
  /** Bytes in the write-ahead log per reading, cycle after cycle, with no checkpoint between. */
  async function loggedPerReading(meters: number, cycles: number): Promise<number> {
    const database = makeSqliteDatabase();
    const store = await openStore({ url: database.url, log: silentLog });
    try {
      const all = Array.from({ length: meters }, (_, index) =>
        sampleMeter(
          `Meter ${index}`,
          Array.from({ length: 21 }, (__, metric) => gauge(`m${metric}`)),
        ),
      );
      const cycle = (slot: number) => ({
        polls: all.map((meter) =>
          samplePoll(
            meter,
            slot,
            meter.metrics.map((_, index) => slot + index / 3),
          ),
        ),
        gaps: [],
      });
      await store.write(cycle(noon + HOUR_MS));
      const frames = async () => Number((await database.rows('PRAGMA wal_checkpoint(PASSIVE)'))[0]?.[1]);
      // With everything taken over by the database the next commit begins the log anew.
      await frames();
      for (let index = 1; index <= cycles; index++) await store.write(cycle(noon + HOUR_MS + index * 10_000));
      return ((await frames()) * (512 + 24)) / (cycles * meters * 21);
    } finally {
      await store.close();
      await database.drop();
    }
  }

  it('is few bytes per reading, however many topics there are', async () => {
    const few = await loggedPerReading(1, 60);
    const many = await loggedPerReading(100, 6);
    assert.ok(few < 240, `${few} bytes per reading of 21`);
    assert.ok(many < 45, `${many} bytes per reading of 2,100`);
  });
});
