// Many meters at a short interval against the real daemon on SQLite: is every slot of every meter stored once, does memory
// stay flat, what does it cost?  node dist/test/bench/grid.js [meters, default 100] [seconds, default 120]

import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../../src/daemon.js';
import { silentLog } from '../../src/model/log.js';
import type { Meter } from '../../src/model/meter.js';
import { makeSqliteDatabase } from '../store/sqlite-database.js';
import { meter } from '../support/metric.js';
import { configOf, everySecond, floats, remove, simulateMeters, temporaryFolder } from '../support/simulated-site.js';

const METRICS = 21;
const [count = 100, seconds = 120] = process.argv.slice(2).map(Number);

if (process.send) {
  const site = await simulateMeters({ links: count, units: 1, metrics: floats(METRICS) });
  process.send(site.meters.map(({ name, host, port }) => ({ name, host, port })));
  process.on('disconnect', () => process.exit());
} else {
  const simulator = fork(fileURLToPath(import.meta.url), [String(count)]);
  const [endpoints] = (await once(simulator, 'message')) as [Pick<Meter, 'name' | 'host' | 'port'>[]];
  const metrics = floats(METRICS);
  const meters = endpoints.map((endpoint) => meter({ ...endpoint, metrics, schedule: everySecond }));
  const folder = await temporaryFolder();
  const database = makeSqliteDatabase();
  const daemon = await startDaemon({
    config: configOf(meters, folder, {
      database: { url: database.url, commitEveryMs: 0, connections: 1, spread: false },
    }),
    log: silentLog,
  });
  const memory: number[] = [];
  const cpu = process.cpuUsage();
  const started = performance.now();
  for (let second = 0; second < seconds; second += 10) {
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    memory.push(Math.round(process.memoryUsage.rss() / 1e6));
  }
  const used = process.cpuUsage(cpu);
  const elapsed = performance.now() - started;
  const { schedule, status, reasons } = daemon.service.status();
  await daemon.stop();
  simulator.disconnect();

  const [[polls, slots, unread, lateness, duration]] = (await database.rows(`
    SELECT count(*), count(DISTINCT slot), sum(expected - stored), max(read_at - slot), max(duration_ms) FROM poll`)) as [
    [number, number, number, number, number],
  ];
  const faults = await database.rows(`
    SELECT meter_id, (max(slot) - min(slot)) / 1000 + 1 - count(*) FROM poll GROUP BY meter_id
    HAVING count(*) <> (SELECT count(DISTINCT slot) FROM poll) OR (max(slot) - min(slot)) / 1000 + 1 <> count(*)`);
  const [[readings]] = (await database.rows('SELECT count(*) FROM reading')) as [[number]];
  process.stdout.write(
    `${[
      `${count} meters × ${METRICS} metrics every second: ${slots} slots, ${polls} polls, ${readings} readings, ${unread} unread`,
      `meters with a slot missing or doubled: ${faults.length}; missed ${schedule.missed}, overran ${schedule.overran}`,
      `latest start after the slot ${lateness} ms, longest poll ${duration} ms; status ${status} ${reasons.join('; ')}`,
      `CPU ${Math.round((used.user + used.system) / 10 / elapsed)} % of a core; memory every 10 s: ${memory.join(' ')} MB`,
    ].join('\n')}\n`,
  );
  await database.drop();
  await remove(folder);
  process.exit(faults.length > 0 || unread > 0 || polls !== slots * count ? 1 : 0);
}
