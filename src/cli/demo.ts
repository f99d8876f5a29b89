// `emdc demo`: everything at once on one machine: simulated meters, the collector, SQLite and HTTP, with things to try.

import { createServer } from 'node:net';
import process from 'node:process';
import type { Command } from 'commander';
import type { Config } from '../config/config.js';
import { type Daemon, startDaemon } from '../daemon.js';
import { systemClock } from '../model/clock.js';
import { type Meter, topicOf } from '../model/meter.js';
import { packageRoot } from '../model/paths.js';
import { type MeterServer, startMeterServer } from '../simulate/meter-server.js';
import { simulateMeter } from '../simulate/simulated-meter.js';
import { configCommand, configSources, loadFrom } from './config-options.js';
import { done } from './exit.js';
import { loggerFor } from './run-daemon.js';
import { untilStopped } from './signals.js';
import { counted } from './table.js';

const REPORT_MS = 10_000;

export const demoCommand = (): Command =>
  configCommand('demo', { meters: 'none' })
    .description(
      'Simulates the meters of config/demo.yaml (or of --config) on this machine, and runs the collector on them, to see everything at work.',
    )
    .action(async (_options: unknown, command: Command) => {
      const file = configSources(command).file ?? `${packageRoot}config/demo.yaml`;
      const { config } = await loadFrom(command, { file });
      const { log, close } = loggerFor(config);
      const servers: MeterServer[] = [];
      const stopping = new AbortController();
      const stopped = untilStopped().then(() => stopping.abort());
      let daemon: Daemon | null = null;
      try {
        const meters = [];
        for (const meter of config.meters) meters.push(await simulate(meter, servers));
        const http = { ...config.http, port: await freePort(config.http.host, config.http.port) };
        daemon = await startDaemon({ config: { ...config, meters, http }, log });
        tell(config, daemon);
        await report(daemon, stopping.signal);
        await stopped;
      } finally {
        say('\nStopping.');
        await daemon?.stop();
        await Promise.all(servers.map((server) => server.close()));
        await close();
      }
      process.exitCode = done;
    });

/** Serves the meter on this machine, on its own port where that is free; gives the meter as it is to be read. */
async function simulate(meter: Meter, servers: MeterServer[]): Promise<Meter> {
  const { name, mapName, metrics, unitId, ctRatio, ptRatio } = meter;
  const limits = { maxRegisters: null, maxGap: null, pauseMs: null, connectDelayMs: null };
  const unit = simulateMeter({
    map: { name: mapName, file: '', metrics, limits, identity: { serialNumber: null, model: null, firmware: null } },
    unitId,
    ctRatio,
    ptRatio,
  });
  const host = '127.0.0.1';
  const server = await startMeterServer({ units: [unit], host, port: await freePort(host, meter.port) });
  servers.push(server);
  say(`Simulating ${name}: ${mapName}, ${counted(metrics.length, 'metric')}, at ${host}:${server.port}`);
  return { ...meter, host, port: server.port };
}

/** The wanted port, or 0 (any) where somebody listens on it. */
const freePort = (host: string, wanted: number): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(0));
    probe.listen(wanted, host, () => probe.close(() => resolve(wanted)));
  });

function tell({ meters, database }: Config, { url }: Daemon): void {
  const [meter] = meters;
  const metric = meter?.metrics.find(({ unit }) => unit === 'V') ?? meter?.metrics[0];
  const topic = meter && metric ? topicOf(meter, metric) : '';
  say(`
Reading ${counted(meters.length, 'meter')} every ${meter?.schedule.text} into ${database.url}. Try, in another terminal:

  curl ${url}/ping
  curl '${url}/metric?name=${topic}'
  curl -X POST '${url}/collect?iterations=3&wait_time=1'

or open ${url}/metric in a browser. Ctrl-C ends it.
`);
}

async function report(daemon: Daemon, signal: AbortSignal): Promise<void> {
  for (;;) {
    await systemClock.sleep(REPORT_MS, signal);
    if (signal.aborted) return;
    const { status, reasons, schedule, meters, database } = daemon.service.status();
    const readings = meters.reduce((sum, { counters }) => sum + counters.readings, 0);
    const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
    const last = `last cycle ${schedule.lastDurationMs?.toFixed(0)} ms, last write ${database.writeMs?.toFixed(0)} ms`;
    say(
      `${new Date().toISOString().slice(11, 19)} ${status}${why}: ${counted(schedule.cycles, 'cycle')}, ${counted(readings, 'reading')}, ${last}`,
    );
  }
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
