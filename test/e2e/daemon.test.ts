import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Config } from '../../src/config/config.js';
import { type Daemon, startDaemon } from '../../src/daemon.js';
import type { Meter } from '../../src/model/meter.js';
import { makeSqliteDatabase, type SqliteDatabase } from '../store/sqlite-database.js';
import { ask } from '../support/http.js';
import { meter } from '../support/metric.js';
import { RecordingLog } from '../support/recording-log.js';
import {
  closing,
  configOf,
  everySecond,
  floats,
  refusingPort,
  remove,
  simulateMeters,
  temporaryFolder,
} from '../support/simulated-site.js';

interface Running {
  readonly daemon: Daemon;
  readonly log: RecordingLog;
  readonly database: SqliteDatabase;
  readonly config: Config;
  cycles(count: number): Promise<void>;
}

async function run(t: TestContext, meters: readonly Meter[], given: Partial<Config> = {}): Promise<Running> {
  const close = closing(t);
  const folder = await temporaryFolder();
  close(() => remove(folder));
  const database = makeSqliteDatabase();
  close(() => database.drop());
  const config = configOf(meters, folder, {
    database: { url: database.url, commitEveryMs: 0, connections: 1, spread: false },
    ...given,
  });
  const log = new RecordingLog();
  const daemon = await startDaemon({ config, log });
  close(() => daemon.stop());
  return {
    daemon,
    log,
    database,
    config,
    cycles: (count) => log.until('cycle ended', log.count('cycle ended') + count),
  };
}

/** Slots between the first and the last that a meter should have and has not, and those it has twice. */
const slotFaults = (database: SqliteDatabase, names: string): Promise<unknown[][]> =>
  database.rows(`
    SELECT m.name, count(*) - count(DISTINCT slot) AS doubled,
      (max(slot) - min(slot)) / 1000 + 1 - count(DISTINCT slot) AS missed, sum(expected - stored) AS unread
    FROM poll p JOIN meter m ON m.id = p.meter_id WHERE m.name LIKE '${names}' GROUP BY m.name
    HAVING doubled <> 0 OR missed <> 0 OR unread <> 0`);

test('many meters at a short interval: every slot of every meter is stored once, with its values', async (t) => {
  const site = await simulateMeters({ links: 8, units: 2 });
  t.after(() => site.close());
  const { daemon, database, cycles } = await run(t, site.meters);
  await cycles(5);
  await daemon.stop();
  assert.deepEqual(await slotFaults(database, '%'), []);
  const wrong = await database.rows(`
    SELECT meter, metric, value FROM measurement
    WHERE value <> CAST(substr(meter, instr(meter, '-') + 1) AS REAL) + CAST(substr(metric, 8) AS REAL) / 4`);
  assert.deepEqual(wrong, []);
  const [[readings]] = (await database.rows('SELECT count(*) FROM reading')) as [[number]];
  assert.ok(readings >= 5 * 16 * 10, `${readings} readings`);
  const [[requests]] = (await database.rows('SELECT max(requests) FROM poll')) as [[number]];
  assert.equal(requests, 2);
});

test('beside a meter that refuses, one that is silent and one that is gone, the healthy ones lose nothing', async (t) => {
  const site = await simulateMeters({ links: 3, units: 4, given: { timeoutMs: 300, retries: 1, retryWaitMs: 50 } });
  t.after(() => site.close());
  const [first, second, third] = site.servers;
  const refusing = meter({
    ...site.meters[0],
    name: 'refusing',
    port: await refusingPort(),
  });
  // m1-3 is a dead unit behind a gateway, all of link 2 never answers, all of link 3 goes down later.
  await first?.setFault('silent', { unitId: 3 });
  await second?.setFault('silent');
  const { daemon, database, log, cycles } = await run(t, [...site.meters, refusing]);
  await cycles(4);
  await third?.close();
  await cycles(5);
  const status = daemon.service.status();
  assert.equal(status.status, 'degraded');
  const { body } = { body: await ask(`${daemon.url}/ping`) };
  assert.equal(body.status, 200);
  await daemon.stop();

  for (const name of ['m1-1', 'm1-2', 'm1-4']) {
    const [faults] = await slotFaults(database, name);
    // Only the cycle that found the dead unit may have cost anything.
    assert.ok(faults === undefined || (faults[2] === 0 && Number(faults[3]) <= 10), `${name}: ${faults}`);
  }
  const states = Object.fromEntries(status.meters.map(({ name, state }) => [name, state]));
  for (const name of ['m1-3', 'm2-1', 'm3-1', 'refusing'])
    assert.match(String(states[name]), /failing|offline|probing/);
  for (const { name } of site.meters) {
    const lines = log.lines.filter(({ message, fields }) => message === 'meter offline' && fields['meter'] === name);
    assert.ok(lines.length <= 1, `${name} was called offline ${lines.length} times`);
  }
  const reasons = await database.rows('SELECT DISTINCT reason FROM missing ORDER BY reason');
  assert.ok(reasons.flat().includes('timeout') && reasons.flat().includes('unreachable'), String(reasons));
});

