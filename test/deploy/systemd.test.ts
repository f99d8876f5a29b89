import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { packageRoot } from '../../src/model/paths.js';

const unit = readFileSync(`${packageRoot}config/systemd/emdc.service`, 'utf8');

function analyze(t: TestContext, ...args: string[]) {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) {
    t.skip('systemd-analyze is not installed here');
    return null;
  }
  const folder = mkdtempSync(join(tmpdir(), 'emdc-unit-'));
  try {
    const file = join(folder, 'emdc.service');
    // verify wants the program to be there.
    writeFileSync(file, unit.replaceAll('/opt/emdc/bin/emdc', process.execPath));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', [...args, file], { encoding: 'utf8' });
    return { status, text: `${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('systemd understands every line of the unit', (t) => {
  const result = analyze(t, 'verify');
  if (!result) return;
  assert.doesNotMatch(result.text, /emdc\.service/);
  assert.equal(result.status, 0, result.text);
});

test('systemd rates the unit as well hardened', (t) => {
  const result = analyze(t, 'security', '--offline=true', '--threshold=15');
  if (!result) return;
  assert.equal(result.status, 0, result.text);
  assert.match(result.text, /Overall exposure level for emdc\.service: [01]\.\d/);
});
