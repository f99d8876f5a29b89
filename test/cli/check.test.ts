import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.js';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import { packageRoot } from '../../src/model/paths.js';
import { learnedPlansFile, openLearnedPlans } from '../../src/plan/refused-registers.js';
import { checkRegisterMap } from '../../src/register-map/load.js';
import { emdc } from '../support/emdc.js';

test('checking a site shows what its meters were found to refuse, and whether the links can carry them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'emdc-check-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'site.yaml');
  const map = `${packageRoot}register-maps/electro-industries-nexus-1272.xlsx`;
  await writeFile(
    file,
    `schedule: 10s
spool: {directory: ${folder}/spool}
meters: [{name: Site/nexus, host: 10.0.0.5, map: ${map}}]
`,
  );
  const { config } = await loadConfig({ file, env: {}, flags: new Map(), loadMap: checkRegisterMap });
  const plans = await openLearnedPlans({
    file: learnedPlansFile(`${folder}/spool`),
    clock: systemClock,
    log: silentLog,
  });
  for (const meter of config.meters) {
    plans.set(meter, { maxRegisters: 40, refused: [{ function: 'holding', start: 2594, count: 1 }] });
  }
  await plans.flush();

  const { stdout, code } = await emdc(['check', file]);
  assert.equal(code, 0);
  assert.match(stdout, /Site\/nexus \(electro-industries-nexus-1272\): 48 metrics → 5 requests/);
  assert.match(stdout, /refuses more than 40 registers in one request since 20\d\d-/);
  assert.match(stdout, /refuses holding 2594\+1 since .*, asked again after /);
  assert.match(stdout, /10\.0\.0\.5:502: 1 meter, 5 requests take 0\.25 s of 10 s .*: fits/);
});
