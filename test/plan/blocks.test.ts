import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Plan, Span } from '../../src/model/block.js';
import type { Meter, Metric, RegisterFunction } from '../../src/model/meter.js';
import { limitsOf, type PlanLimits, planBlocks, touches } from '../../src/plan/blocks.js';
import { exhaustivePlan } from '../support/exhaustive-plan.js';
import { metric } from '../support/metric.js';

const at = (address: number, size: number, table: RegisterFunction = 'holding'): Metric =>
  metric({ address, size, function: table });

const spansOf = (plan: Plan) => plan.blocks.map(({ start, count }) => `${start}+${count}`);
const limits = { maxRegisters: 125, maxGap: 32 };

test('the two maps of the ancestor take two requests each instead of 21', () => {
  const eaton = [
    4618, 4620, 4622, 4646, 4648, 4650, 4654, 4656, 4658, 4662, 4664, 4666, 4690, 4690, 4690, 11_453, 11_455,
  ];
  const eatonPlan = planBlocks(
    [...eaton, 11_457, 11_459, 11_461, 11_461].map((a) => at(a, 2)),
    limits,
  );
  assert.deepEqual(spansOf(eatonPlan), ['4618+74', '11453+10']);
  const nexus = [179, 181, 183, 203, 205, 207, 211, 213, 215, 219, 221, 223].map((a) => at(a, 2));
  const words = [229, 230, 231, 2594, 2595, 2596, 2597, 2598, 2599].map((a) => at(a, 1));
  const nexusPlan = planBlocks([...nexus, ...words, at(227, 2), at(232, 1)], limits);
  assert.deepEqual(spansOf(nexusPlan), ['179+54', '2594+6']);
});

test('a long metric that begins early ends the block, not the last one', () => {
  assert.deepEqual(spansOf(planBlocks([at(10, 4), at(11, 1)], limits)), ['10+4']);
});

test('metrics at one address are read once', () => {
  const plan = planBlocks([at(10, 2), at(10, 2), at(10, 1)], limits);
  assert.deepEqual(spansOf(plan), ['10+2']);
  assert.deepEqual([...(plan.blocks[0]?.metrics ?? [])].sort(), [0, 1, 2]);
});

test('a gap is read over up to maxGap and not beyond', () => {
  assert.deepEqual(spansOf(planBlocks([at(0, 2), at(34, 2)], limits)), ['0+36']);
  assert.deepEqual(spansOf(planBlocks([at(0, 2), at(35, 2)], limits)), ['0+2', '35+2']);
  assert.deepEqual(spansOf(planBlocks([at(0, 1), at(2, 1)], { ...limits, maxGap: 0 })), ['0+1', '2+1']);
});

test('holding and input registers, coils and discrete inputs are never mixed', () => {
  const metrics = [at(0, 1, 'discrete'), at(0, 1, 'coil'), at(0, 1, 'input'), at(0, 1, 'holding')];
  const plan = planBlocks(metrics, limits);
  assert.deepEqual(
    plan.blocks.map((block) => block.function),
    ['holding', 'input', 'coil', 'discrete'],
  );
});

test('bits come 2000 to a request', () => {
  const metrics = Array.from({ length: 2001 }, (_, i) => at(i, 1, 'coil'));
  assert.deepEqual(spansOf(planBlocks(metrics, limits)), ['0+2000', '2000+1']);
});

test('with equally few requests the wide gap is the one left unread', () => {
  const metrics = [at(0, 2), at(30, 2), at(34, 2), at(120, 2), at(126, 2)];
  const plan = planBlocks(metrics, { maxRegisters: 125, maxGap: 125 });
  assert.deepEqual(spansOf(plan), ['0+36', '120+8']);
});

