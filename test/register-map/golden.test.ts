// Faulty (and a few sound) sheets with what the loader says about them. A bug report becomes another folder. With
// EMDC_UPDATE_GOLDEN=1 the expected texts are written anew, to be read before they are committed.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import process from 'node:process';
import { after, describe, it } from 'node:test';
import { formatProblem } from '../../src/model/errors.js';
import type { Metric } from '../../src/model/meter.js';
import { packageRoot } from '../../src/model/paths.js';
import { fixMap } from '../../src/register-map/fix.js';
import { checkRegisterMap } from '../../src/register-map/load.js';
import { rules } from '../../src/register-map/rules.js';

const golden = join(packageRoot, 'test/golden/register-map');
const cases = readdirSync(golden).sort();
const folder = mkdtempSync(join(tmpdir(), 'emdc-fix-'));
after(() => rmSync(folder, { recursive: true }));

const mapIn = (name: string): string =>
  ['map.xlsx', 'map.csv'].map((file) => join(golden, name, file)).find(existsSync) ?? '';

function describeMap(file: string): string {
  const { map, problems } = checkRegisterMap(file);
  const lines = problems.map((problem) => {
    const text = formatProblem(problem).replaceAll(`${file}`, `map${extname(file)}`);
    return `${problem.severity} ${problem.rule}${problem.fix === null ? '' : ' (fixable)'} · ${text}`;
  });
  return [...lines, ...(map === null ? ['no map'] : map.metrics.map(describeMetric)), ''].join('\n');
}

function describeMetric(metric: Metric): string {
  const { name, address, size, dataType, scale, offset, kind, notAvailable, side, exponent } = metric;
  const words = [
    `${name}: ${metric.function} ${address}+${size} ${dataType} x ${scale}`,
    offset === 0 ? '' : `+ ${offset}`,
    exponent === null ? '' : `x 10^${exponent}`,
    metric.wordOrder === 'big' ? '' : `${metric.wordOrder} words`,
    kind.type === 'gauge' ? '' : `counter ${kind.range ?? ''}`,
    side === 'primary' ? '' : side,
    notAvailable.length === 0 ? '' : `not ${notAvailable.map((code) => `0x${code.toString(16)}`).join(' ')}`,
  ];
  return words.filter((word) => word !== '').join(' ');
}

describe('golden register maps', () => {
  for (const name of cases) {
    it(name, () => {
      const found = describeMap(mapIn(name));
      const file = join(golden, name, 'expected.txt');
      if (process.env['EMDC_UPDATE_GOLDEN'] === '1') writeFileSync(file, found);
      assert.equal(found, readFileSync(file, 'utf8'));
    });
  }

  it('are at least 30 faulty sheets, and every rule has one', () => {
    const texts = cases.map((name) => readFileSync(join(golden, name, 'expected.txt'), 'utf8'));
    assert.ok(texts.filter((text) => /^(error|warning) /m.test(text)).length >= 30);
    const untold = Object.entries(rules)
      .filter(([rule, { severity }]) => !texts.some((text) => text.includes(`${severity} ${rule} `)))
      .map(([rule]) => rule);
    assert.deepEqual(untold, []);
  });

  it('are mended where the mending is mechanical: the copy has no such problem left, and the others stay', () => {
    let mended = 0;
    for (const name of cases) {
      const file = mapIn(name);
      const before = checkRegisterMap(file).problems;
      const wanted = before.filter((problem) => problem.fix !== null);
      const target = join(folder, `${name}${extname(file)}`);
      const result = fixMap(file, { target });
      assert.equal(result.fixed, wanted.length);
      assert.equal(existsSync(target), wanted.length > 0, name);
      if (wanted.length === 0) continue;
      mended += wanted.length;
      for (const problem of wanted) assert.equal(rules[problem.rule].fixable, true);
      const left = checkRegisterMap(target).problems.filter((problem) => problem.fix !== null);
      assert.deepEqual(left, [], name);
    }
    assert.ok(mended >= 10);
  });
});
