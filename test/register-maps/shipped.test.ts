import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { buildMap, mapNames, mapsFolder, readSource } from '../../register-maps/build.js';
import type { Metric } from '../../src/model/meter.js';
import { packageRoot } from '../../src/model/paths.js';
import { loadRegisterMap } from '../../src/register-map/load.js';
import { parseWorkbook } from '../../src/register-map/workbook.js';

const shipped = (name: string): string => join(mapsFolder, `${name}.xlsx`);
const ancestor = (name: string): string => join(packageRoot, 'test/golden/ancestor', `${name}-metrics.xlsx`);

const metricsOf = (file: string): Map<string, Metric> =>
  new Map(loadRegisterMap(file).map.metrics.map((metric) => [metric.name, metric]));

describe('every shipped map', () => {
  for (const name of mapNames()) {
    it(`${name} loads without a warning and is what its source says`, () => {
      assert.deepEqual(loadRegisterMap(shipped(name)).problems, []);
      const built = parseWorkbook(buildMap(readSource(name)), { format: 'xlsx', file: name });
      const kept = parseWorkbook(readFileSync(shipped(name)), { format: 'xlsx', file: name });
      assert.deepEqual(kept, built, 'run `npm run maps`');
    });
  }
});

describe('the Notes sheet of every shipped map', () => {
  it('says how sure it is, and has every source that a row of Metrics refers to', () => {
    for (const name of mapNames()) {
      const { sheets } = parseWorkbook(readFileSync(shipped(name)), { format: 'xlsx', file: name });
      const notes = [...(sheets.find((sheet) => sheet.name === 'Notes')?.rows.values() ?? [])];
      const about = notes.map((cells) => String(cells.get(0)?.value));
      assert.ok(about.includes('How sure') && about.includes('Meter'), name);
      const { metrics, sources } = readSource(name);
      const numbers = [...metrics.matchAll(/\[(\d+)\]$/gm)].map((match) => Number(match[1]));
      assert.equal(numbers.length, metrics.trim().split('\n').length - 1, name);
      assert.ok(
        numbers.every((number) => number >= 1 && number <= sources.length),
        name,
      );
      for (const number of numbers) assert.ok(about.includes(`Source ${number}`), name);
    }
  });

  it('goes with descriptions that say so where a row is inferred', () => {
    for (const name of mapNames()) {
      for (const line of readSource(name).metrics.split('\n')) {
        if (/,INF [^,]*$/.test(line)) assert.match(line, /\(inferred\)/, `${name}: ${line}`);
      }
    }
  });
});

describe("the ancestor's own workbooks", () => {
  it('load unchanged: 21 metrics, six columns, the exact 2^-16 behind the displayed 1.52588E-05', () => {
    const { map, problems } = loadRegisterMap(ancestor('nexus'));
    assert.equal(map.metrics.length, 21);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      map.metrics.map((metric) => [metric.name, metric.address, metric.size, metric.scale, metric.dataType]),
      [
        ...[
          ['Voltage_AN', 179],
          ['Voltage_BN', 181],
          ['Voltage_CN', 183],
          ['Current_N', 193],
          ['VA', 209],
          ['VAR', 217],
          ['W_A', 219],
          ['W_B', 221],
          ['W_C', 223],
          ['W', 225],
          ['freq', 227],
        ].map(([name, address]) => [name, address, 2, 2 ** -16, 'INT32']),
        ...['pf_A', 'pf_B', 'pf_C', 'pf'].map((name, index) => [name, 229 + index, 1, 0.001, 'UINT16']),
        ...['V_AN', 'V_BN', 'V_CN', 'I_A', 'I_B', 'I_C'].map((name, index) => [
          `Angle_${name}`,
          2594 + index,
          1,
          0.01,
          'INT16',
        ]),
      ],
    );
    for (const metric of map.metrics) {
      assert.deepEqual(
        [metric.function, metric.wordOrder, metric.byteOrder, metric.offset, metric.side, metric.exponent],
        ['holding', 'big', 'big', 0, 'primary', null],
      );
    }
  });

  it("load with warnings where metrics share a register: the Eaton map's three copy-paste errors", () => {
    const { map, problems } = loadRegisterMap(ancestor('eaton'));
    assert.equal(map.metrics.length, 21);
    assert.deepEqual(
      problems.map((problem) => [problem.severity, problem.rule, problem.place, problem.value]),
      [
        ['warning', 'same-address', 'Metrics!C14', '4690'],
        ['warning', 'same-address', 'Metrics!C15', '4690'],
        ['warning', 'same-address', 'Metrics!C19', '11461'],
      ],
    );
  });

  it('are contained in the shipped maps, name by name, but for the corrected rows', () => {
    for (const [old, name, corrected] of [
      ['eaton', 'eaton-pxm4000', ['pf_B', 'pf_C', 'Angle_V_CN']],
      ['nexus', 'electro-industries-nexus-1272', []],
    ] as const) {
      const now = metricsOf(shipped(name));
      for (const before of metricsOf(ancestor(old)).values()) {
        const metric = now.get(before.name);
        assert.ok(metric, `${name} lacks ${before.name}`);
        if ((corrected as readonly string[]).includes(before.name)) assert.notEqual(metric.address, before.address);
        else assert.deepEqual([metric.address, metric.size], [before.address, before.size], before.name);
      }
    }
  });
});

describe('the shipped Eaton and Nexus maps', () => {
  it('have the addresses that the readings recorded with the old map prove it should have had', () => {
    const eaton = metricsOf(shipped('eaton-pxm4000'));
    for (const [name, address] of [
      ['pf_A', 4690],
      ['pf_B', 4692],
      ['pf_C', 4694],
      ['Angle_V_CN', 11463],
    ] as const) {
      assert.equal(eaton.get(name)?.address, address);
    }
    for (const name of ['pf_B', 'pf_C', 'Angle_V_CN']) assert.match(eaton.get(name)?.description ?? '', /inferred/);
  });

  it('know that the Nexus sends secondary values and quadrant codes', () => {
    const nexus = metricsOf(shipped('electro-industries-nexus-1272'));
    assert.equal(nexus.get('pf')?.dataType, 'PF_QUADRANT');
    assert.equal(nexus.get('pf')?.scale, 1);
    assert.equal(nexus.get('Voltage_AN')?.scale, 2 ** -16);
    assert.deepEqual(
      ['Voltage_AN', 'Voltage_AB', 'Current_A', 'W', 'VAR_B', 'VA', 'freq', 'pf', 'Angle_V_AN', 'Wh_imp'].map(
        (name) => nexus.get(name)?.side,
      ),
      [
        'secondary-voltage',
        'secondary-voltage',
        'secondary-current',
        'secondary-power',
        'secondary-power',
        'secondary-power',
        'primary',
        'primary',
        'primary',
        'primary',
      ],
    );
  });
});
