// The real daemon against every named fault at once, each at a meter of its own beside healthy neighbours. What it finds
// is the README's table: fault, what is stored, what is lost, when it is well again. EMDC_WRITE_README=1 writes it there.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import type { Meter } from '../../src/model/meter.js';
import { packageRoot } from '../../src/model/paths.js';
import { FAULTS, faultNamed } from '../../src/simulate/faults.js';
import { type MeterServer, startMeterServer } from '../../src/simulate/meter-server.js';
import { everySeconds, type Laboratory, openLaboratory, type PollRow } from '../support/laboratory.js';
import { meter } from '../support/metric.js';
import { stampedMetrics, stampedUnit, stampProblem } from '../support/stamped.js';

const INTERVAL_MS = 2000;
const FAULT_SLOTS = 6;
/** Three metrics that one request reads, and one that needs another. */
const ADDRESSES = [0, 4, 8, 1000];
const metrics = stampedMetrics(ADDRESSES);

/** Numbers that make sense with these meters and a timeout of 600 ms. */
const NUMBERS: Readonly<Record<string, number>> = { 'late-answer': 900, dribble: 0, hole: 5, 'limited-registers': 6 };

interface Case {
  readonly fault: string;
  /** The connection itself is at fault: all units behind it share it. */
  readonly ofConnection: boolean;
  readonly subject: string;
  readonly neighbour: string;
  readonly server: MeterServer;
}

const TRIED = [
  // Faults of a serial line are tried in test/modbus/rtu.test.ts.
  ...FAULTS.filter(({ text }) => !text.includes('RTU only')).map(({ name }) => {
    const word = name.split(':')[0] as string;
    return word in NUMBERS ? `${word}:${NUMBERS[word]}` : name;
  }),
  'exception:11',
];

type WayBack = 'never away' | 'next slot' | 'probed' | 'connected again' | 'asked again';

const WAYS_BACK: Readonly<Record<WayBack, string>> = {
  'never away': 'never away',
  'next slot': 'at the next slot',
  probed: 'when next probed',
  'connected again': 'when next connected',
  'asked again': 'when asked again',
};
const MOST_SLOTS: Readonly<Record<WayBack, number>> = {
  'never away': 1,
  'next slot': 2,
  probed: 2 * FAULT_SLOTS,
  'connected again': 2 * FAULT_SLOTS,
  'asked again': Number.POSITIVE_INFINITY,
};
/** Reasons that come after what led to them. */
const LAST = ['offline', 'refused before'];

