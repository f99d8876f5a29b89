// Where everything meets: opens and wires the parts, starts them, stops them in reverse. Commands and tests start this
// same place.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import process from 'node:process';
import { crc32 } from 'node:zlib';
import { Cycles } from './collect/cycle.js';
import { DiskWatch } from './collect/disk-watch.js';
import { Latest } from './collect/latest.js';
import { MeterPoller } from './collect/poll-meter.js';
import { LossWatch, serviceStatus, stalled } from './collect/status.js';
import type { Config } from './config/config.js';
import { difference } from './config/difference.js';
import { startHttpServer } from './http/server.js';
import type { Service } from './http/service.js';
import { openLinkPool } from './modbus/pool.js';
import { type Clock, systemClock } from './model/clock.js';
import { messageOf } from './model/errors.js';
import type { Log } from './model/log.js';
import { linkKeyOf, type Meter } from './model/meter.js';
import { version } from './model/paths.js';
import { explainLoad, linkLoads } from './plan/link-load.js';
import { learnedPlansFile, openLearnedPlans } from './plan/refused-registers.js';
import { openRecorder, type Recorder } from './record/recorder.js';
import { Leadership } from './schedule/leadership.js';
import { Scheduler } from './schedule/scheduler.js';
import { openStore, sqlitePath } from './store/open.js';
import type { Dialect } from './store/store.js';

export interface Daemon {
  readonly service: Service;
  /** Where HTTP is served, with the port that was found free where the configured one is 0. */
  readonly url: string;
  /** Cycles end, as their schedules say. */
  alive(): boolean;
  /**
   * Goes over to another configuration at once, as far as that needs no restart, and to what its certificate's files hold
   * now. Meters that are the same miss no slot.
   */
  reload(config: Config): void;
  /** Ends the cycle in progress, makes it durable and closes everything, within 10 s. Safe twice. */
  stop(): Promise<void>;
}

export interface DaemonOptions {
  readonly config: Config;
  readonly log: Log;
  readonly clock?: Clock;
}

/** For the cycle in progress, then for its record: together less than the 10 s of a stop. */
const CYCLE_GRACE_MS = 4_000;
const RECORD_GRACE_MS = 4_000;

/** So long the start waits for the database, which knows the meters' newest values and serial numbers. */
const DATABASE_WAIT_MS = 1_500;

/** Parts to close when the collector stops, last opened first, by name. */
type Closer = readonly [name: string, close: () => unknown];

