import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planBlocks } from '../../src/plan/blocks.js';
import { describePlan, summarizePlan } from '../../src/plan/explain.js';
import { metric } from '../support/metric.js';

test('a plan in numbers: overlapping metrics count their registers once, gaps are unwanted, pauses lie between requests', () => {
  const metrics = [
    metric({ name: 'wide', address: 10, size: 4, dataType: 'UINT64' }),
    metric({ name: 'inside', address: 12, size: 2, dataType: 'UINT32' }),
    metric({ name: 'later', address: 20, size: 1 }),
    metric({ name: 'closed', address: 3, size: 1, dataType: 'BOOL', function: 'coil' }),
  ];
  const plan = planBlocks(metrics, { maxRegisters: 125, maxGap: 32 });
  const summary = summarizePlan(plan, metrics, 50);
  assert.deepEqual(summary.blocks, [
    { function: 'holding', start: 10, count: 11, wasted: 6, metrics: 3 },
    { function: 'coil', start: 3, count: 1, wasted: 0, metrics: 1 },
  ]);
  assert.equal(summary.requestsSaved, 2);
  assert.equal(summary.estimatedMs.direct, 2 * 10 + 50);
  // 8 bytes there, 5 and the data back, 3.5 characters of silence around each, 10 bits each at 9600 baud, 30 ms to turn around, the pause.
  assert.equal(summary.estimatedMs.gateway9600, Math.round(((13 + 22 + 13 + 1 + 2 * 7) * 10) / 9.6 + 2 * 30 + 50));
  assert.match(describePlan(summary), /^4 metrics → 2 requests, 12 registers \(6 unwanted\), 2 requests saved\n/);
});
