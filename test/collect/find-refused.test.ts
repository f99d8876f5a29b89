import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Answer, explore } from '../../src/collect/find-refused.js';
import type { Learned, Span } from '../../src/model/block.js';
import type { Metric, RegisterFunction } from '../../src/model/meter.js';
import { planBlocks } from '../../src/plan/blocks.js';
import { metric } from '../support/metric.js';

/** What a meter refuses, in truth. */
interface Truth {
  readonly most: number;
  readonly holes: readonly number[];
  /** Registers that no request may contain together with the one before. */
  readonly boundaries: readonly number[];
}

const accepts = (truth: Truth, { start, count }: Omit<Span, 'function'>): boolean =>
  count <= truth.most &&
  !truth.holes.some((hole) => start <= hole && hole < start + count) &&
  !truth.boundaries.some((edge) => start < edge && edge < start + count);

const nothing: Learned = { maxRegisters: null, refused: [] };
const limits = { maxRegisters: 125, maxGap: 32 };

/** One poll against such a meter: asks the plan, then explores what was refused. */
async function poll(
  metrics: readonly Metric[],
  truth: Truth,
  { learned = nothing, given = limits, stopAfter = 1e9, glitch = 0 } = {},
) {
  const read = new Set<number>();
  const asked: Span[] = [];
  const ask = async (span: Span): Promise<Answer> => {
    if (asked.length >= stopAfter) return 'stop';
    asked.push(span);
    if (!accepts(truth, span) || asked.length === glitch) return 'refused';
    metrics.forEach(({ function: table, address, size }, index) => {
      const inside = span.start <= address && address + size <= span.start + span.count;
      if (table === span.function && inside) read.add(index);
    });
    return 'accepted';
  };
  const { blocks } = planBlocks(metrics, { ...given, learned });
  const refused: Span[] = [];
  const accepted: Span[] = [];
  for (const block of blocks) ((await ask(block)) === 'accepted' ? accepted : refused).push(block);
  const findings =
    refused.length === 0
      ? { learned, settled: true }
      : await explore({ metrics, limits: given, learned, refused, accepted, ask });
  return { ...findings, read, requests: asked.length, refusals: asked.filter((span) => !accepts(truth, span)).length };
}

const at = (address: number, size: number, table: RegisterFunction = 'holding'): Metric =>
  metric({ address, size, function: table, dataType: size === 2 ? 'FLOAT32' : 'UINT16' });
const row = (count: number, from = 0): Metric[] => Array.from({ length: count }, (_, i) => at(from + 2 * i, 2));

test('three unsupported registers inside a block of a meter limited to 40: all else is read the first time', async () => {
  const metrics = [...row(60), ...row(20, 1000)];
  const truth: Truth = { most: 40, holes: [17, 60, 61, 101], boundaries: [] };
  const first = await poll(metrics, truth);
  const unreadable = metrics.flatMap((m, i) => (accepts(truth, { start: m.address, count: 2 }) ? [] : [i]));
  assert.equal(unreadable.length, 3);
  assert.equal(first.read.size, metrics.length - 3);
  assert.ok(first.settled);
  assert.equal(first.learned.maxRegisters, 40);
  const second = await poll(metrics, truth, { learned: first.learned });
  assert.equal(second.refusals, 0);
  assert.equal(second.read.size, metrics.length - 3);
});

for (const most of [11, 18, 40, 50, 60, 61, 62, 100]) {
  test(`a meter that takes ${most} registers and no more is found out to the register`, async () => {
    const { learned, read } = await poll(row(62), { most, holes: [], boundaries: [] });
    assert.deepEqual(learned, { maxRegisters: most, refused: [] });
    assert.equal(read.size, 62);
  });
}

test('a hole between metrics is told from a limit', async () => {
  const { learned } = await poll([...row(5), ...row(5, 20)], { most: 125, holes: [15], boundaries: [] });
  assert.deepEqual(learned, { maxRegisters: null, refused: [{ function: 'holding', start: 10, count: 10 }] });
});

test('a boundary between adjacent registers is told from a limit', async () => {
  const { learned } = await poll(row(10), { most: 125, holes: [], boundaries: [8] });
  assert.deepEqual(learned, { maxRegisters: null, refused: [{ function: 'holding', start: 8, count: 0 }] });
});

test('a metric that shares registers with a refused one is kept', async () => {
  const metrics = [at(0, 4), at(0, 2), at(3, 1), at(10, 2)];
  const { learned, read } = await poll(metrics, { most: 125, holes: [2], boundaries: [] });
  assert.deepEqual([...read].sort(), [1, 2, 3]);
  assert.deepEqual(learned.refused[0], { function: 'holding', start: 2, count: 1 });
});

test('metrics that overlap: a boundary that an accepted request read across is not blamed for a length', async () => {
  const metrics = [at(0, 4), at(1, 1), at(2, 4)];
  const truth: Truth = { most: 4, holes: [], boundaries: [] };
  const first = await poll(metrics, truth);
  assert.deepEqual(first.learned, { maxRegisters: 4, refused: [] });
  const second = await poll(metrics, truth, { learned: first.learned });
  assert.equal(second.read.size, 3);
});