describe('the daemon beside a meter that', { timeout: 180_000 }, () => {
  const cases: Case[] = [];
  const stamps = new Map<string, number>();
  let laboratory: Laboratory;
  let polls: ReadonlyMap<string, readonly PollRow[]>;
  let faultFrom = 0;
  let faultUntil = 0;
  const HEALTHY = ['healthy/1', 'healthy/2'];

  before(async () => {
    const meters: Meter[] = [];
    const serve = async (names: readonly string[]): Promise<MeterServer> => {
      const units = names.map((name, i) => {
        stamps.set(name, stamps.size);
        return stampedUnit({ meter: stamps.get(name) as number, unitId: i + 1, addresses: ADDRESSES });
      });
      const server = await startMeterServer({ units });
      const { host, port } = server;
      names.forEach((name, i) => {
        const unitId = i + 1;
        const times = { timeoutMs: 600, retries: 1, retryWaitMs: 50 };
        meters.push(meter({ name, host, port, unitId, metrics, schedule: everySeconds(INTERVAL_MS / 1000), ...times }));
      });
      return server;
    };
    for (const fault of TRIED) {
      const [subject, neighbour] = [`${fault}/subject`, `${fault}/neighbour`];
      const server = await serve([subject, neighbour]);
      const ofConnection = faultNamed(fault).connection !== undefined;
      cases.push({ fault, ofConnection, subject, neighbour, server });
    }
    const healthy = await serve(HEALTHY);

    laboratory = await openLaboratory(meters);
    const names = [...stamps.keys()];
    await laboratory.online(names, 20_000);
    await laboratory.slots(2);
    faultFrom = Date.now();
    await Promise.all(
      cases.map(({ fault, ofConnection, server }) => server.setFault(fault, ofConnection ? {} : { unitId: 1 })),
    );
    await laboratory.slots(FAULT_SLOTS);
    await Promise.all(
      cases.map(({ ofConnection, server }) => server.setFault(null, ofConnection ? {} : { unitId: 1 })),
    );
    faultUntil = Date.now();
    await laboratory.online(names, 60_000);
    await laboratory.slots(3);
    polls = await laboratory.finish();
    await Promise.all([...cases.map(({ server }) => server.close()), healthy.close()]);
  });
  after(() => laboratory?.close());

  const pollsOf = (name: string): readonly PollRow[] => polls.get(name) ?? [];
  /** Slots that lie in the fault wholly. */
  const during = (name: string) =>
    pollsOf(name).filter(({ slot }) => slot >= faultFrom && slot + INTERVAL_MS <= faultUntil);
  const complete = (row: PollRow) => row.stored === metrics.length && row.values.size === metrics.length;

  function assertNothingLost(name: string): void {
    const rows = pollsOf(name);
    assert.ok(rows.length > FAULT_SLOTS, `${name} has ${rows.length} polls`);
    rows.forEach((row, i) => {
      assert.ok(complete(row), `${name} lost at ${new Date(row.slot).toISOString()}: ${row.error} ${[...row.missing]}`);
      assert.equal(row.slot, (rows[0]?.slot ?? 0) + i * INTERVAL_MS, `${name} has a hole, or a slot twice`);
    });
  }

  test('is healthy, anywhere: no slot is lost', () => {
    for (const name of HEALTHY) assertNothingLost(name);
  });

  test('misbehaves: no wrong value is stored, and every missing one has a reason', () => {
    let checked = 0;
    for (const [name, stamp] of stamps) {
      for (const row of pollsOf(name)) {
        metrics.forEach((m, index) => {
          const value = row.values.get(m.name);
          if (value === undefined) return;
          const until = row.slot + INTERVAL_MS;
          const problem = stampProblem(value, { meter: stamp, metric: index, from: row.slot, until });
          assert.equal(problem, null, `${name} ${m.name} at ${row.slot}: ${problem}`);
          checked++;
        });
        const lost = [...row.missing.values()].reduce((sum, count) => sum + count, 0);
        assert.equal(row.values.size + lost, metrics.length, `${name} at ${row.slot}`);
      }
    }
    assert.ok(checked > 2000, `${checked} values checked`);
  });

  for (const fault of TRIED) {
    test(`${fault}: its neighbours lose nothing, and it comes back`, () => {
      const tried = cases.find((c) => c.fault === fault) as Case;
      const harmless = during(tried.subject).every(complete);
      // Behind a connection that is at fault itself all units fare alike.
      if (!tried.ofConnection || harmless) assertNothingLost(tried.neighbour);
      if (harmless) assertNothingLost(tried.subject);
      const rows = pollsOf(tried.subject);
      const last = rows.at(-1) as PollRow;
      if (wayBack(tried) === 'asked again') assert.ok(last.missing.has('refused before'));
      else assert.ok(complete(last) && recoverySlots(tried.subject) <= MOST_SLOTS[wayBack(tried)], `${last.error}`);
    });
  }

  test('is told of in the README as it is', () => {
    const head = '| fault | stored | lost, and the reason on record | well again |\n|---|---|---|---|\n';
    const rows = cases.map((tried) => {
      const { name, text } = faultNamed(tried.fault);
      const polls = during(tried.subject);
      return `| \`${name}\` ${text} | ${storedText(polls)} | ${lostText(tried, polls)} | ${WAYS_BACK[wayBack(tried)]} |`;
    });
    const file = `${packageRoot}test/faults/README.md`;
    const readme = readFileSync(file, 'utf8');
    const filled = readme.replace(
      /(<!-- faults:begin -->\n)[\s\S]*?(<!-- faults:end -->)/,
      (_, begin: string, end: string) => `${begin}${head}${rows.join('\n')}\n${end}`,
    );
    if (process.env['EMDC_WRITE_README']) writeFileSync(file, filled);
    else assert.equal(readme, filled, '`EMDC_WRITE_README=1 node dist/test/run.js named-faults` writes it');
  });

  /** From the end of the fault to the first complete slot: 1 is the very next. */
  function recoverySlots(name: string): number {
    const next = Math.ceil(faultUntil / INTERVAL_MS) * INTERVAL_MS;
    const back = pollsOf(name).find((row) => row.slot >= next && complete(row));
    return back ? 1 + (back.slot - next) / INTERVAL_MS : Number.POSITIVE_INFINITY;
  }

  function wayBack({ fault, subject }: Case): WayBack {
    const reasons = new Set(during(subject).flatMap(({ missing }) => [...missing.keys()]));
    if (reasons.size === 0) return 'never away';
    if (reasons.has('refused before')) return 'asked again';
    if (!reasons.has('offline')) return 'next slot';
    return fault === 'refuse' ? 'connected again' : 'probed';
  }

  function storedText(rows: readonly PollRow[]): string {
    if (rows.every(complete)) return 'everything';
    return rows.every(({ stored }) => stored === 0) ? 'nothing' : 'everything else';
  }

  function lostText({ fault }: Case, rows: readonly PollRow[]): string {
    const reasons = new Set(rows.flatMap(({ missing }) => [...missing.keys()]));
    // A busy machine may show these, too: the time of the slot was over before the timeout's, or the connection broke a
    // moment earlier or later.
    if (reasons.size > 1) reasons.delete('deadline');
    if (/-on-connect$/.test(fault)) for (const reason of ['unreachable', 'disconnected']) reasons.delete(reason);
    if (reasons.size === 0) return 'nothing';
    const order = [...reasons].sort((a, b) => LAST.indexOf(a) - LAST.indexOf(b));
    if (/-on-connect$/.test(fault)) order.unshift('unreachable or disconnected');
    return `${rows.every(({ stored }) => stored === 0) ? 'everything' : 'what it refuses'}: ${order.join(', then ')}`;
  }
});
