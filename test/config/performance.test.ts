import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BenchReport, sectionOf } from '../../config/performance.js';

const figure = { unit: 'ms', limit: null, target: null, judged: 0, verdict: '' };

const sectionWith = (figures: BenchReport['figures']): string =>
  sectionOf({ version: '1.0.0', date: '2026-01-01', machine: 'a machine', seconds: 500, figures });

test('the README says how many meters a gateway takes, reckoned from CPU per reading', () => {
  const text = sectionWith([
    {
      ...figure,
      group: '100 meters × 21 metrics every second, SQLite, 20 s',
      name: 'CPU per 1,000 readings',
      value: 20,
      limit: 10,
      target: 1.6,
      judged: 2,
      verdict: 'missed',
    },
    {
      ...figure,
      group: '1 meter × 21 metrics every second, SQLite, 10 s',
      name: 'memory, most',
      value: 99.4,
      unit: 'MB',
    },
  ]);
  assert.match(text, /0 of 1 targets reached/);
  // 20 ms × 21 / 1,000 = 0.42 ms a poll; 500 ms a second for it.
  assert.match(text, /\| 1 s \| 1,100 \| 25,000 \|/);
  assert.match(text, /\| 10 s \| 11,000 \| 25,000 \|/);
  assert.match(text, /99 MB with one meter/);
  assert.match(text, /\| CPU per 1,000 readings \| 20 ms \| 10 ms \| 2 \| ≤ 1.6 \| missed \|/);
});

test('the README says what the thread costs in which SQLite is written to', () => {
  const stored = { ...figure, group: 'Readings stored per second, against the driver alone', unit: '/s' };
  const text = sectionWith([
    { ...stored, name: 'SQLite, 2,100 readings per write', value: 60, limit: 80 },
    // Measured later, when the machine was half as fast.
    { ...stored, name: 'SQLite (driver in a thread), 2,100 readings per write', value: 30, limit: 32 },
  ]);
  assert.match(
    text,
    /EMDC reaches\n75 % of the speed of the bare driver, .* and 94 % of that of the bare driver in such a thread\./,
  );
});

test('the README says what others cost, where that was measured', () => {
  const disk = { ...figure, group: 'SQLite on disk, 2100 topics every 10 s, the first 4 hours', unit: 'GB' };
  const text = sectionWith([
    { ...disk, name: 'written per day', value: 2.54 },
    { ...disk, name: 'written per day by the table that Prisma makes of a model', value: 176.4 },
    {
      ...figure,
      group: 'A flow of Node-RED that stores nothing, on 100 meters every second',
      name: 'CPU per 1,000 readings',
      value: 9,
      limit: 44,
      columns: { value: 'EMDC', limit: 'Node-RED 1.2.3' },
    },
  ]);
  assert.match(text, /write 2\.5 GB a day .*\n.*176 GB\./);
  assert.match(text, /Node-RED 1\.2\.3, on 100 of these meters every second, takes 44 ms .* EMDC takes 9 ms/);
  assert.match(text, /\| \| EMDC \| Node-RED 1\.2\.3 \|/);
});
