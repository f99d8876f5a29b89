// Runs cycles: at a slot, every meter that is due is polled, links side by side, the meters of a link one after the other;
// by hand, the same work is shared with what is already under way. A meter has at most one poll under way and one waiting,
// each with a deadline; what cannot be done in time is recorded as missing, never queued without bound.

import { setMaxListeners } from 'node:events';
import type { Clock } from '../model/clock.js';
import { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { Meter, MeterSchedule } from '../model/meter.js';
import { countReasons, type Gap, type Poll, type RunStart, storedCount } from '../model/poll.js';
import type { CollectRequest, CollectRow } from '../model/status.js';
import type { SlotSpan } from '../schedule/plan-tick.js';
import { scheduleKeyOf, type Tick } from '../schedule/scheduler.js';
import { CollectedMeter, type Poller, PollTask, type Recorded } from './collected-meter.js';
import type { Latest } from './latest.js';
import { LinkQueue } from './link-queue.js';
import { type PollRecorder, recordTogether } from './record-together.js';

export interface CycleOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly latest: Latest;
  readonly recorder: PollRecorder & {
    /** The recorder finds the slots that passed while no collector ran, before the first slot of these meters. */
    begin(starts: readonly RunStart[]): void;
  };
  /** The poller of a meter that is new, or whose configuration changed. */
  readonly pollerOf: (meter: Meter) => Poller;
  /** Nominal time of the meter's next slot, ms UTC; null: not scheduled. */
  readonly nextSlotOf: (meter: Meter) => number | null;
  readonly random?: () => number;
}

/** How cycles have gone since start. */
export interface CycleFigures {
  cycles: number;
  /** Slot of the newest cycle that ended, ms UTC. */
  lastSlot: number | null;
  lastDurationMs: number | null;
  /** When a cycle of each schedule last ended, by schedule key, on the monotonic clock. */
  readonly endedAt: Map<string, number>;
}

/** A slot's work ends this long before the next slot, or a twentieth of the interval. */
const MARGIN_MS = 50;
/** Longest wait of a finished poll for the others of its cycle. */
const LONGEST_LINGER_MS = 1_000;
/** No poll lasts longer, however far the next slot. */
const LONGEST_POLL_MS = 300_000;
const BY_HAND_MS = 30_000;
/** For the record of what was cut when the collector stops. */
const HAND_OVER_MS = 500;
/** So many polls start before HTTP and timers are served. */
const STARTED_TOGETHER = 50;

/** A call of POST /collect under way, shared by equal calls. */
interface SharedCall {
  readonly rows: Promise<readonly CollectRow[]>;
  readonly signals: AbortSignal[];
}

export class Cycles {
  readonly figures: CycleFigures = { cycles: 0, lastSlot: null, lastDurationMs: null, endedAt: new Map() };
  readonly #options: CycleOptions;
  readonly #meters = new Map<string, CollectedMeter>();
  readonly #begun = new Set<string>();
  readonly #queues = new Map<string, LinkQueue>();
  readonly #calls = new Map<string, SharedCall>();
  /** Cycles whose polls are not all recorded. */
  readonly #running = new Set<Promise<void>>();
  /** No further cycle begins. */
  readonly #stopped = new AbortController();
  /** What is under way is cut. */
  readonly #cut = new AbortController();

