// The real daemon and a gateway whose first unit does not answer requests for more than 40 registers: all of the unit is read
// from the first slots on, and its neighbours lose nothing while the length is found.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMeterServer } from '../../src/simulate/meter-server.js';
import { everySeconds, openLaboratory } from '../support/laboratory.js';
import { meter } from '../support/metric.js';
import { stampedMetrics, stampedUnit, stampProblem } from '../support/stamped.js';

const INTERVAL_MS = 2000;
const ADDRESSES = Array.from({ length: 15 }, (_, i) => 4 * i);
const metrics = stampedMetrics(ADDRESSES);

test('a unit that is silent about long requests is read in full, at no cost to its neighbours', {
  timeout: 60_000,
}, async (t) => {
  const unitIds = [1, 2, 3, 4];
  const server = await startMeterServer({
    units: unitIds.map((unitId) => stampedUnit({ meter: unitId, unitId, addresses: ADDRESSES })),
    latencyMs: 5,
  });
  t.after(() => server.close());
  await server.setFault('silent-above:40', { unitId: 1 });
  const { host, port } = server;
  const laboratory = await openLaboratory(
    unitIds.map((unitId) =>
      meter({
        name: `m${unitId}`,
        host,
        port,
        unitId,
        metrics,
        schedule: everySeconds(INTERVAL_MS / 1000),
        timeoutMs: 150,
        retryWaitMs: 50,
      }),
    ),
  );
  t.after(() => laboratory.close());
  await laboratory.slots(8);
  const polls = await laboratory.finish();
  for (const unitId of unitIds) {
    const rows = polls.get(`m${unitId}`) ?? [];
    assert.ok(rows.length >= 8);
    rows.forEach((row, i) => {
      if (unitId > 1 || i > 0) assert.equal(row.stored, metrics.length, `unit ${unitId}, slot ${i}: ${row.error}`);
      for (const [index, { name }] of metrics.entries()) {
        const value = row.values.get(name);
        if (value === undefined) continue;
        const expected = { meter: unitId, metric: index, from: row.slot, until: row.slot + INTERVAL_MS };
        assert.equal(stampProblem(value, expected), null);
      }
    });
  }
  assert.equal(polls.get('m1')?.at(-1)?.requests, 2, 'then the plan under the length that was found');
});
