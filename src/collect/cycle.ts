// Runs cycles: at a slot, every meter that is due gets its turn, links side by side, the meters of a link one after the
// other; by hand, the same work is shared with what is already under way. A meter has at most one turn at work and one
// waiting, each with a deadline; what cannot be done in time is recorded as missing, never queued without bound.

import type { Clock } from '../model/clock.js';
import { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { Meter, MeterSchedule } from '../model/meter.js';
import { countReasons, type Poll, storedCount } from '../model/poll.js';
import type { CollectRequest, CollectRow } from '../model/status.js';
import type { Recorder } from '../record/recorder.js';
import { scheduleKeyOf, type Tick } from '../schedule/scheduler.js';
import type { SlotSpan } from '../schedule/slots.js';
import { Gather } from './gather.js';
import { Job, type Poller, type Settled, Turns } from './job.js';
import type { Latest } from './latest.js';
import { Lane } from './link-queue.js';

export interface CycleOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly latest: Latest;
  readonly recorder: Pick<Recorder, 'record' | 'begin'>;
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
const LONGEST_LINGER_MS = 1_000;
/** No turn lasts longer, however far the next slot. */
const LONGEST_TURN_MS = 300_000;
const BY_HAND_MS = 30_000;
const HAND_OVER_MS = 500;

interface Run {
  readonly rows: Promise<readonly CollectRow[]>;
  readonly signals: AbortSignal[];
}

export class Cycles {
  readonly figures: CycleFigures = { cycles: 0, lastSlot: null, lastDurationMs: null, endedAt: new Map() };
  readonly #options: CycleOptions;
  readonly #turns = new Map<string, Turns>();
  #sortedNames: readonly string[] = [];
  readonly #lanes = new Map<string, Lane>();
  readonly #runs = new Map<string, Run>();
  readonly #gathers = new Set<Promise<void>>();
  readonly #held = new Map<string, Gather>();
  /** Nothing begins any more. */
  readonly #stopped = new AbortController();
  /** What is under way is cut. */
  readonly #cut = new AbortController();

  constructor(options: CycleOptions, meters: readonly Meter[]) {
    this.#options = options;
    this.setMeters(meters);
  }

  get turns(): readonly Turns[] {
    return [...this.#turns.values()];
  }

  /** Goes over to these meters; one that is the same object keeps its poller, health, figures and turn. */
  setMeters(meters: readonly Meter[]): void {
    const before = new Map(this.#turns);
    this.#turns.clear();
    for (const lane of this.#lanes.values()) lane.turns.length = 0;
    for (const meter of meters) {
      const known = before.get(meter.name);
      const { clock, pollerOf } = this.#options;
      const turns = known?.meter === meter ? known : new Turns(meter, pollerOf(meter), clock.now());
      this.#turns.set(meter.name, turns);
      this.#laneOf(turns).turns.push(turns);
    }
    this.#sortedNames = [...this.#turns.keys()].sort();
    for (const [key, lane] of this.#lanes) if (lane.turns.length === 0) this.#lanes.delete(key);
  }

  /** The meters that are due at a schedule's slots. */
  dueAt(schedule: MeterSchedule): readonly Meter[] {
    return this.#due(scheduleKeyOf(schedule)).map(({ meter }) => meter);
  }

  /** Begins the slot's cycle. */
  run({ schedule, slot, next }: Tick): void {
    if (this.#stopped.signal.aborted) return;
    const key = scheduleKeyOf(schedule);
    const { clock, log } = this.#options;
    const start = clock.monotonic();
    const untilNext = next - clock.now();
    const deadline = start + Math.min(untilNext - Math.min(MARGIN_MS, (next - slot) / 20), LONGEST_TURN_MS);
    const gather = this.#gather(Math.min((next - slot) / 4, LONGEST_LINGER_MS));
    const jobs = this.#due(key).map((turns) => {
      if (turns.jobs.length > 0) turns.counters.overrunSlots++;
      gather.expect();
      return new Job({ turns, slot, arrived: start, deadline, byHand: false, gather });
    });
    for (const job of jobs) this.#enter(job);
    void this.#track(
      gather.finish().then(() => {
        this.figures.cycles++;
        this.figures.lastSlot = slot;
        this.figures.lastDurationMs = clock.monotonic() - start;
        this.figures.endedAt.set(key, clock.monotonic());
        const { lastDurationMs } = this.figures;
        log.debug('cycle ended', { schedule: schedule.text, slot: new Date(slot).toISOString(), ms: lastDurationMs });
      }),
    );
  }

  /** Another collector's slot is as good as one that ended here. */
  left(schedule: MeterSchedule): void {
    this.figures.endedAt.set(scheduleKeyOf(schedule), this.#options.clock.monotonic());
  }

  /** Counts and records slots that nobody ran. */
  missed(schedule: MeterSchedule, span: SlotSpan): void {
    const { clock, log, recorder } = this.#options;
    const { text, intervalMs } = schedule;
    const { from, until: slot, slots } = span;
    log.warn('slots were missed', { schedule: text, from: new Date(from).toISOString(), slots });
    for (const turns of this.#due(scheduleKeyOf(schedule))) {
      const { meter, counters } = turns;
      counters.missedSlots += slots;
      turns.inOrder(from, clock.monotonic(), () => {
        this.#held.get(meter.name)?.flush();
        if (intervalMs !== null) recorder.begin([{ meter, slot, intervalMs, after: from - intervalMs }]);
        else void recorder.record({ polls: [], gaps: [{ meter, ...span, reason: 'missed' }] });
      });
    }
  }

  /** See Service.collect. Rejects with an EmdcError for a meter name that is not configured. */
  collect(request: CollectRequest): Promise<readonly CollectRow[]> {
    const asked = request.meters === null ? null : [...new Set(request.meters)];
    const key = JSON.stringify([request.iterations, request.waitMs, asked?.toSorted() ?? this.#sortedNames]);
    const running = this.#runs.get(key);
    if (running) {
      running.signals.push(request.signal);
      return running.rows;
    }
    const signals = [request.signal];
    const rows = this.#collect(asked, request, signals).finally(() => this.#runs.delete(key));
    this.#runs.set(key, { rows, signals });
    return rows;
  }

  /** See Service.readNow. */
  async readNow(name: string, signal: AbortSignal): Promise<string | null> {
    const read = this.#readAll([name]).then(([settled]) => (settled ? unreadError(settled.poll) : null));
    return Promise.race([read, aborted(signal).then(() => 'the caller hung up')]);
  }

  /** Lets what is under way end, for at most `graceMs`, then cuts the rest with the reason `shutdown`. Nothing starts any more. */
  async stop(graceMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#stopped.abort();
    const ended = new AbortController();
    void Promise.all([...this.#gathers]).then(() => ended.abort());
    await clock.sleep(graceMs, ended.signal);
    this.#cut.abort(new Error('the collector is stopping'));
    await Promise.all([...this.#lanes.values()].map((lane) => lane.stopped()));
    // What is still not durable then is the recorder's to save when it closes.
    await clock.sleep(HAND_OVER_MS, ended.signal);
  }

  #due(key: string): Turns[] {
    return this.turns.filter(({ scheduleKey }) => scheduleKey === key);
  }

  async #collect(names: readonly string[] | null, request: CollectRequest, signals: readonly AbortSignal[]) {
    const { clock } = this.#options;
    const rows: CollectRow[] = [];
    for (let iteration = 1; iteration <= request.iterations; iteration++) {
      for (const { poll, fate } of await this.#readAll(names)) rows.push(rowOf(iteration, poll, fate));
      if (iteration === request.iterations) break;
      const only = signals.length === 1 ? signals : [];
      await clock.sleep(request.waitMs, this.#stopped.signal, ...only);
      if (this.#stopped.signal.aborted || signals.every((signal) => signal.aborted)) break;
    }
    return rows;
  }

  /** null: all. */
  async #readAll(names: readonly string[] | null): Promise<Settled[]> {
    const turns = names === null ? this.turns : names.map((name) => this.#turns.get(name) ?? unknownMeter(name));
    const { clock } = this.#options;
    const arrived = clock.monotonic();
    const gather = this.#gather(LONGEST_LINGER_MS);
    const deadline = arrived + BY_HAND_MS;
    const own: Job[] = [];
    const others: Job[] = [];
    const jobs = turns.map((turn) => {
      const under = turn.jobs[0];
      if (under) {
        under.byHand = true;
        others.push(under);
        return under;
      }
      const slot = Math.floor(clock.now());
      gather.expect();
      const job = new Job({ turns: turn, slot, arrived, deadline, byHand: true, gather });
      own.push(job);
      return job;
    });
    for (const job of own) this.#enter(job);
    await Promise.all([this.#track(gather.finish()), ...others.map((job) => job.whenSettled)]);
    return jobs.map(({ settled }) => settled as Settled);
  }

  #enter(job: Job): void {
    const { jobs } = job.turns;
    const lane = this.#laneOf(job.turns);
    // The one that waited is out of time.
    const waiting = jobs[1];
    if (waiting) lane.cut(waiting);
    jobs.push(job);
    lane.add(job);
  }

  #gather(lingerMs: number): Gather {
    const { clock, recorder } = this.#options;
    return new Gather({ clock, recorder, lingerMs, held: this.#held });
  }

  #track(gather: Promise<void>): Promise<void> {
    const tracked = gather.finally(() => this.#gathers.delete(tracked));
    this.#gathers.add(tracked);
    return tracked;
  }

  #laneOf({ linkKey }: Turns): Lane {
    const known = this.#lanes.get(linkKey);
    if (known) return known;
    const { clock, nextSlotOf, latest, log, random = Math.random } = this.#options;
    const lane: Lane = new Lane({
      clock,
      log,
      random,
      nextSlotAt: () => {
        const slots = lane.turns.map((turns) => nextSlotOf(turns.meter) ?? Number.POSITIVE_INFINITY);
        return clock.monotonic() + Math.min(...slots) - clock.now() - MARGIN_MS;
      },
      onPoll: (poll) => latest.update(poll),
      stop: this.#cut.signal,
    });
    this.#lanes.set(linkKey, lane);
    return lane;
  }
}

function rowOf(iteration: number, poll: Poll, fate: Settled['fate']): CollectRow {
  const read = storedCount(poll);
  return {
    iteration,
    meter: poll.meter.name,
    slot: poll.slot,
    durationMs: poll.durationMs,
    requests: poll.requests,
    expected: poll.values.length,
    stored: fate === 'stored' ? read : 0,
    spooled: fate === 'spooled' ? read : 0,
    lost: fate === 'lost' ? read : 0,
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
