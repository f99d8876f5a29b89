// The soak: the real cycle, poller, link and simulated meters, with faults that come and go at random, cycle after cycle.
// Every recorded value is held against what its meter held at that moment. Simulated time runs faster than the machine's
// and jumps from the end of a cycle to the next slot, so that a day passes as fast as the requests can be answered.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Cycles } from '../../src/collect/cycle.js';
import { Latest } from '../../src/collect/latest.js';
import { MeterPoller } from '../../src/collect/poll-meter.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import { type Clock, systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import type { Meter } from '../../src/model/meter.js';
import type { Batch, Poll } from '../../src/model/poll.js';
import { forgetfulPlans, openLearnedPlans } from '../../src/plan/refused-registers.js';
import { FAULTS, faultNamed } from '../../src/simulate/faults.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { everySeconds } from '../support/laboratory.js';
import { meter } from '../support/metric.js';
import { stampedMetrics, stampedUnit, stampProblem } from '../support/stamped.js';

/** Simulated milliseconds in one of the machine's. */
const PACE = 20;
const INTERVAL_MS = 1000;
/** The machine's milliseconds, as sockets know no other. */
const TIMEOUT_MS = 25;
const ADDRESSES = [0, 4, 8, 1000, 1004];
/** Units behind each host:port: 20 meters on 12 links. */
const UNITS_PER_LINK = [4, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1];
const NUMBERS: Readonly<Record<string, number>> = { 'late-answer': 40, dribble: 0, split: 1, 'idle-close': 5, hole: 5 };
const LONGEST_FAULT_CYCLES = 25;

export interface SoakOptions {
  readonly cycles: number;
  readonly seed: number;
  /** Called now and then. */
  readonly onProgress?: (progress: SoakResult) => void;
}

export interface SoakResult {
  readonly cycles: number;
  readonly values: number;
  /** Values that their meter did not hold at that moment. */
  readonly wrong: readonly string[];
  readonly missing: Readonly<Record<string, number>>;
  readonly faults: number;
  readonly requests: number;
  /** After a garbage collection. */
  readonly heapMB: number;
  readonly rssMB: number;
  /** Sockets, timers and so on that keep the process alive. */
  readonly handles: number;
}

/** A clock that runs PACE times as fast as the machine's, and can be set forward. */
class FastClock implements Clock {
  #skipped = 0;
  readonly #base = Date.now() - performance.now() * PACE;

  now = (): number => this.#base + this.monotonic();
  monotonic = (): number => performance.now() * PACE + this.#skipped;
  sleep: Clock['sleep'] = (ms, ...signals) => systemClock.sleep(ms / PACE, ...signals);

  skipTo(time: number): void {
    this.#skipped += Math.max(0, time - this.now());
  }
}

