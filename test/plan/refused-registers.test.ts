import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { Learned } from '../../src/model/block.js';
import { type Clock, systemClock } from '../../src/model/clock.js';
import { type Log, silentLog } from '../../src/model/log.js';
import { formatRefusals, parseRefusals } from '../../src/plan/refused-format.js';
import { openLearnedPlans } from '../../src/plan/refused-registers.js';
import { meter, metric } from '../support/metric.js';

const MINUTE = 60_000;
const nothing: Learned = { maxRegisters: null, refused: [] };
const found: Learned = { maxRegisters: 40, refused: [{ function: 'holding', start: 12, count: 2 }] };
const subject = meter({ metrics: [metric({ address: 12 })] });

function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-learned-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'sub', 'learned.json');
  const time = { now: Date.UTC(2026, 0, 1) };
  const clock: Clock = { ...systemClock, now: () => time.now };
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (message) => void warnings.push(message) };
  return { file, time, warnings, open: () => openLearnedPlans({ file, clock, log }) };
}

test('what was learned is there after a restart', async (t) => {
  const { open, file, warnings } = place(t);
  const before = await open();
  assert.deepEqual(before.get(subject), nothing);
  before.set(subject, found);
  await before.flush();
  assert.deepEqual((await open()).get(subject), found);
  assert.match(readFileSync(file, 'utf8'), /"start": 12,\n\s+"count": 2/);
  assert.deepEqual(warnings, []);
});

test('a changed map, or another device, starts anew', async (t) => {
  const { open } = place(t);
  const plans = await open();
  plans.set(subject, found);
  assert.deepEqual(plans.get(meter({ metrics: [metric({ address: 14 })] })), nothing);
  assert.deepEqual(plans.get(meter({ ...subject, host: '10.0.0.9' })), nothing);
  assert.deepEqual(plans.get(meter({ ...subject, metrics: [metric({ address: 12, name: 'renamed' })] })), found);
});

for (const [what, text] of [
  ['cut off', '{"meters": {"Site'],
  ['of another kind', '[1, 2]'],
  ['with a refusal that is none', '{"meters":{"Site/meter":{"fingerprint":"x","refusals":[{"start":1}]}}}'],
] as const) {
  test(`a file ${what} is a warning, and is replaced when something is learned`, async (t) => {
    const { open, file, warnings } = place(t);
    const seed = await open();
    seed.set(subject, found);
    await seed.flush();
    writeFileSync(file, text);
    const plans = await open();
    assert.deepEqual(plans.get(subject), nothing);
    assert.equal(warnings.length, 1);
    plans.set(subject, found);
    await plans.flush();
    assert.deepEqual((await open()).get(subject), found);
  });
}

test('a refusal is due after ten minutes, then after longer, at most a day', async (t) => {
  const { open, time } = place(t);
  const plans = await open();
  plans.set(subject, { maxRegisters: 40, refused: [] });
  const waits: number[] = [];
  for (let retry = 0; retry < 6; retry++) {
    const start = time.now;
    while (plans.due(subject) === null) time.now += MINUTE;
    waits.push((time.now - start) / MINUTE);
    const due = plans.due(subject);
    if (due) plans.stillRefused(subject, due);
  }
  assert.deepEqual(waits, [10, 40, 160, 640, 1440, 1440]);
});

test('learning more keeps the schedule of what was known', async (t) => {
  const { open, time } = place(t);
  const plans = await open();
  plans.set(subject, { maxRegisters: 40, refused: [] });
  time.now += 9 * MINUTE;
  plans.set(subject, found);
  assert.equal(plans.due(subject), null);
  time.now += MINUTE;
  assert.equal(plans.due(subject)?.maxRegisters, 40);
});

test('a clock that was set back does not put a retry off for years', async (t) => {
  const { open, time } = place(t);
  const plans = await open();
  plans.set(subject, found);
  time.now -= 400 * 24 * 60 * MINUTE;
  assert.notEqual(plans.due(subject), null);
});

test('a place that cannot be written to is said once, and costs nothing else', async (t) => {
  const { open, file, warnings } = place(t);
  writeFileSync(join(file, '..', '..', 'sub'), 'a file where the folder should be');
  const plans = await open();
  plans.set(subject, found);
  await plans.flush();
  plans.set(subject, { ...found, maxRegisters: 20 });
  await plans.flush();
  assert.deepEqual(plans.get(subject).maxRegisters, 20);
  assert.ok(warnings.filter((warning) => warning.includes('cannot be kept')).length === 1);
});

test('the file says what was put in, whatever it was', () => {
  const plain = { noNullPrototype: true };
  const span = fc.record(
    {
      function: fc.constantFrom('holding' as const, 'input' as const, 'coil' as const, 'discrete' as const),
      start: fc.integer({ min: 0, max: 65_535 }),
      count: fc.integer({ min: 0, max: 125 }),
    },
    plain,
  );
  const what = fc.oneof(
    span.map((value) => ({ span: value, maxRegisters: null })),
    fc.integer({ min: 1, max: 125 }).map((value) => ({ span: null, maxRegisters: value })),
  );
  const instant = fc.integer({ min: 0, max: 4e12 });
  const refusal = fc
    .tuple(
      what,
      fc.record({ since: instant, retryAt: instant, retries: fc.nat() }, plain),
      fc.constantFrom(undefined, 'exception' as const, 'silence' as const),
    )
    .map(([thing, times, reason]) => ({ ...thing, ...times, ...(reason && { reason }) }));
  const refusals = fc.array(refusal, { maxLength: 5 });
  const known = fc.record({ fingerprint: fc.string(), refusals }, plain);
  const names = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(fc.array(fc.tuple(names, known), { maxLength: 5 }), (entries) => {
      const map = new Map(entries);
      const parsed = parseRefusals(formatRefusals(map));
      assert.deepEqual([...parsed].sort(byName), [...map].sort(byName));
    }),
  );
});

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1);