test('what was missed while the collector was down is on record as such', async (t) => {
  const site = await simulateMeters({ links: 1, units: 1 });
  t.after(() => site.close());
  const { daemon, database, config, cycles } = await run(t, site.meters);
  await cycles(2);
  await daemon.stop();
  await database.run('UPDATE poll SET slot = slot - 60000');
  const log = new RecordingLog();
  const again = await startDaemon({ config, log });
  await log.until('slots passed while the collector was down');
  await log.until('cycle ended', 2);
  await again.stop();
  const [[slots, faults]] = (await database.rows(`
    SELECT sum(slots), sum(until - ts <> slots * 1000) FROM gap WHERE reason = 'down'`)) as [[number, number]];
  const [[between]] = (await database.rows(`
    SELECT (min(slot) - (SELECT max(slot) FROM poll WHERE slot < g.ts)) / 1000 - 1
    FROM poll, (SELECT min(ts) AS ts FROM gap WHERE reason = 'down') g WHERE slot > g.ts`)) as [[number]];
  assert.equal(slots, between);
  assert.equal(faults, 0);
});

test('a read by hand before the first slot does not hide what was missed while the collector was down', async (t) => {
  const schedule = { ...everySecond, text: '10m', cron: '0 */10 * * * *', intervalMs: 600_000 };
  const site = await simulateMeters({ links: 1, units: 1, given: { schedule } });
  t.after(() => site.close());
  const { daemon, database, config } = await run(t, site.meters);
  await ask(`${daemon.url}/collect`, { method: 'POST' });
  while (daemon.service.status().spool.readings > 0) await setImmediate();
  await daemon.stop();
  await database.run('UPDATE poll SET slot = slot - 5 * 600000');
  const log = new RecordingLog();
  const again = await startDaemon({ config, log });
  await ask(`${again.url}/collect`, { method: 'POST' });
  await log.until('slots passed while the collector was down');
  await again.stop();
  assert.deepEqual(await database.rows("SELECT sum(slots) FROM gap WHERE reason = 'down'"), [[5]]);
});

test('a port that is taken: nothing is left open', async (t) => {
  const site = await simulateMeters({ links: 1, units: 1 });
  t.after(() => site.close());
  const { daemon, config } = await run(t, site.meters);
  const port = Number(new URL(daemon.url).port);
  const folder = await temporaryFolder();
  t.after(() => remove(folder));
  const log = new RecordingLog();
  const spool = { ...config.spool, directory: folder };
  const taken = { ...config, spool, http: { ...config.http, port } };
  await assert.rejects(startDaemon({ config: taken, log }), /port/);
  const free = await startDaemon({ config: { ...taken, http: config.http }, log });
  await free.stop();
  await free.stop();
});

test('POST /collect reads now and answers when everything is durable', async (t) => {
  const site = await simulateMeters({
    links: 2,
    units: 1,
    given: { schedule: { ...everySecond, text: '1h', cron: '0 0 * * * *', intervalMs: 3_600_000 } },
  });
  t.after(() => site.close());
  const { daemon, database } = await run(t, site.meters);
  const answer = await ask(`${daemon.url}/collect?iterations=2&wait_time=0`, { method: 'POST' });
  assert.equal(answer.status, 200, answer.text);
  while (daemon.service.status().spool.readings > 0) await setImmediate();
  const [[readings]] = (await database.rows('SELECT count(*) FROM reading')) as [[number]];
  assert.equal(readings, 2 * 2 * floats(10).length);
  const metric = await ask(`${daemon.url}/metric?name=m1-1/metric_3&max_age=0`);
  assert.equal(metric.text.trim(), '1.75');
});
