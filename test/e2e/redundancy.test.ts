import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packageRoot } from '../../src/model/paths.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { simulateMeter } from '../../src/simulate/simulated-meter.js';
import type { TestDatabase } from '../contract/database.js';
import { makeMysqlDatabase, makePostgresDatabase, skipMysql, skipPostgres } from '../store/server-databases.js';
import { startProcess } from '../support/daemon-process.js';
import { closing, remove, temporaryFolder } from '../support/simulated-site.js';

const MAP = join(packageRoot, 'register-maps/eaton-pxm4000.xlsx');
const TITLE = 'two collectors: one reads each slot, the other takes over within two intervals when it is killed';

test(`${TITLE} (PostgreSQL)`, { skip: skipPostgres }, (t) => redundancy(t, makePostgresDatabase));
test(`${TITLE} (MySQL)`, { skip: skipMysql }, (t) => redundancy(t, makeMysqlDatabase));

async function redundancy(t: TestContext, make: () => Promise<TestDatabase>): Promise<void> {
  const close = closing(t);
  const database = await make();
  close(() => database.drop());
  const { map } = loadRegisterMap(MAP);
  const units = [1, 2].map((unitId) => simulateMeter({ map, unitId }));
  const server = await startMeterServer({ units });
  close(() => server.close());
  const folder = await temporaryFolder();
  close(() => remove(folder));
  const { host, port } = server;
  const collector = async (name: string) => {
    const file = join(folder, `${name}.yaml`);
    const settings = {
      meters: units.map(({ unitId }) => ({ name: `m${unitId}`, host, port, unitId, map: MAP, schedule: '1s' })),
      database: { url: database.url },
      spool: { directory: join(folder, name) },
      http: { port: 0 },
      log: { level: 'debug', format: 'json' },
      highAvailability: true,
    };
    await writeFile(file, JSON.stringify(settings));
    const daemon = startProcess(file, []);
    close(async () => daemon.child.kill('SIGKILL'));
    return daemon;
  };
  const requestsOnRecord = async () => Number((await database.rows('SELECT sum(requests) FROM poll'))[0]?.[0]);

  const first = await collector('first');
  await first.until('this collector reads the meters');
  const second = await collector('second');
  await second.until('this collector stands by');
  await first.cycles(5);
  const perCycle = server.requests.filter(({ time }) => time >= (server.requests.at(-1)?.time ?? 0) - 900).length;
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  await second.until('this collector reads the meters');
  await second.cycles(3);
  // A third one stands by, and takes over without a gap from one that stops in order.
  const third = await collector('third');
  await third.until('this collector stands by');
  second.child.kill('SIGTERM');
  await third.until('this collector reads the meters');
  await third.cycles(3);
  third.child.kill('SIGTERM');
  assert.deepEqual(await once(third.child, 'exit'), [0, null]);

  const difference = server.requestCount - (await requestsOnRecord());
  assert.ok(difference >= 0 && difference <= perCycle, `${difference} requests went for nothing`);
  const slots = (await database.rows('SELECT DISTINCT slot FROM poll ORDER BY slot')).map(([slot]) =>
    Number(new Date(String(slot))),
  );
  const distances = slots.slice(1).map((slot, i) => slot - (slots[i] ?? 0));
  const lost = distances.filter((distance) => distance > 1000).map((distance) => distance / 1000 - 1);
  t.diagnostic(`slots lost at each fail-over: ${lost.join(', ') || 'none'}`);
  assert.ok(
    lost.every((count) => count <= 2),
    `slots lost: ${lost}`,
  );
  const [[gaps]] = (await database.rows("SELECT sum(slots) FROM gap WHERE reason IN ('down', 'missed')")) as [
    [unknown],
  ];
  const sum = lost.reduce((a, b) => a + b, 0);
  assert.equal(Number(gaps ?? 0), sum * units.length, 'and they are on record');
}
