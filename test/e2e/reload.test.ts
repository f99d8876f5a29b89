import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemon } from '../../src/daemon.js';
import { makeSqliteDatabase } from '../store/sqlite-database.js';
import { RecordingLog } from '../support/recording-log.js';
import { closing, configOf, remove, simulateMeters, temporaryFolder } from '../support/simulated-site.js';

test('a reload: unchanged meters miss no slot, keep state and values; new ones are read, old ones are not', async (t) => {
  const close = closing(t);
  const site = await simulateMeters({ links: 3, units: 2 });
  close(() => site.close());
  const folder = await temporaryFolder();
  close(() => remove(folder));
  const database = makeSqliteDatabase();
  close(() => database.drop());
  const [first, second, third, fourth, fifth] = site.meters;
  assert.ok(first && second && third && fourth && fifth);
  const config = configOf([first, second, third], folder, {
    database: { url: database.url, commitEveryMs: 0, connections: 1, spread: false },
  });
  const log = new RecordingLog();
  const daemon = await startDaemon({ config, log });
  close(() => daemon.stop());
  await log.until('cycle ended', 2);

  const before = daemon.service.status().meters.find(({ name }) => name === first.name);
  // As loading makes them: equal, but not the same objects; one gone, one changed, one new.
  const meters = structuredClone([first, { ...second, timeoutMs: 500 }, fifth]);
  daemon.reload({ ...config, meters });
  const after = daemon.service.status().meters.find(({ name }) => name === first.name);
  assert.deepEqual(after?.counters, before?.counters);
  assert.equal(daemon.service.latest.lookup(`${first.name}/metric_0`).kind, 'found');
  assert.equal(daemon.service.latest.lookup(`${third.name}/metric_0`).kind, 'unknown');
  await log.until('cycle ended', 5);
  const asked = site.servers[1]?.requestCount ?? 0;
  await log.until('cycle ended', 7);
  assert.equal(site.servers[1]?.requestCount, asked, 'a meter that is gone is not asked');
  assert.equal(site.servers[1]?.openConnections, 0);
  await daemon.stop();

  const lines = log.lines.filter(({ message }) => message.startsWith('configuration: ')).map(({ message }) => message);
  assert.deepEqual(lines, [
    'configuration: ~ m1-2: timeout 1000 → 500',
    'configuration: + m3-1: 10 metrics, every 1s',
    'configuration: - m2-1',
  ]);
  const missed = await database.rows(`
    SELECT m.name FROM poll JOIN meter m ON m.id = meter_id GROUP BY m.name
    HAVING (max(slot) - min(slot)) / 1000 + 1 <> count(*)`);
  assert.deepEqual(missed, []);
  const polls = await database.rows(
    'SELECT m.name, count(*) FROM poll JOIN meter m ON m.id = meter_id GROUP BY m.name ORDER BY m.name',
  );
  const total = Number(polls[0]?.[1]);
  assert.ok(total >= 7);
  assert.deepEqual(polls.slice(0, 2), [
    ['m1-1', total],
    ['m1-2', total],
  ]);
  assert.ok(Number(polls[3]?.[1]) >= 4, 'the new meter is read');
});