test('what a meter refused is not asked for, and no block reads over it', () => {
  const metrics = [at(0, 2), at(2, 2), at(4, 2), at(8, 2)];
  const learned = { maxRegisters: null, refused: [{ function: 'holding', start: 2, count: 2 }] as Span[] };
  const plan = planBlocks(metrics, { ...limits, learned });
  assert.deepEqual(spansOf(plan), ['0+2', '4+6']);
  assert.deepEqual(plan.unread, [1]);
});

test('a refused boundary separates registers without losing any', () => {
  const learned = { maxRegisters: null, refused: [{ function: 'holding', start: 2, count: 0 }] as Span[] };
  const plan = planBlocks([at(0, 2), at(2, 2), at(4, 2)], { ...limits, learned });
  assert.deepEqual(spansOf(plan), ['0+2', '2+4']);
  assert.deepEqual(plan.unread, []);
});

test('the smaller of the configured and the learned size counts', () => {
  const metrics = Array.from({ length: 60 }, (_, i) => at(2 * i, 2));
  const sized = (maxRegisters: number, learned: number) =>
    spansOf(planBlocks(metrics, { maxRegisters, maxGap: 0, learned: { maxRegisters: learned, refused: [] } }));
  assert.deepEqual(sized(125, 40), ['0+40', '40+40', '80+40']);
  assert.deepEqual(sized(60, 100), ['0+60', '60+60']);
});

test('a metric wider than a request can be is left unread, not split', () => {
  assert.deepEqual(planBlocks([at(0, 4), at(4, 1)], { maxRegisters: 2, maxGap: 0 }).unread, [0]);
});

const smallMetrics = fc.array(
  fc
    .record({ address: fc.integer({ min: 0, max: 24 }), size: fc.integer({ min: 1, max: 4 }) })
    .map((m) => at(m.address, m.size)),
  { minLength: 0, maxLength: 7 },
);
const smallSpans = fc.array(
  fc
    .record({ start: fc.integer({ min: 0, max: 26 }), count: fc.integer({ min: 0, max: 3 }) })
    .map((span): Span => ({ function: 'holding', ...span })),
  { maxLength: 2 },
);
const smallLimits = fc.record({
  maxRegisters: fc.integer({ min: 1, max: 12 }),
  maxGap: fc.integer({ min: 0, max: 6 }),
  learned: fc.record({ maxRegisters: fc.option(fc.integer({ min: 1, max: 12 })), refused: smallSpans }),
});

function assertSound(metrics: readonly Metric[], plan: Plan, given: PlanLimits): void {
  const seen = [...plan.unread];
  const most = Math.min(given.maxRegisters, given.learned?.maxRegisters ?? 125);
  for (const block of plan.blocks) {
    assert.ok(block.count >= 1 && block.count <= most);
    assert.ok(!given.learned?.refused.some((span) => span.function === block.function && touches(block, span)));
    const wanted = metrics.filter((m) => m.function === block.function);
    let gap = 0;
    for (let register = block.start; register < block.start + block.count; register++) {
      gap = wanted.some((m) => m.address <= register && register < m.address + m.size) ? 0 : gap + 1;
      assert.ok(gap <= given.maxGap);
    }
    const own = block.metrics.map((index) => metrics[index] as Metric);
    assert.equal(Math.min(...own.map((m) => m.address)), block.start);
    assert.equal(Math.max(...own.map((m) => m.address + m.size)), block.start + block.count);
    seen.push(...block.metrics);
  }
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    metrics.map((_, index) => index),
  );
}

test('no exhaustive search finds fewer requests, nor fewer registers with as many', () => {
  fc.assert(
    fc.property(smallMetrics, smallLimits, (metrics, given) => {
      const plan = planBlocks(metrics, given);
      assertSound(metrics, plan, given);
      const registers = plan.blocks.reduce((sum, block) => sum + block.count, 0);
      const readable = metrics.filter((_, index) => !plan.unread.includes(index));
      assert.deepEqual([plan.blocks.length, registers], exhaustivePlan(readable, given));
    }),
    { numRuns: 400 },
  );
});

