// The collector under measurement: the real daemon, with the real recorder and store, in a process of its own.

import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Daemon, startDaemon } from '../../src/daemon.js';
import { silentLog } from '../../src/model/log.js';
import { serveParent } from './child.js';
import { type Endpoint, metersAt } from './site.js';

export type CollectorQuestion =
  | {
      readonly do: 'setup';
      readonly endpoints: readonly Endpoint[];
      readonly databaseUrl: string;
      readonly directory: string;
      readonly intervalMs: number;
    }
  | { readonly do: 'collect'; readonly cycles: number }
  | { readonly do: 'watch'; readonly seconds: number; readonly eventLoop: boolean };

export interface CollectorAnswer {
  readonly url: string;
  /** Per cycle by hand, from its start to the last answer of a meter, ms. */
  readonly durationsMs: readonly number[];
  readonly requests: number;
  readonly readings: number;
  readonly missedSlots: number;
  readonly overrunSlots: number;
  readonly cpuMs: number;
  /** Once a second. */
  readonly rssBytes: readonly number[];
  /** Longest block of the event loop in each second, ms; empty where it was not looked at. */
  readonly blockedMs: readonly number[];
  /** What the host gave to other machines in each second, of all processors together, ms; empty as above. */
  readonly stolenMs: readonly number[];
  /** Polls by how many whole milliseconds after its slot the first request went out; the last one: or more. */
  readonly lateMs: Uint32Array;
  /** Slots seen, ms UTC. */
  readonly firstSlot: number;
  readonly lastSlot: number;
}

const LATEST_MS = 5000;

let daemon: Daemon | null = null;
/**
 * How often the event loop is looked at. Not free: a thousand times a second would cost as much as collecting from 100
 * meters, so it is never done while CPU is measured.
 */
const LOOK_MS = 10;

/** When the newest poll came in. */
let lastPolled = 0;
let lateMs = new Uint32Array(LATEST_MS + 1);
let firstSlot = Number.POSITIVE_INFINITY;
let lastSlot = 0;

/** Since the machine was started; 0 where there is no /proc. Counted in hundredths of a second. */
function stolenMsSoFar(): number {
  try {
    return 10 * Number(readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/\s+/)[8]);
  } catch {
    return 0;
  }
}

const totals = () => {
  const meters = daemon?.service.status().meters ?? [];
  const sum = (of: (counters: (typeof meters)[number]['counters']) => number) =>
    meters.reduce((total, { counters }) => total + of(counters), 0);
  return {
    requests: sum((c) => c.requests),
    readings: sum((c) => c.readings),
    missedSlots: sum((c) => c.missedSlots),
    overrunSlots: sum((c) => c.overrunSlots),
  };
};

serveParent<CollectorQuestion, CollectorAnswer>(
  async (question) => {
    if (question.do === 'setup') {
      const { endpoints, databaseUrl, directory, intervalMs } = question;
      daemon = await startDaemon({
        config: {
          file: null,
          meters: metersAt(endpoints, intervalMs),
          virtual: [],
          timezone: 'UTC',
          database: { url: databaseUrl, commitEveryMs: 0, connections: 1, spread: false },
          spool: { directory: `${directory}/spool`, maxBytes: 1e9, maxAgeMs: 1e10 },
          retention: { readingsMs: null, rollupsMs: null },
          http: { host: '127.0.0.1', port: 0, allowedHosts: [], token: '', tlsCertificate: '', tlsKey: '' },
          log: { level: 'warn', format: 'text', file: '', maxBytes: 1e7, maxFiles: 1 },
          highAvailability: false,
        },
        log: silentLog,
      });
      const { latest } = daemon.service;
      const update = latest.update.bind(latest);
      latest.update = (poll) => {
        update(poll);
        lastPolled = performance.now();
        const late = Math.min(Math.max(0, poll.readAt - poll.slot), LATEST_MS);
        lateMs[late] = (lateMs[late] ?? 0) + 1;
        firstSlot = Math.min(firstSlot, poll.slot);
        lastSlot = Math.max(lastSlot, poll.slot);
      };
    }
    const running = daemon as Daemon;
    const before = totals();
    lateMs = new Uint32Array(LATEST_MS + 1);
    firstSlot = Number.POSITIVE_INFINITY;
    const cpu = process.cpuUsage();
    const durationsMs: number[] = [];
    const rssBytes: number[] = [];
    const blockedMs: number[] = [];
    const stolenMs: number[] = [];
    if (question.do === 'collect') {
      for (let i = 0; i < question.cycles; i++) {
        const start = performance.now();
        await running.service.collect({ iterations: 1, waitMs: 0, meters: null, signal: new AbortController().signal });
        durationsMs.push(lastPolled - start);
      }
    }
    if (question.do === 'watch') {
      // Takes memory, too.
      const delay = question.eventLoop ? monitorEventLoopDelay({ resolution: LOOK_MS }) : null;
      delay?.enable();
      let stolen = stolenMsSoFar();
      for (let second = 0; second < question.seconds; second++) {
        await sleep(1000);
        if (delay !== null) {
          blockedMs.push(delay.max / 1e6 - LOOK_MS);
          const now = stolenMsSoFar();
          stolenMs.push(now - stolen);
          stolen = now;
          delay.reset();
        }
        rssBytes.push(process.memoryUsage.rss());
      }
      delay?.disable();
    }
    const { user, system } = process.cpuUsage(cpu);
    const after = totals();
    return {
      url: running.url,
      durationsMs,
      requests: after.requests - before.requests,
      readings: after.readings - before.readings,
      missedSlots: after.missedSlots - before.missedSlots,
      overrunSlots: after.overrunSlots - before.overrunSlots,
      cpuMs: (user + system) / 1000,
      rssBytes,
      blockedMs,
      stolenMs,
      lateMs,
      firstSlot,
      lastSlot,
    };
  },
  async () => {
    await daemon?.stop();
  },
);
