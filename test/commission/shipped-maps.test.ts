// Every shipped map against its own simulated meter: right maps raise no alarm; the five mistakes that people make in maps
// are named, and the corrected copy of the spreadsheet reads right.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commission } from '../../src/commission/commission.js';
import type { Report } from '../../src/commission/report.js';
import { openLinkPool } from '../../src/modbus/pool.js';
import { systemClock } from '../../src/model/clock.js';
import type { Metric, RegisterMap } from '../../src/model/meter.js';
import { packageRoot } from '../../src/model/paths.js';
import { correctMap, type RowChange } from '../../src/register-map/correct.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { simulateMeter } from '../../src/simulate/simulated-meter.js';
import { meter } from '../support/metric.js';

const folder = `${packageRoot}register-maps`;
const files = readdirSync(folder).filter((file) => file.endsWith('.xlsx'));
const work = mkdtempSync(join(tmpdir(), 'emdc-commission-'));
after(() => rmSync(work, { recursive: true, force: true }));

/** The meter holds what `right` says; it is asked as `asked` says. Its clock runs a minute from round to round. */
async function report(right: RegisterMap, asked: readonly Metric[], mapFile = right.file): Promise<Report> {
  let minutes = 0;
  const now = () => Date.UTC(2026, 5, 15, 10) + minutes * 60_000;
  const simulated = simulateMeter({ map: right, unitId: 1, now });
  const server = await startMeterServer({ units: [simulated] });
  const pool = openLinkPool();
  const clock = { ...systemClock, now, sleep: async () => void minutes++ };
  try {
    const { maxRegisters, maxGap } = right.limits;
    const asking = meter({
      port: server.port,
      metrics: asked,
      mapFile,
      maxRegisters: maxRegisters ?? 125,
      maxGap: maxGap ?? 32,
    });
    return await commission({
      meter: asking,
      mapFile,
      link: pool.link(asking),
      clock,
      rounds: 3,
      intervalMs: 1,
      thorough: null,
    });
  } finally {
    await pool.close();
    await server.close();
  }
}

for (const file of files) {
  test(`the right map of ${file} raises no alarm`, async () => {
    const { map } = loadRegisterMap(join(folder, file));
    const { findings, mistakes } = await report(map, map.metrics);
    assert.deepEqual({ findings: findings.map(({ text }) => text), mistakes }, { findings: [], mistakes: [] });
  });
}

const mistakes: readonly { name: string; breaks: (metrics: readonly Metric[]) => Metric[]; named: RegExp }[] = [
  {
    name: 'off by one',
    breaks: (rows) => rows.map((m) => ({ ...m, address: m.address + 1 })),
    named: /^every row: the address is one register too high/,
  },
  {
    name: 'off by two',
    breaks: (rows) => rows.map((m) => ({ ...m, address: m.address + 2 })),
    named: /^every row: the address is two registers too high/,
  },
  {
    name: 'words swapped',
    breaks: (rows) => rows.map((m) => ({ ...m, wordOrder: m.size > 1 ? ('little' as const) : m.wordOrder })),
    named: /words are exchanged/,
  },
  {
    name: 'scale × 10',
    breaks: (rows) => rows.map((m) => (m.unit === 'A' ? { ...m, scale: m.scale * 10 } : m)),
    named: /Current.*Scaling Factor is 10 times too large/,
  },
  {
    name: 'phases crossed',
    breaks: (rows) => crossed(rows, 'Current_A', 'Current_B'),
    named: /Current_A and Current_B are crossed/,
  },
];

function crossed(rows: readonly Metric[], first: string, second: string): Metric[] {
  const address = (name: string) => rows.find((m) => m.name === name)?.address ?? 0;
  return rows.map((m) =>
    m.name === first ? { ...m, address: address(second) } : m.name === second ? { ...m, address: address(first) } : m,
  );
}

const columns = ['address', 'scale', 'wordOrder'] as const;
const changesBetween = (from: readonly Metric[], to: readonly Metric[]): RowChange[] =>
  from.flatMap((row, index) =>
    columns
      .filter((column) => row[column] !== to[index]?.[column])
      .map((column) => ({ metric: row.name, column, from: row[column], to: (to[index] as Metric)[column] })),
  );

for (const { name, breaks, named } of mistakes) {
  test(`a spreadsheet with ${name} is told from the live meter, and its corrected copy reads right`, async () => {
    const { map: right } = loadRegisterMap(join(folder, 'eastron-sdm630.xlsx'));
    const broken = join(work, `${name.replaceAll(/\W/g, '-')}.xlsx`);
    const corrected = join(work, `corrected-${name.replaceAll(/\W/g, '-')}.xlsx`);
    correctMap(
      { mapFile: right.file, worksheet: 'Metrics' },
      { changes: changesBetween(right.metrics, breaks(right.metrics)), target: broken },
    );

    const found = await report(right, loadRegisterMap(broken).map.metrics, broken);
    assert.match(found.mistakes.join('\n'), named);
    assert.equal(found.mistakes.length, 1, found.mistakes.join('\n'));
    correctMap({ mapFile: broken, worksheet: 'Metrics' }, { changes: found.corrections, target: corrected });

    const mended = loadRegisterMap(corrected).map.metrics;
    assert.deepEqual(mended, right.metrics);
    assert.deepEqual((await report(right, mended, corrected)).findings, []);
  });
}
