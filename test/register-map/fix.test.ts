import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageRoot } from '../../src/model/paths.js';
import { fixBytes } from '../../src/register-map/fix.js';
import type { Fix } from '../../src/register-map/problem.js';
import { parseWorkbook } from '../../src/register-map/workbook.js';
import { readZip } from '../../src/register-map/zip.js';

/** Saved by Excel: E2 to E5 have formulas of their own, E6 to E12 share one, and a calculation chain lists them all. */
const nexus = readFileSync(join(packageRoot, 'test/golden/ancestor/nexus-metrics.xlsx'));

const corrected = (...fixes: readonly Fix[]): Buffer =>
  fixBytes(nexus, fixes, { file: 'nexus.xlsx', worksheet: 'Metrics' });

const scalesOf = (bytes: Buffer): unknown[] =>
  [...(parseWorkbook(bytes, { format: 'xlsx', file: 'f' }).sheets[0]?.rows.values() ?? [])]
    .slice(1, 12)
    .map((cells) => cells.get(4)?.value);

const formulasIn = (bytes: Buffer): string[] =>
  readZip(bytes)
    .get('xl/worksheets/sheet1.xml')
    ?.toString('utf8')
    .match(/<f\b[^>]*>/g) ?? [];

describe('a corrected copy of a workbook with formulas', () => {
  it('keeps the values of the cells that share a formula with a corrected one', () => {
    const copy = corrected({ type: 'set', cell: 'E6', value: 0.5 });
    assert.deepEqual(scalesOf(copy), [...Array(4).fill(2 ** -16), 0.5, ...Array(6).fill(2 ** -16)]);
    assert.equal(formulasIn(copy).length, 4);
    assert.equal(formulasIn(nexus).length, 11);
  });

  it('keeps the values below a removed row, and no formula that speaks of moved cells', () => {
    const copy = corrected({ type: 'remove-rows', first: 3, last: 4 });
    assert.deepEqual(scalesOf(copy), [...Array(9).fill(2 ** -16), 0.001, 0.001]);
    assert.deepEqual(formulasIn(copy), []);
  });

  it('names no cell as calculated that is not: the calculation chain is left out everywhere', () => {
    assert.ok(readZip(nexus).has('xl/calcChain.xml'));
    const parts = readZip(corrected({ type: 'set', cell: 'E2', value: 1 }));
    assert.equal(parts.has('xl/calcChain.xml'), false);
    for (const content of parts.values()) assert.doesNotMatch(content.toString('latin1'), /calcChain/);
  });
});
