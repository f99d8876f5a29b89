import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse, validate } from 'node-cron';
import { Expected } from '../../src/config/format-error.js';
import { intervals, parseSchedule } from '../../src/config/schedule.js';

const refusal = (text: string): string => {
  try {
    parseSchedule(text);
  } catch (error) {
    if (error instanceof Expected) return error.message;
    throw error;
  }
  return 'accepted';
};

test('every interval that divides a minute, an hour or a day has a cron expression with as many slots a day', () => {
  assert.equal(intervals.length, 30);
  for (const seconds of intervals) {
    const { cron, intervalMs } = parseSchedule(`${seconds}s`);
    assert.equal(intervalMs, seconds * 1000);
    const { second, minute, hour } = parse(cron);
    assert.equal(second.length * minute.length * hour.length, 86_400 / seconds, cron);
  }
});

test('an interval may be written in any unit', () => {
  for (const text of ['60s', '1m', '60000ms', '1 m']) assert.equal(parseSchedule(text).cron, '0 * * * * *');
  assert.equal(parseSchedule('24h').cron, '0 0 0 * * *');
  assert.equal(parseSchedule('1d').intervalMs, 86_400_000);
});

test('an interval that does not divide evenly names its neighbours', () => {
  assert.match(refusal('7s'), /6s or 10s$/);
  assert.match(refusal('90s'), /1m or 2m$/);
  assert.match(refusal('500ms'), /such as 1s$/);
  assert.match(refusal('2d'), /such as 1d$/);
  assert.match(refusal('0s'), /such as 1s$/);
});

test('a faulty cron expression says which field is wrong', () => {
  assert.match(refusal('* * *'), /expected 5 or 6 fields but got 3$/);
  assert.match(refusal('60 * * * *'), /: minute: "60" is not possible here$/);
  assert.match(refusal('60 25 * * *'), /minute: "60" is not possible here; hour: "25" is not possible here$/);
  assert.match(refusal('* * * foo *'), /month: "foo" is not possible here$/);
  assert.match(refusal('0 0 32 * *'), /day of month: "32"/);
  assert.match(refusal('9-5 * * * *'), /the range "9-5" runs backwards$/);
  assert.match(refusal('*/0 * * * *'), /minute: "\*\/0"/);
  assert.match(refusal('* * 30 feb *'), /30 feb is an impossible day of month/);
  assert.match(refusal('soon'), /an interval such as/);
});

test('what is accepted, node-cron accepts', () => {
  const part = fc.constantFrom(
    '*',
    '0',
    '5',
    '*/2',
    '1-3',
    '1-5/2',
    '1,2',
    'mon',
    'jan-mar',
    '7',
    '31',
    '59',
    '*/70',
    '1-',
    'x',
    '24',
  );
  fc.assert(
    fc.property(fc.array(part, { minLength: 4, maxLength: 7 }), (parts) => {
      const text = parts.join(' ');
      let cron: string;
      try {
        cron = parseSchedule(text).cron;
      } catch (error) {
        assert.ok(error instanceof Expected);
        return;
      }
      assert.ok(validate(cron), cron);
      assert.equal(cron.split(' ').length, 6);
    }),
    { numRuns: 5000 },
  );
});
