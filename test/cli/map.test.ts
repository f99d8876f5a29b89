import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, describe, it } from 'node:test';
import { packageRoot } from '../../src/model/paths.js';
import { columnKeys, columns } from '../../src/register-map/columns.js';
import { editSheet } from '../../src/register-map/edit-workbook.js';
import { checkRegisterMap } from '../../src/register-map/load.js';
import { readWorkbook } from '../../src/register-map/workbook.js';

const folder = mkdtempSync(join(tmpdir(), 'emdc-map-cli-'));
after(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const emdc = (...args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const main = join(packageRoot, 'dist/src/main.js');
    execFile(process.execPath, [main, ...args], { env: { PATH: process.env['PATH'] } }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });

const golden = (name: string, file: string): string => {
  const copy = join(folder, `${name}-${file}`);
  copyFileSync(join(packageRoot, 'test/golden/register-map', name, file), copy);
  return copy;
};

describe('emdc map new', () => {
  it('starts a workbook with every column, a note on each, lists to choose from, and no metric yet', async () => {
    const file = join(folder, 'new.xlsx');
    assert.equal((await emdc('map', 'new', file)).code, 0);
    assert.deepEqual(
      readWorkbook(file).sheets.map((sheet) => sheet.name),
      ['Metrics', 'Meter', 'Notes'],
    );
    const header = readWorkbook(file).sheets[0]?.rows.get(1);
    assert.deepEqual(
      [...(header?.values() ?? [])].map((cell) => cell.value),
      columnKeys.map((key) => columns[key].header),
    );
    assert.deepEqual(
      checkRegisterMap(file).problems.map((problem) => problem.rule),
      ['no-metrics'],
    );
    let xml = '';
    editSheet(readFileSync(file), 'Metrics', (text) => {
      xml = text;
      return text;
    });
    assert.match(xml, /<dataValidation type="list"[^>]*sqref="F2:F1000"><formula1>"UINT8,.*BIT15"<\/formula1>/);
    assert.match(xml, /"holding,input,coil,discrete"/);
  });

  it('never overwrites a file', async () => {
    const file = join(folder, 'mine.xlsx');
    await emdc('map', 'new', file);
    const before = readFileSync(file);
    const again = await emdc('map', 'new', file);
    assert.equal(again.code, 1);
    assert.match(again.err, /mine\.xlsx cannot be written: EEXIST/);
    assert.deepEqual(readFileSync(file), before);
  });
});

describe('emdc check of a register map', () => {
  it('ends with 0 for a sound map and says how it will be read', async () => {
    const { code, out } = await emdc('check', join(packageRoot, 'test/golden/ancestor/nexus-metrics.xlsx'));
    assert.equal(code, 0);
    assert.match(out, /21 metrics → 2 requests, 60 registers \(28 unwanted\), 19 requests saved/);
    assert.match(out, /holding 179\+54: 15 metrics\n.*holding 2594\+6: 6 metrics\n0 errors, 0 warnings\n$/);
  });

  it('ends with 0 for warnings and with 2 for errors, every one with its rule and cell', async () => {
    const warned = await emdc('check', join(packageRoot, 'test/golden/ancestor/eaton-metrics.xlsx'));
    assert.equal(warned.code, 0);
    assert.match(warned.out, /warning same-address: .*eaton-metrics\.xlsx · Metrics!C14 · "4690"/);
    const failed = await emdc('check', golden('ten-mistakes', 'map.csv'));
    assert.equal(failed.code, 2);
    assert.match(failed.out, /error unknown-data-type: .* · F2 · "INT3" · expected one of/);
    assert.match(failed.out, /\n10 errors, 0 warnings\n$/);
  });

  it('prints JSON that a pipeline can read', async () => {
    const { code, out } = await emdc('check', golden('copied-and-not-changed', 'map.csv'), '--json');
    assert.equal(code, 0);
    const { problems, plans } = JSON.parse(out);
    assert.equal(problems.length, 2);
    assert.equal(problems[0].place, 'C3');
    assert.deepEqual([plans[0].metrics, plans[0].requests, plans[0].registers], [3, 1, 2]);
  });

  it('writes a corrected copy beside the original with --fix, and judges the copy', async () => {
    const file = golden('xlsx-numbers-as-text', 'map.xlsx');
    const before = readFileSync(file);
    const { code, out } = await emdc('check', file, '--fix');
    assert.equal(code, 0);
    assert.match(out, /\.fixed\.xlsx written: 3 problems mended/);
    assert.match(out, /0 errors, 0 warnings/);
    assert.deepEqual(readFileSync(file), before);
    const sound = golden('xlsx-formulas', 'map.xlsx');
    assert.match((await emdc('check', sound, '--fix')).out, /nothing to mend/);
    assert.equal(existsSync(sound.replace('.xlsx', '.fixed.xlsx')), false);
  });
});