/** Rejects, with nothing left open, when HTTP, the spool or a file cannot be opened. An absent database is waited for. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const closers: Closer[] = [];
  const close = async () => {
    for (let closer = closers.pop(); closer; closer = closers.pop()) {
      try {
        await closer[1]();
      } catch (error) {
        options.log.error('closing went wrong', { part: closer[0], error: messageOf(error) });
      }
    }
  };
  try {
    const started = await assemble(options, closers);
    let stopped: Promise<void> | null = null;
    const stop = async () => {
      options.log.info('EMDC stops');
      await close();
      options.log.info('EMDC has stopped');
    };
    return {
      ...started,
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble({ config, log, clock = systemClock }: DaemonOptions, closers: Closer[]) {
  log.info('EMDC starts', { version, meters: config.meters.length, config: config.file });
  const started = { startedAt: clock.now(), startedMonotonic: clock.monotonic() };
  let current = config;

  const recorder = await openRecorder({
    dialect: dialectOf(config.database.url),
    openStore: async () => {
      const { database, retention, meters, timezone } = config;
      const { url, connections } = database;
      const store = await openStore({ url, connections, retention, timezone, meters: meters.length, log });
      await store.setVirtualMeters(config.virtual);
      return store;
    },
    commitEveryMs: config.database.commitEveryMs,
    spool: config.spool,
    clock,
    log,
  });
  closers.push(['recorder', () => recorder.close({ deadlineMs: RECORD_GRACE_MS })]);
  recorder.setMeters(config.meters);
  const leadership = config.highAvailability ? shareWork(recorder) : null;
  // Given back when the last cycle is recorded, before the database is closed.
  if (leadership) closers.push(['leadership', () => leadership.stop()]);

  const pool = openLinkPool({ log });
  closers.push(['links', () => pool.close()]);
  const learned = await openLearnedPlans({ file: learnedPlansFile(config.spool.directory), clock, log });
  closers.push(['learned plans', () => learned.flush()]);

  await Promise.race([recorder.started(), clock.sleep(DATABASE_WAIT_MS)]);
  const latest = new Latest(config.meters);
  for (const poll of await recorder.newestPolls(config.meters)) latest.update(poll);
  const identities = await recorder.identities(config.meters);
  const pollers = new Map<string, MeterPoller>();
  const pollerOf = (meter: Meter) => {
    const known = pollers.get(meter.name)?.identity.identity ?? identities.get(meter.name);
    const poller = new MeterPoller({ meter, link: pool.link(meter), clock, log, learned, ...(known && { known }) });
    pollers.set(meter.name, poller);
    return poller;
  };

  const losses = new LossWatch();
  const disks = new DiskWatch(directoriesOf(config));
  const scheduler: Scheduler = new Scheduler({
    clock,
    log,
    ...(leadership ? { leadership } : {}),
    onLeft: (schedule) => cycles.left(schedule),
    onSlot: (tick) => {
      void disks.look(clock.monotonic());
      losses.look(recorder.state(), { now: clock.now(), monotonic: clock.monotonic() });
      cycles.run(tick);
    },
    onMissed: (schedule, span) => cycles.missed(schedule, span),
  });
  const nextSlotOf = (meter: Meter) => scheduler.nextSlot(meter.schedule);
  const spreading = spreadOut(recorder, config, clock);
  const cycles: Cycles = new Cycles({ clock, log, latest, recorder: spreading, pollerOf, nextSlotOf }, config.meters);
  closers.push(['cycles', () => cycles.stop(CYCLE_GRACE_MS)]);

  const service: Service = {
    latest,
    status: () => {
      const recorderState = recorder.state();
      const [now, monotonic] = [clock.now(), clock.monotonic()];
      losses.look(recorderState, { now, monotonic });
      return serviceStatus({
        ...started,
        now,
        monotonic,
        collected: cycles.meters,
        figures: cycles.figures,
        recorder: recorderState,
        losses: losses.losses,
        disks: disks.disks,
        role: leadership?.role ?? null,
        nextSlotOf: (schedule) => scheduler.nextSlot(schedule),
      });
    },
    collect: (request) => cycles.collect(request),
    readNow: (meter, signal) => cycles.readNow(meter, signal),
  };
  const http = await startHttpServer({ service, http: config.http, log, clock });
  // Callers that wait for a cycle are answered when cycles stop.
  closers.push(['HTTP', () => Promise.all([http.close(), cycles.stop(CYCLE_GRACE_MS)])]);

  logLoads(config.meters, pollers, log);
  leadership?.start();
  scheduler.start(config.meters.map(({ schedule }) => schedule));
  closers.push(['scheduler', () => scheduler.stop()]);
  // A standby begins when it takes over.
  if (!leadership) cycles.begin();

  const reload = (next: Config) => {
    const { meters, changes, needRestart } = difference(current, next);
    current = { ...next, meters };
    recorder.setMeters(meters);
    cycles.setMeters(meters);
    for (const name of pollers.keys()) if (!meters.some((meter) => meter.name === name)) pollers.delete(name);
    latest.setMeters(meters);
    scheduler.start(meters.map(({ schedule }) => schedule));
    if (!leadership || leadership.role === 'leading') cycles.begin();
    void pool.keep(meters);
    void http.renew();
    for (const change of changes) log.info(`configuration: ${change}`);
    if (needRestart.length > 0) log.warn('these settings need a restart', { settings: needRestart.join(' ') });
    log.info('configuration taken over', { meters: meters.length, changes: changes.length });
  };
  const alive = () =>
    stalled({ ...started, monotonic: clock.monotonic(), collected: cycles.meters, figures: cycles.figures }).length ===
    0;
  return { service, url: http.url, alive, reload };

  function shareWork({ lease }: Recorder): Leadership {
    if (!lease) throw new Error('highAvailability needs a database that can be shared');
    return new Leadership({
      clock,
      log,
      holder: `${hostname()} ${process.pid} ${randomUUID().slice(0, 8)}`,
      intervalMs: Math.min(...config.meters.map(({ schedule }) => schedule.intervalMs ?? 60_000)),
      lease,
      onRole: (role) => {
        if (role === 'leading') cycles.begin({ again: true });
        // The other collector may need the one connection that a meter grants.
        else for (const meter of config.meters) pool.link(meter).disconnect();
      },
    });
  }
}

/**
 * With `database.spread`, scheduled cycles are written a while after they were read, each collector at a moment of its own
 * within a quarter of the interval, so that many collectors do not write at once. The slots stay as they are.
 */
function spreadOut(recorder: Recorder, { database, meters }: Config, clock: Clock): Pick<Recorder, 'record' | 'begin'> {
  if (!database.spread) return recorder;
  const interval = Math.min(...meters.map(({ schedule }) => schedule.intervalMs ?? 60_000));
  const delayMs = (crc32(hostname()) / 2 ** 32) * (interval / 4);
  return {
    begin: (starts) => recorder.begin(starts),
    record: async (batch, options) => {
      if (options?.flush !== true) await clock.sleep(delayMs);
      return recorder.record(batch, options);
    },
  };
}

/** Says at once when a link cannot keep up; what fits is said for those who look. */
function logLoads(meters: readonly Meter[], pollers: ReadonlyMap<string, MeterPoller>, log: Log): void {
  const loads = meters.map((meter) => {
    const blocks = pollers.get(meter.name)?.plan.blocks ?? [];
    const { endpoint } = meter;
    return {
      link: linkKeyOf(meter),
      requests: blocks.length,
      roundTripMs: null,
      pauseMs: meter.pauseMs,
      intervalMs: meter.schedule.intervalMs,
      ...(endpoint?.type === 'serial' ? { serial: { line: endpoint.line, blocks } } : {}),
    };
  });
  for (const load of linkLoads(loads)) {
    if (load.verdict === 'fits') log.debug(explainLoad(load));
    else {
      const hint = 'a longer schedule, fewer meters on this link, or fewer metrics';
      log.warn('a link has more requests than its schedule has time for', { load: explainLoad(load), hint });
    }
  }
}

/** Where the collector writes. */
function directoriesOf({ database, spool }: Config): string[] {
  return [spool.directory, ...(dialectOf(database.url) === 'sqlite' ? [dirname(sqlitePath(database.url))] : [])];
}

function dialectOf(url: string): Dialect {
  if (url.startsWith('file:')) return 'sqlite';
  return url.startsWith('postgres') ? 'postgresql' : 'mysql';
}