test('a metric that shares registers with one that shares some with a refused one is kept', async () => {
  const metrics = [at(0, 2), at(1, 4), at(135, 2), at(136, 4), at(137, 1)];
  const truth: Truth = { most: 4, holes: [136], boundaries: [] };
  const first = await poll(metrics, truth, { given: { maxRegisters: 60, maxGap: 0 } });
  assert.deepEqual([...first.read].sort(), [0, 1, 4]);
});

test('a meter that refuses everything teaches nothing and is not asked for every metric', async () => {
  const { learned, settled, requests } = await poll(row(62), { most: 0, holes: [], boundaries: [] });
  assert.deepEqual(learned, nothing);
  assert.equal(settled, false);
  assert.ok(requests < 62);
});

test('a refusal that passes, wherever in the search it falls, is not taken for a missing register', async () => {
  const metrics = row(16);
  const truth: Truth = { most: 125, holes: [9], boundaries: [] };
  for (let glitch = 2; glitch < 12; glitch++) {
    const { learned } = await poll(metrics, truth, { glitch });
    const lost = metrics.filter(
      ({ address }) => planBlocks([at(address, 2)], { ...limits, learned }).unread.length > 0,
    );
    assert.deepEqual(
      lost.map(({ address }) => address),
      [8],
    );
  }
});

test('an exploration cut short keeps what it found so far, and none of it is wrong', async () => {
  const metrics = row(62);
  const truth: Truth = { most: 40, holes: [17, 61], boundaries: [] };
  for (let stopAfter = 1; stopAfter < 40; stopAfter++) {
    const { learned } = await poll(metrics, truth, { stopAfter });
    for (const span of learned.refused)
      assert.ok(truth.holes.some((h) => span.start <= h && h < span.start + span.count));
    assert.ok(learned.maxRegisters === null || learned.maxRegisters === 40);
  }
});

test('bits: a limit shows as boundaries, which separate as well', async () => {
  const metrics = Array.from({ length: 64 }, (_, i) => metric({ address: i, function: 'coil', dataType: 'BOOL' }));
  const truth: Truth = { most: 30, holes: [], boundaries: [] };
  const first = await poll(metrics, truth);
  assert.equal(first.read.size, 64);
  assert.equal(first.learned.maxRegisters, null);
  assert.equal((await poll(metrics, truth, { learned: first.learned })).refusals, 0);
});

const field = fc.tuple(fc.integer({ min: 0, max: 160 }), fc.constantFrom(1, 2, 2, 2, 4));
const anyMetrics = fc
  .array(field, { minLength: 1, maxLength: 60 })
  .map((fields) => fields.map(([address, size]) => at(address, size)));
const disjoint = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom(1, 2, 2, 4)), { minLength: 1, maxLength: 60 })
  .map((steps) => {
    let address = 0;
    return steps.map(([gap, size]) => {
      address += gap;
      const placed = at(address, size);
      address += size;
      return placed;
    });
  });
const anyTruth: fc.Arbitrary<Truth> = fc.record({
  most: fc.constantFrom(4, 11, 40, 50, 62, 100, 125),
  holes: fc.array(fc.integer({ min: 0, max: 170 }), { maxLength: 5 }),
  boundaries: fc.array(fc.integer({ min: 1, max: 170 }), { maxLength: 1 }),
});
const anyLimits = fc.record({ maxRegisters: fc.constantFrom(60, 125), maxGap: fc.constantFrom(0, 4, 32) });

test('whatever a meter refuses: all that is readable is read at once, and the next poll is refused nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(anyMetrics, disjoint), anyTruth, anyLimits, async (metrics, truth, given) => {
      const readable = metrics.flatMap((m, i) => (accepts(truth, { start: m.address, count: m.size }) ? [i] : []));
      const first = await poll(metrics, truth, { given });
      if (readable.length === 0) return;
      const firstRead = [...first.read].sort((a, b) => a - b);
      // Only a meter that refuses its first sixteen metrics and everything larger is given up for the time being.
      if (first.read.size === 0) return void assert.deepEqual(first.learned, nothing);
      assert.deepEqual(firstRead, readable);
      assert.ok(first.settled);
      const second = await poll(metrics, truth, { learned: first.learned, given });
      assert.equal(second.refusals, 0);
      assert.deepEqual(
        [...second.read].sort((a, b) => a - b),
        readable,
      );
    }),
    { numRuns: 500 },
  );
});

test('the learned plan is as short as one that knows the truth', async () => {
  await fc.assert(
    fc.asyncProperty(disjoint, anyTruth, anyLimits, async (metrics, truth, given) => {
      const { learned, read, settled } = await poll(metrics, { ...truth, boundaries: [] }, { given });
      if (!settled || read.size === 0) return;
      const refused = truth.holes.map((start): Span => ({ function: 'holding', start, count: 1 }));
      const ideal = planBlocks(metrics, { ...given, learned: { maxRegisters: truth.most, refused } });
      const plan = planBlocks(metrics, { ...given, learned });
      assert.equal(plan.blocks.length, ideal.blocks.length);
    }),
    { numRuns: 500 },
  );
});