interface Site {
  readonly server: MeterServer;
  readonly unitIds: readonly number[];
}

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const random = generator(options.seed);
  const clock = new FastClock();
  const metrics = stampedMetrics(ADDRESSES);
  const sites: Site[] = [];
  const meters: Meter[] = [];
  for (const [link, count] of UNITS_PER_LINK.entries()) {
    const unitIds = Array.from({ length: count }, (_, i) => i + 1);
    const units = unitIds.map((unitId) =>
      stampedUnit({ meter: meters.length + unitId - 1, unitId, addresses: ADDRESSES, now: clock.now }),
    );
    const server = await startMeterServer({ units, logged: 100 });
    const { host, port } = server;
    sites.push({ server, unitIds });
    const times = { timeoutMs: TIMEOUT_MS, retries: 1, retryWaitMs: 20, schedule: everySeconds(1) };
    for (const unitId of unitIds)
      meters.push(meter({ name: `${link}/${unitId}`, host, port, unitId, metrics, ...times }));
  }
  const folder = mkdtempSync(join(tmpdir(), 'emdc-soak-'));
  const learned = await openLearnedPlans({ file: join(folder, 'learned.json'), clock, log: silentLog });
  const pool = openLinkPool();
  const verifier = new Verifier(meters, clock);
  let slot = 0;
  const cycles = new Cycles(
    {
      clock,
      random,
      log: silentLog,
      latest: new Latest(meters),
      recorder: { record: (batch: Batch) => verifier.record(batch), begin: () => {} },
      // What one half learns to leave alone would, after a day of random refusals, leave too little to verify.
      pollerOf: (subject) =>
        new MeterPoller({
          meter: subject,
          link: pool.link(subject),
          clock,
          log: silentLog,
          learned: meters.indexOf(subject) % 2 === 0 ? learned : forgetfulPlans,
        }),
      nextSlotOf: () => slot + INTERVAL_MS,
    },
    meters,
  );
  const weather = new Weather(sites, random);
  const schedule = everySeconds(1);
  const result = (done: number): SoakResult => ({
    cycles: done,
    values: verifier.values,
    wrong: verifier.wrong,
    missing: verifier.missing,
    faults: weather.faults,
    requests: sites.reduce((sum, { server }) => sum + server.requestCount, 0),
    ...footprint(),
  });
  try {
    for (let cycle = 0; cycle < options.cycles; cycle++) {
      await weather.change(cycle);
      slot = Math.ceil((clock.now() + 1) / INTERVAL_MS) * INTERVAL_MS;
      clock.skipTo(slot);
      const recorded = verifier.expect(slot);
      cycles.run({ schedule, slot, next: slot + INTERVAL_MS });
      await recorded;
      await nextTurn();
      if ((cycle + 1) % Math.ceil(options.cycles / 20) === 0) options.onProgress?.(result(cycle + 1));
    }
    await weather.clear();
    return result(options.cycles);
  } finally {
    await cycles.stop(1000);
    await pool.close();
    await learned.flush();
    await Promise.all(sites.map(({ server }) => server.close()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Stands where the recorder stands. */
class Verifier {
  values = 0;
  readonly wrong: string[] = [];
  readonly missing: Record<string, number> = {};
  readonly #meters: readonly Meter[];
  readonly #clock: Clock;
  #slot = 0;
  readonly #waiting = new Set<string>();
  #done: () => void = () => {};

  constructor(meters: readonly Meter[], clock: Clock) {
    this.#meters = meters;
    this.#clock = clock;
  }

  /** Resolves when every meter's poll of this slot is here. */
  expect(slot: number): Promise<void> {
    this.#slot = slot;
    for (const { name } of this.#meters) this.#waiting.add(name);
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  async record({ polls }: Batch): Promise<'stored'> {
    for (const poll of polls) this.#verify(poll);
    if (this.#waiting.size === 0) this.#done();
    return 'stored';
  }

  #verify(poll: Poll): void {
    const { meter: subject, slot, values, missing } = poll;
    const index = this.#meters.indexOf(subject as Meter);
    if (slot !== this.#slot || !this.#waiting.delete(subject.name))
      this.wrong.push(`${subject.name}: ${slot} recorded twice`);
    const until = this.#clock.now();
    values.forEach((value, metric) => {
      const reason = missing.get(metric);
      if (reason !== undefined) this.missing[reason] = (this.missing[reason] ?? 0) + 1;
      if (Number.isNaN(value) !== (reason !== undefined))
        this.wrong.push(`${subject.name}: ${metric} has a value and a reason, or neither`);
      if (Number.isNaN(value)) return;
      this.values++;
      const problem = stampProblem(value, {
        meter: index,
        metric,
        from: Math.floor(Math.min(slot, poll.readAt)),
        until,
      });
      if (problem !== null) this.wrong.push(`${subject.name}: metric ${metric}: ${problem}`);
    });
  }
}

/** Faults that come and go, at connections and at single units, for every request or for some. */
class Weather {
  faults = 0;
  readonly #sites: readonly Site[];
  readonly #random: () => number;
  readonly #ends = new Map<number, (() => Promise<void>)[]>();
  readonly #busy = new Set<string>();
  readonly #names = FAULTS.map(({ name }) => {
    const word = name.split(':')[0] as string;
    return word in NUMBERS ? `${word}:${NUMBERS[word]}` : name;
  });

  constructor(sites: readonly Site[], random: () => number) {
    this.#sites = sites;
    this.#random = random;
  }

  async change(cycle: number): Promise<void> {
    for (const end of this.#ends.get(cycle) ?? []) await end();
    this.#ends.delete(cycle);
    if (this.#random() > 0.35) return;
    const site = this.#pick(this.#sites);
    const drawn = this.#pick(this.#names);
    const name = drawn.startsWith('exception') ? `exception:${Math.floor(this.#random() * 256)}` : drawn;
    const ofConnection = faultNamed(name).connection !== undefined;
    const unitId = this.#pick(site.unitIds);
    const place = `${site.server.port} ${ofConnection ? 'all' : unitId}`;
    if (this.#busy.has(place)) return;
    this.#busy.add(place);
    this.faults++;
    const scope = ofConnection ? {} : { unitId, rate: this.#random() < 0.4 ? 1 : this.#random(), random: this.#random };
    await site.server.setFault(name, scope);
    const until = cycle + 1 + Math.floor(this.#random() * LONGEST_FAULT_CYCLES);
    const end = async () => {
      this.#busy.delete(place);
      await site.server.setFault(null, scope);
    };
    this.#ends.set(until, [...(this.#ends.get(until) ?? []), end]);
  }

  async clear(): Promise<void> {
    for (const end of [...this.#ends.values()].flat()) await end();
    this.#ends.clear();
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function footprint(): Pick<SoakResult, 'heapMB' | 'rssMB' | 'handles'> {
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  const toMB = (bytes: number) => Math.round(bytes / 1e5) / 10;
  return { heapMB: toMB(heapUsed + external), rssMB: toMB(rss), handles: process.getActiveResourcesInfo().length };
}
