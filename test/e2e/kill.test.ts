// kill -9 of the real daemon, at any moment, again and again. EMDC_KILLS says how often.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { packageRoot } from '../../src/paths.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { simulateMeter } from '../../src/simulate/simulated-meter.js';
import { makeSqliteDatabase } from '../store/sqlite-database.js';
import { startProcess } from '../support/daemon-process.js';
import { closing, remove, temporaryFolder } from '../support/simulated-site.js';

const KILLS = Number(process.env['EMDC_KILLS'] ?? 4);
const MAP = join(packageRoot, 'register-maps/electro-industries-nexus-1272.xlsx');

test(`killed ${KILLS} times: the database opens, nothing is doubled, what a finished cycle read is there`, async (t) => {
  const close = closing(t);
  const { map } = loadRegisterMap(MAP);
  const units = [1, 2, 3].map((unitId) => simulateMeter({ map, unitId }));
  const servers = await Promise.all([1, 2].map(() => startMeterServer({ units })));
  for (const server of servers) close(() => server.close());
  const folder = await temporaryFolder();
  close(() => remove(folder));
  const database = makeSqliteDatabase();
  close(() => database.drop());
  const file = join(folder, 'emdc.yaml');
  const meters = servers.flatMap(({ host, port }, link) =>
    units.map(({ unitId }) => ({ name: `m${link}-${unitId}`, host, port, unitId, map: MAP, schedule: '1s' })),
  );
  const settings = {
    meters,
    database: { url: database.url },
    spool: { directory: join(folder, 'spool') },
    http: { port: 0 },
    log: { level: 'debug', format: 'json' },
  };
  await writeFile(file, JSON.stringify(settings));

  const finished: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const daemon = startProcess(file, finished);
    close(async () => daemon.child.kill('SIGKILL'));
    await daemon.cycles(2);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1000));
    daemon.child.kill('SIGKILL');
    await once(daemon.child, 'exit');
    const [[sound]] = (await database.rows('PRAGMA integrity_check')) as [[string]];
    assert.equal(sound, 'ok');
  }
  const last = startProcess(file, finished);
  close(async () => last.child.kill('SIGKILL'));
  await last.cycles(2);
  last.child.kill('SIGTERM');
  const [code] = await once(last.child, 'exit');
  assert.equal(code, 0);

  const polls = await database.rows('SELECT m.name, slot, stored FROM poll JOIN meter m ON m.id = meter_id');
  const gaps = await database.rows(`
    SELECT m.name, ts, until, slots FROM gap JOIN meter m ON m.id = meter_id WHERE reason IN ('down', 'missed')`);
  for (const { name } of meters) {
    const counts = new Map<number, number>();
    const count = (slot: number) => counts.set(slot, (counts.get(slot) ?? 0) + 1);
    for (const [meter, slot, stored] of polls as [string, number, number][]) {
      if (meter !== name) continue;
      assert.ok(stored === map.metrics.length || stored === 0, 'a poll is whole, or was cut at the slot’s end');
      count(slot);
    }
    for (const slot of finished) assert.ok(counts.has(slot), `${name} at ${new Date(slot).toISOString()} was finished`);
    for (const [meter, from, until, slots] of gaps as [string, number, number, number][]) {
      if (meter !== name) continue;
      assert.equal(until - from, slots * 1000);
      for (let slot = from; slot < until; slot += 1000) count(slot);
    }
    const slots = [...counts.keys()].sort((a, b) => a - b);
    assert.deepEqual(
      slots.filter((slot, i) => i > 0 && slot !== (slots[i - 1] ?? 0) + 1000),
      [],
      'every slot is a poll or a gap',
    );
    assert.deepEqual(
      slots.filter((slot) => counts.get(slot) !== 1),
      [],
      'and not both',
    );
  }
  const [[readings, distinct]] = (await database.rows(
    "SELECT count(*), count(DISTINCT ts || ' ' || topic_id) FROM reading",
  )) as [[number, number]];
  assert.equal(readings, distinct);
  assert.equal(
    readings,
    polls.reduce((sum, [, , stored]) => sum + Number(stored), 0),
  );
  const cut = polls.filter(([, , stored]) => stored === 0).length;
  if (cut > 0)
    t.diagnostic(`${cut} of ${polls.length} polls were cut: ${await database.rows('SELECT DISTINCT reason FROM gap')}`);
});
