// Every shipped map from registers to SQL: a simulated meter holds random register words, EMDC reads and stores them, and
// the stored values equal, bit for bit, what is computed here from the words and the readable source of the map, without
// the loader, the codec or the planner.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { mapNames, mapsFolder, readSource } from '../../register-maps/build.js';
import { MeterPoller } from '../../src/collect/poll-meter.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import type { Meter, RegisterFunction } from '../../src/model/meter.js';
import { openLearnedPlans } from '../../src/plan/refused-registers.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { RegisterImage } from '../../src/simulate/register-image.js';
import { openStore } from '../../src/store/open.js';
import { makeSqliteDatabase } from '../store/sqlite-database.js';
import { meter } from '../support/metric.js';

const CT = 40;
const PT = 2.5;
const SLOT = Date.UTC(2026, 0, 1);

/** A row of a map's source, by header. */
type Row = Readonly<Record<string, string>>;

function rowsOf(csv: string): Row[] {
  const [header = [], ...rows] = csv
    .trim()
    .split('\n')
    .map((line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) => (m[1] ?? m[2] ?? '').trim()));
  return rows.map((fields) => Object.fromEntries(header.map((name, index) => [name, fields[index] ?? ''])));
}

/** The same numbers in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const float32 = (value: number): bigint => {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return BigInt(view.getUint32(0));
};

/** A raw pattern such as the meter could send, now and then one for "no value". */
function anyPattern(row: Row, random: (below: number) => number): bigint {
  const type = row['Data Type'] ?? '';
  const codes = (row['Not Available'] ?? '').split(' ').filter((code) => code !== '');
  if (codes.length > 0 && random(12) === 0) return BigInt(codes[random(codes.length)] ?? 0);
  if (/_SF$|^Scale_/.test(row['Metric Name'] ?? '')) return BigInt.asUintN(16, BigInt(random(7) - 3));
  if (type === 'FLOAT32' && random(15) === 0) return 0xffc00000n;
  if (type === 'FLOAT32') return float32((random(2e9) - 1e9) / 977);
  if (type === 'PF_IEEE_4Q') return float32((random(4000) - 2000) / 1000);
  if (type === 'PF_QUADRANT') return BigInt(random(4000));
  let pattern = 0n;
  for (let word = 0; word < Number(row['Metric Size']); word++) {
    pattern = (pattern << 16n) | BigInt(random(type === 'MOD10K' ? 10_000 : 65_536));
  }
  return pattern;
}

/** What the pattern means by the map; NaN: no value. */
function meaningOf(row: Row, pattern: bigint, rows: ReadonlyMap<string, { row: Row; pattern: bigint }>): number {
  if ((row['Not Available'] ?? '').split(' ').some((code) => code !== '' && BigInt(code) === pattern))
    return Number.NaN;
  const raw = rawOf(row['Data Type'] ?? '', pattern, Number(row['Metric Size']) * 16);
  let value = raw * Number(row['Scaling Factor']);
  const exponent = rows.get(row['Exponent'] ?? '');
  if (exponent !== undefined) value *= Number(`1e${meaningOf(exponent.row, exponent.pattern, rows)}`);
  if (row['Side'] === 'secondary-current') value *= CT;
  if (row['Side'] === 'secondary-voltage') value *= PT;
  if (row['Side'] === 'secondary-power') value *= CT * PT;
  return Number.isFinite(value) ? value : Number.NaN;
}

function rawOf(type: string, pattern: bigint, bits: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, pattern << BigInt(64 - bits));
  const words = Array.from({ length: bits / 16 }, (_, word) => view.getUint16(2 * word));
  switch (type) {
    case 'FLOAT32':
      return view.getFloat32(0);
    case 'FLOAT64':
      return view.getFloat64(0);
    case 'UINT16':
    case 'UINT32':
    case 'UINT64':
      return Number(pattern);
    case 'INT16':
    case 'INT32':
    case 'INT64':
      return Number(BigInt.asIntN(bits, pattern));
    case 'MOD10K':
      return Number(words.reduce((sum, word) => sum * 10_000n + BigInt(word), 0n));
    case 'SM16':
      return ((words[0] ?? 0) & 0x8000 ? -1 : 1) * ((words[0] ?? 0) & 0x7fff);
    case 'PF_QUADRANT': {
      const code = Number(pattern);
      // In thousandths, so that the decimals come out exact.
      if (code < 1000) return code / 1000;
      if (code < 2000) return (2000 - code) / 1000;
      if (code < 3000) return (code - 2000) / 1000;
      return (4000 - code) / 1000;
    }
    case 'PF_IEEE_4Q': {
      const code = view.getFloat32(0);
      return code > 1 ? 2 - code : code < -1 ? -2 - code : code;
    }
    default:
      throw new Error(`no such type in the shipped maps: ${type}`);
  }
}

