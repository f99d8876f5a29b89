// Where everything meets: opens and wires the parts, starts them, stops them in reverse. Commands and tests start this
// same place.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import process from 'node:process';
import { Cycles } from './collect/cycle.js';
import { DownTime } from './collect/down-time.js';
import { Latest } from './collect/latest.js';
import { MeterPoller } from './collect/poll-meter.js';
import { LossWatch, serviceStatus, stalled } from './collect/status.js';
import type { Config } from './config/config.js';
import { difference } from './config/difference.js';
import { version } from './model/paths.js';
import { startHttpServer } from './http/server.js';
import { openLinkPool } from './modbus/pool.js';
import { type Clock, systemClock } from './model/clock.js';
import { messageOf } from './model/errors.js';
import type { Log } from './model/log.js';
import { linkKeyOf, type Meter } from './model/meter.js';
import type { Service } from './model/status.js';
import { explainLoad, linkLoads } from './plan/link-load.js';
import { learnedPlansFile, openLearnedPlans } from './plan/refused-registers.js';
import { openRecorder, type Recorder } from './record/recorder.js';
import { Leadership } from './schedule/leadership.js';
import { Scheduler } from './schedule/scheduler.js';
import { openStore } from './store/open.js';
import type { Dialect, Store } from './store/store.js';

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

