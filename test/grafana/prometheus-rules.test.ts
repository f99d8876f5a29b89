// The alert rules for Prometheus: right in form, and about metrics that the collector has.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sampleName, serviceFamilies } from '../../src/http/families.js';
import { packageRoot } from '../../src/model/paths.js';
import { meterInfo, metricInfo, ServiceInHand } from '../support/service.js';
import { findProgram } from '../support/tools.js';

const file = `${packageRoot}config/prometheus/rules.yaml`;

test('every metric in the rules is one of the collector', () => {
  const service = new ServiceInHand([meterInfo('site/a', [metricInfo('V')])], () => Date.now());
  const names = new Set(serviceFamilies(service.status(), null, Date.now()).map(sampleName));
  const used = readFileSync(file, 'utf8').match(/\bemdc_\w+/g) ?? [];
  assert.ok(used.length > 0);
  for (const name of used) assert.ok(names.has(name), name);
});

test("promtool, Prometheus' own checker, takes the rules", (t) => {
  const promtool = findProgram('promtool');
  if (!promtool) return t.skip('NOT RUN: promtool is not installed (Debian package prometheus)');
  const checked = spawnSync(promtool, ['check', 'rules', file], { encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
});