  constructor(options: CycleOptions, meters: readonly Meter[]) {
    this.#options = options;
    // Every link listens to it; Node would warn of more than ten.
    setMaxListeners(0, this.#cut.signal);
    this.setMeters(meters);
  }

  get meters(): readonly CollectedMeter[] {
    return [...this.#meters.values()];
  }

  /** Goes over to these meters; one that is the same object keeps its poller, health, figures and what is under way. */
  setMeters(meters: readonly Meter[]): void {
    const before = new Map(this.#meters);
    const { clock, pollerOf } = this.#options;
    this.#meters.clear();
    for (const queue of this.#queues.values()) queue.meters.length = 0;
    for (const meter of meters) {
      const known = before.get(meter.name);
      const collected = known?.meter === meter ? known : new CollectedMeter(meter, pollerOf(meter), clock.now());
      this.#meters.set(meter.name, collected);
      this.#queueOf(collected).meters.push(collected);
    }
    for (const [key, queue] of this.#queues) if (queue.meters.length === 0) this.#queues.delete(key);
    for (const name of this.#begun) if (!this.#meters.has(name)) this.#begun.delete(name);
  }

  /**
   * Tells the recorder each meter's first slot, so that it finds what passed unread before: to be called when schedules were
   * started, of which only new meters are told; and with `again` when this collector takes over from another, for all.
   */
  begin({ again = false }: { readonly again?: boolean } = {}): void {
    const { nextSlotOf, recorder } = this.#options;
    const starts: RunStart[] = [];
    for (const { meter } of this.#meters.values()) {
      const { intervalMs } = meter.schedule;
      const slot = nextSlotOf(meter);
      if (intervalMs === null || slot === null || (this.#begun.has(meter.name) && !again)) continue;
      this.#begun.add(meter.name);
      starts.push({ meter, slot, intervalMs });
    }
    if (starts.length > 0) recorder.begin(starts);
  }

  /** Begins the slot's cycle. */
  run({ schedule, slot, next }: Tick): void {
    if (this.#stopped.signal.aborted) return;
    const key = scheduleKeyOf(schedule);
    const { clock, log } = this.#options;
    const start = clock.monotonic();
    const untilNext = next - clock.now();
    const deadline = start + Math.min(untilNext - Math.min(MARGIN_MS, (next - slot) / 20), LONGEST_POLL_MS);
    const tasks = this.#due(key).map((meter) => {
      if (meter.tasks.length > 0) meter.counters.overrunSlots++;
      return new PollTask({ meter, slot, arrived: start, deadline, byHand: false });
    });
    const lingerMs = Math.min((next - slot) / 4, LONGEST_LINGER_MS);
    void this.#poll(tasks, lingerMs).then(() => {
      const ms = clock.monotonic() - start;
      this.figures.cycles++;
      this.figures.lastSlot = slot;
      this.figures.lastDurationMs = ms;
      this.figures.endedAt.set(key, clock.monotonic());
      log.debug('cycle ended', { schedule: schedule.text, slot: new Date(slot).toISOString(), ms });
    });
  }

  /** A standby counts a slot that the leader ran as ended, so that taking over reports no stalled schedule. */
  left(schedule: MeterSchedule): void {
    this.figures.endedAt.set(scheduleKeyOf(schedule), this.#options.clock.monotonic());
  }

  /** Counts and records slots that passed unread while the collector was running. */
  missed(schedule: MeterSchedule, span: SlotSpan): void {
    const { log, recorder } = this.#options;
    const { from, slots } = span;
    log.warn('slots were missed', { schedule: schedule.text, from: new Date(from).toISOString(), slots });
    const gaps = this.#due(scheduleKeyOf(schedule)).map(({ meter, counters }): Gap => {
      counters.missedSlots += slots;
      return { meter, ...span, reason: 'missed' };
    });
    if (gaps.length > 0) void recorder.record({ polls: [], gaps });
  }

  /** See Service.collect. Rejects with an EmdcError `unknown-meter` for a name that is not configured. */
  collect(request: CollectRequest): Promise<readonly CollectRow[]> {
    const names = request.meters === null ? null : [...new Set(request.meters)];
    const key = JSON.stringify([request.iterations, request.waitMs, (names ?? [...this.#meters.keys()]).toSorted()]);
    const running = this.#calls.get(key);
    if (running) {
      running.signals.push(request.signal);
      return running.rows;
    }
    const signals = [request.signal];
    const rows = this.#collect(names, request, signals).finally(() => this.#calls.delete(key));
    this.#calls.set(key, { rows, signals });
    return rows;
  }

  /** See Service.readNow. */
  async readNow(name: string, signal: AbortSignal): Promise<string | null> {
    const read = this.#readByHand([name]).then(([recorded]) => (recorded ? unreadError(recorded.poll) : null));
    return Promise.race([read, aborted(signal).then(() => 'the caller hung up')]);
  }

  /** Lets what is under way end, for at most `graceMs`, then cuts the rest with the reason `shutdown`. Nothing starts any more. */
  async stop(graceMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#stopped.abort();
    const ended = new AbortController();
    void Promise.all([...this.#running]).then(() => ended.abort());
    await clock.sleep(graceMs, ended.signal);
    this.#cut.abort(new Error('the collector is stopping'));
    await Promise.all([...this.#queues.values()].map((queue) => queue.stopped()));
    // What is still not durable then is the recorder's to save when it closes.
    await clock.sleep(HAND_OVER_MS, ended.signal);
  }

  #due(key: string): CollectedMeter[] {
    return this.meters.filter(({ scheduleKey }) => scheduleKey === key);
  }

  async #collect(names: readonly string[] | null, request: CollectRequest, signals: readonly AbortSignal[]) {
    const { clock } = this.#options;
    const rows: CollectRow[] = [];
    for (let iteration = 1; iteration <= request.iterations; iteration++) {
      for (const recorded of await this.#readByHand(names)) rows.push(rowOf(iteration, recorded));
      if (iteration === request.iterations) break;
      const only = signals.length === 1 ? signals : [];
      await clock.sleep(request.waitMs, this.#stopped.signal, ...only);
      if (this.#stopped.signal.aborted || signals.every((signal) => signal.aborted)) break;
    }
    return rows;
  }

  /** Polls these meters now, null: all; shares polls that are under way. */
  async #readByHand(names: readonly string[] | null): Promise<Recorded[]> {
    const meters = names === null ? this.meters : names.map((name) => this.#meters.get(name) ?? unknownMeter(name));
    const { clock } = this.#options;
    const arrived = clock.monotonic();
    const deadline = arrived + BY_HAND_MS;
    const own: PollTask[] = [];
    const tasks = meters.map((meter) => {
      const underWay = meter.tasks[0];
      if (underWay) {
        underWay.byHand = true;
        return underWay;
      }
      const slot = Math.floor(clock.now());
      const task = new PollTask({ meter, slot, arrived, deadline, byHand: true });
      own.push(task);
      return task;
    });
    void this.#poll(own, LONGEST_LINGER_MS);
    return Promise.all(tasks.map(({ recorded }) => recorded));
  }

  /** Polls and records; resolves when everything is durable, or lost. */
  #poll(tasks: readonly PollTask[], lingerMs: number): Promise<void> {
    const { clock, recorder, latest } = this.#options;
    const polled = recordTogether(tasks, { clock, recorder, lingerMs, onPoll: (poll) => latest.update(poll) });
    const running = polled.finally(() => this.#running.delete(running));
    this.#running.add(running);
    void this.#enterAll(tasks);
    return running;
  }

  /** A thousand polls that start at once would keep the process from everything else for a tenth of a second. */
  async #enterAll(tasks: readonly PollTask[]): Promise<void> {
    for (const [index, task] of tasks.entries()) {
      if (index > 0 && index % STARTED_TOGETHER === 0) await new Promise((resolve) => setImmediate(resolve));
      const queue = this.#queueOf(task.meter);
      // A poll that still waits from an earlier slot is out of time.
      const waiting = task.meter.tasks[1];
      if (waiting) queue.cut(waiting);
      queue.add(task);
    }
  }

  #queueOf({ linkKey }: CollectedMeter): LinkQueue {
    const known = this.#queues.get(linkKey);
    if (known) return known;
    const { clock, nextSlotOf, log, random = Math.random } = this.#options;
    const queue: LinkQueue = new LinkQueue({
      clock,
      log,
      random,
      nextSlotAt: () => {
        const slots = queue.meters.map(({ meter }) => nextSlotOf(meter) ?? Number.POSITIVE_INFINITY);
        return clock.monotonic() + Math.min(...slots) - clock.now() - MARGIN_MS;
      },
      stop: this.#cut.signal,
    });
    this.#queues.set(linkKey, queue);
    return queue;
  }
}

function rowOf(iteration: number, { poll, outcome }: Recorded): CollectRow {
  const read = storedCount(poll);
  return {
    iteration,
    meter: poll.meter.name,
    slot: poll.slot,
    durationMs: poll.durationMs,
    requests: poll.requests,
    expected: poll.values.length,
    stored: outcome === 'stored' ? read : 0,
    spooled: outcome === 'spooled' ? read : 0,
    lost: outcome === 'lost' ? read : 0,
    missing: Object.fromEntries(countReasons(poll)),
    error: poll.error,
  };
}

/** A poll that brought something is no error: which metrics are missing shows in `latest`. */
const unreadError = (poll: Poll): string | null =>
  storedCount(poll) > 0 ? null : (poll.error ?? 'no metric has a value now');

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

function unknownMeter(name: string): never {
  throw new EmdcError({
    code: 'unknown-meter',
    message: `no meter is called ${name}`,
    hint: 'GET /ping lists the meters',
  });
}