/** Rejects, with nothing left open, when HTTP, the spool or a file cannot be opened. An absent database is waited for. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const closers: Closer[] = [];
  const close = async () => {
    for (let closer = closers.pop(); closer; closer = closers.pop()) {
      try {
        await closer();
      } catch (error) {
        options.log.error('closing went wrong', { error: messageOf(error) });
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

type Closer = () => unknown;

async function assemble({ config, log, clock = systemClock }: DaemonOptions, closers: Closer[]) {
  log.info('EMDC starts', { version, meters: config.meters.length, config: config.file });
  const started = { startedAt: clock.now(), startedMonotonic: clock.monotonic() };

  let store: Store | null = null;
  const recorder = await openRecorder({
    dialect: dialectOf(config.database.url),
    openStore: async () => {
      const { database, retention, meters } = config;
      store = await openStore({ url: database.url, retention, meters: meters.length, log });
      return store;
    },
    spool: config.spool,
    clock,
    log,
  });
  closers.push(() => recorder.close({ deadlineMs: RECORD_GRACE_MS }));
  const losses = new LossWatch();
  const watched: Pick<Recorder, 'record' | 'begin'> = {
    begin: (beginnings) => recorder.begin(beginnings),
    record: async (batch) => {
      const fate = await recorder.record(batch);
      losses.look(recorder.state(), clock.monotonic());
      return fate;
    },
  };

  const pool = openLinkPool({ log });
  closers.push(() => pool.close());

  const learned = await openLearnedPlans({ file: learnedPlansFile(config.spool.directory), clock, log });
  closers.push(() => learned.flush());
  const latest = new Latest(config.meters);
  const pollers = new Map<string, MeterPoller>();
  const pollerOf = (meter: Meter) => {
    const poller = new MeterPoller({ meter, link: pool.link(meter), clock, log, learned });
    pollers.set(meter.name, poller);
    return poller;
  };
  const nextSlotOf = (meter: Meter) => scheduler.nextSlot(meter.schedule);
  const cycles = new Cycles({ clock, log, latest, recorder: watched, pollerOf, nextSlotOf }, config.meters);
  closers.push(() => cycles.stop(CYCLE_GRACE_MS));

  let current = config;
  const downTime = new DownTime(recorder);
  const leadership = config.highAvailability ? shareWork() : null;
  const scheduler = new Scheduler({
    clock,
    log,
    ...(leadership ? { coordinator: leadership } : {}),
    onLeft: (schedule) => cycles.left(schedule),
    onSlot: (tick) => {
      downTime.begin(cycles.dueAt(tick.schedule), () => tick.slot);
      cycles.run(tick);
    },
    onMissed: (schedule, span) => {
      downTime.begin(cycles.dueAt(schedule), () => span.from);
      cycles.missed(schedule, span);
    },
  });

  const service: Service = {
    latest,
    status: () => {
      const state = recorder.state();
      losses.look(state, clock.monotonic());
      return serviceStatus({
        ...started,
        now: clock.now(),
        monotonic: clock.monotonic(),
        turns: cycles.turns,
        figures: cycles.figures,
        recorder: state,
        lostAt: losses.at,
        role: leadership?.role ?? null,
        nextSlotOf: (schedule) => scheduler.nextSlot(schedule),
      });
    },
    collect: (request) => {
      beginByHand(request.meters);
      return cycles.collect(request);
    },
    readNow: (meter, signal) => {
      beginByHand([meter]);
      return cycles.readNow(meter, signal);
    },
  };
  /**
   * What is read by hand may not go on record ahead of a slot that is due: whoever is killed in between would have no account
   * of that one. A collector that stands by has none to give.
   */
  const beginByHand = (names: readonly string[] | null) => {
    if (leadership?.role === 'standby') return;
    scheduler.catchUp();
    const meters = current.meters.filter(({ name }) => names?.includes(name) ?? true);
    downTime.begin(meters, ({ schedule }) => scheduler.upcoming(schedule));
  };

  const http = await startHttpServer({ service, http: config.http, log, clock });
  // Whoever waits for a cycle by hand is answered when cycles stop.
  closers.push(() => Promise.all([http.close(), cycles.stop(CYCLE_GRACE_MS)]));

  logLoads(config.meters, pollers, log);
  if (leadership) {
    // Given back when the last cycle is on record, before the database is closed.
    closers.splice(1, 0, () => leadership.stop());
    leadership.start();
  }
  scheduler.start(config.meters.map(({ schedule }) => schedule));
  closers.push(() => scheduler.stop());

  const reload = (next: Config) => {
    const { meters, changes, needRestart } = difference(current, next);
    current = { ...next, meters };
    for (const name of pollers.keys()) if (!meters.some((meter) => meter.name === name)) pollers.delete(name);
    cycles.setMeters(meters);
    latest.setMeters(meters);
    scheduler.start(meters.map(({ schedule }) => schedule));
    void pool.keep(meters);
    void http.renew();
    for (const change of changes) log.info(`configuration: ${change}`);
    if (needRestart.length > 0) log.warn('these settings need a restart', { settings: needRestart.join(' ') });
    log.info('configuration taken over', { meters: meters.length, changes: changes.length });
  };
  const alive = () =>
    stalled({ ...started, monotonic: clock.monotonic(), turns: cycles.turns, figures: cycles.figures }).length === 0;
  return { service, url: http.url, alive, reload };

  function shareWork(): Leadership {
    return new Leadership({
      clock,
      log,
      holder: `${hostname()} ${process.pid} ${randomUUID().slice(0, 8)}`,
      intervalMs: Math.min(...config.meters.map(({ schedule }) => schedule.intervalMs ?? 60_000)),
      lease: async (request) => {
        const holder = await store?.lease?.(request);
        if (holder !== undefined) return holder;
        throw new Error('the database has not answered yet');
      },
      onRole: (role) => {
        if (role === 'leading') {
          downTime.again();
          return;
        }
        // The other collector may need the one connection that a meter grants.
        for (const meter of config.meters) pool.link(meter).disconnect();
      },
    });
  }
}

/** Says at once when a link cannot keep up; what fits is said for those who look. */
function logLoads(meters: readonly Meter[], pollers: ReadonlyMap<string, MeterPoller>, log: Log): void {
  const loads = meters.map((meter) => ({
    link: linkKeyOf(meter),
    requests: pollers.get(meter.name)?.plan.blocks.length ?? 0,
    roundTripMs: null,
    pauseMs: meter.pauseMs,
    intervalMs: meter.schedule.intervalMs,
  }));
  for (const load of linkLoads(loads)) {
    if (load.verdict === 'fits') log.debug(explainLoad(load));
    else log.warn(explainLoad(load), { hint: 'a longer schedule, fewer meters on this link, or fewer metrics' });
  }
}

function dialectOf(url: string): Dialect {
  if (url.startsWith('file:')) return 'sqlite';
  return url.startsWith('postgres') ? 'postgresql' : 'mysql';
}