function wordsOf(row: Row, pattern: bigint): number[] {
  const size = Number(row['Metric Size']);
  const words = Array.from({ length: size }, (_, word) =>
    Number((pattern >> BigInt(16 * (size - 1 - word))) & 0xffffn),
  );
  return row['Word Order'] === 'little' ? words.reverse() : words;
}

interface Prepared {
  readonly image: RegisterImage;
  /** Metric name → what must be stored. NaN: nothing. */
  readonly expected: ReadonlyMap<string, number>;
}

function prepare(name: string, seed: number): Prepared {
  const random = randomNumbers(seed);
  const source = readSource(name);
  const base = source.limits?.baseAddress ?? 0;
  const maxRegisters = source.limits?.maxRegisters ?? 125;
  const image = new RegisterImage({ maxRegisters, undefinedRegisters: 0 });
  const rows = new Map(
    rowsOf(source.metrics).map((row) => [row['Metric Name'] ?? '', { row, pattern: anyPattern(row, random) }]),
  );
  for (const { row, pattern } of rows.values()) {
    image.set(row['Function'] as RegisterFunction, Number(row['Metric Address']) + base, wordsOf(row, pattern));
  }
  const expected = new Map([...rows].map(([metric, { row, pattern }]) => [metric, meaningOf(row, pattern, rows)]));
  return { image, expected };
}

describe('every shipped map, from random registers over the wire into SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-round-trip-'));
  const names = mapNames();
  const prepared = names.map((name, index) => prepare(name, index + 1));
  const stored = new Map<string, number>();
  const closers: (() => Promise<unknown>)[] = [];
  after(async () => {
    for (const close of closers.reverse()) await close();
    rmSync(folder, { recursive: true });
  });

  before(async () => {
    const units = prepared.map(({ image }, index) => ({ unitId: index + 1, image }));
    const server = await startMeterServer({ units });
    closers.push(() => server.close());
    const pool = openLinkPool();
    closers.push(() => pool.close());
    const database = makeSqliteDatabase();
    closers.push(() => database.drop());
    const store = await openStore({ url: database.url, log: silentLog });
    closers.push(() => store.close());
    const learned = await openLearnedPlans({ file: join(folder, 'learned.json'), clock: systemClock, log: silentLog });
    for (const [index, name] of names.entries()) {
      const { map } = loadRegisterMap(join(mapsFolder, `${name}.xlsx`));
      const { host, port } = server;
      const subject: Meter = meter({
        ...{ name, host, port, unitId: index + 1, mapName: name, metrics: map.metrics, ctRatio: CT, ptRatio: PT },
        ...{ maxRegisters: map.limits.maxRegisters ?? 125, maxGap: map.limits.maxGap ?? 32, retries: 0 },
      });
      const poller = new MeterPoller({
        meter: subject,
        link: pool.link(server),
        clock: systemClock,
        log: silentLog,
        learned,
      });
      const deadline = systemClock.monotonic() + 60_000;
      const { poll } = await poller.poll({ slot: SLOT, deadline, signal: new AbortController().signal });
      await store.write({ polls: [poll], gaps: [] });
    }
    for (const [topic, value] of await database.rows('SELECT topic, value FROM measurement')) {
      stored.set(String(topic), Number(value));
    }
  });

  for (const [index, name] of names.entries()) {
    it(name, () => {
      let values = 0;
      for (const [metric, value] of prepared[index]?.expected ?? []) {
        const found = stored.get(`${name}/${metric}`);
        if (Number.isNaN(value)) assert.equal(found, undefined, `${metric} has no value`);
        else assert.ok(Object.is(found, value === 0 ? 0 : value), `${metric}: expected ${value}, stored ${found}`);
        if (!Number.isNaN(value)) values++;
      }
      assert.ok(values > 5);
    });
  }
});