test('only metrics in a refused span, or wider than a request, are left unread', () => {
  fc.assert(
    fc.property(smallMetrics, smallLimits, (metrics, given) => {
      const most = Math.min(given.maxRegisters, given.learned.maxRegisters ?? 125);
      const unread = metrics.flatMap(({ address, size }, index) =>
        size > most || given.learned.refused.some((span) => touches({ start: address, count: size }, span))
          ? [index]
          : [],
      );
      assert.deepEqual(planBlocks(metrics, given).unread, unread);
    }),
  );
});

test('large maps over all tables are covered exactly and within every limit', () => {
  const table = fc.constantFrom<RegisterFunction>('holding', 'input');
  const field = fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 1, max: 4 }), table);
  const many = fc.array(
    field.map(([address, size, name]) => at(address, size, name)),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(
      many,
      fc.integer({ min: 4, max: 125 }),
      fc.integer({ min: 0, max: 125 }),
      (metrics, maxRegisters, maxGap) => {
        assertSound(metrics, planBlocks(metrics, { maxRegisters, maxGap }), { maxRegisters, maxGap });
      },
    ),
    { numRuns: 50 },
  );
});

test('on a serial line, and behind a transparent converter, few unwanted registers pay', () => {
  const line = { path: '/dev/ttyUSB0', baudRate: 9600, parity: 'even', dataBits: 8, stopBits: 1 } as const;
  const tcp = { type: 'tcp', host: 'h', port: 502 } as const;
  const gapOf = (endpoint: Meter['endpoint'], maxGap = 32) =>
    limitsOf({ maxRegisters: 125, maxGap, ...(endpoint && { endpoint }) }).maxGap;
  assert.equal(gapOf(undefined), 32);
  assert.equal(gapOf({ ...tcp, framing: 'mbap' }), 32);
  assert.equal(gapOf({ ...tcp, framing: 'rtu' }), 7);
  assert.equal(gapOf({ type: 'serial', line }), 7);
  assert.equal(gapOf({ type: 'serial', line }, 3), 3);
});

test('whatever the limits: a group lies in one block, or none of it is asked for', () => {
  const field = fc.record({
    address: fc.integer({ min: 0, max: 200 }),
    size: fc.constantFrom(1, 2, 4),
    group: fc.constantFrom(undefined, undefined, 'a', 'b', 'c'),
  });
  const span = fc.record({ start: fc.integer({ min: 0, max: 200 }), count: fc.constantFrom(0, 1, 2) });
  fc.assert(
    fc.property(
      fc.array(field, { maxLength: 30 }),
      fc.array(span, { maxLength: 3 }),
      fc.constantFrom(3, 20, 125),
      fc.constantFrom(0, 32),
      (fields, refused, maxRegisters, maxGap) => {
        const metrics = fields.map(({ group, ...given }) => metric({ ...given, ...(group && { group }) }));
        const learned = {
          maxRegisters: null,
          refused: refused.map((one) => ({ ...one, function: 'holding' as const })),
        };
        const plan = planBlocks(metrics, { maxRegisters, maxGap, learned });
        const asked = plan.blocks.flatMap((block) => block.metrics);
        const all = [...asked, ...plan.unread, ...plan.apart].sort((a, b) => a - b);
        assert.deepEqual(all, [...metrics.keys()], 'every metric is in exactly one place');
        for (const block of plan.blocks) {
          assert.ok(block.count <= maxRegisters);
          for (const one of learned.refused) assert.ok(!touches(block, one));
        }
        for (const group of ['a', 'b', 'c']) {
          const members = metrics.flatMap((m, index) => (m.group === group ? [index] : []));
          const blocks = plan.blocks.filter((block) => members.some((index) => block.metrics.includes(index)));
          assert.ok(blocks.length <= 1);
          if (blocks[0]) assert.ok(members.every((index) => blocks[0]?.metrics.includes(index)));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
