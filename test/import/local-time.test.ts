import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseValue, splitTopic } from '../../src/import/ancestor-row.js';
import { LocalTimeReader } from '../../src/import/local-time.js';

const utc = new LocalTimeReader('UTC');
const seattle = new LocalTimeReader('America/Los_Angeles');

const read = (reader: LocalTimeReader, text: string) => {
  const result = reader.read(text);
  return result && `${new Date(result.time).toISOString()}${result.note ? ` ${result.note}` : ''}`;
};

describe('local time', () => {
  test('naive times of a zone, in winter and in summer; microseconds are cut off', () => {
    assert.equal(read(utc, '2017-06-06 07:00:00.185833'), '2017-06-06T07:00:00.185Z');
    assert.equal(read(seattle, '2017-06-06 00:00:00'), '2017-06-06T07:00:00.000Z');
    assert.equal(read(seattle, '2017-01-06T00:00:00.5'), '2017-01-06T08:00:00.500Z');
    assert.equal(read(seattle, '2017-01-06'), '2017-01-06T08:00:00.000Z');
  });

  test('an offset in the text beats the zone', () => {
    assert.equal(read(seattle, '2017-06-06T07:00:00+00:00'), '2017-06-06T07:00:00.000Z');
    assert.equal(read(seattle, '2017-06-06 07:00:00Z'), '2017-06-06T07:00:00.000Z');
    assert.equal(read(seattle, '2017-06-06 07:00:00-0330'), '2017-06-06T10:30:00.000Z');
  });

  test('the hour that clocks skip, and the hour that they show twice', () => {
    assert.equal(read(seattle, '2017-03-12 01:59:59'), '2017-03-12T09:59:59.000Z');
    assert.equal(read(seattle, '2017-03-12 02:30:00'), '2017-03-12T10:30:00.000Z skipped');
    assert.equal(read(seattle, '2017-03-12 03:00:00'), '2017-03-12T10:00:00.000Z');
    assert.equal(read(seattle, '2017-11-05 00:59:59'), '2017-11-05T07:59:59.000Z');
    assert.equal(read(seattle, '2017-11-05 01:30:00'), '2017-11-05T08:30:00.000Z repeated');
    assert.equal(read(seattle, '2017-11-05 02:00:00'), '2017-11-05T10:00:00.000Z');
  });

  test('what is no time is no time', () => {
    for (const text of [
      '',
      'now',
      '2017-02-30 00:00:00',
      '2017-13-01',
      '2017-01-01 24:00:00',
      '1496732400',
      '0000-00-00 00:00:00',
    ]) {
      assert.equal(utc.read(text), null, text);
    }
  });

  test('any instant of any zone is found again from its local time, unless that was shown twice', () => {
    const zones = [
      'America/Los_Angeles',
      'Europe/Berlin',
      'Asia/Kolkata',
      'Australia/Lord_Howe',
      'America/St_Johns',
      'UTC',
    ];
    const instant = fc.integer({ min: Date.UTC(1975, 0), max: Date.UTC(2035, 0) });
    fc.assert(
      fc.property(fc.constantFrom(...zones), instant, (zone, time) => {
        const text = new Date(time).toLocaleString('sv-SE', { timeZone: zone });
        const found = new LocalTimeReader(zone).read(text);
        assert.ok(found && found.note !== 'skipped');
        const seconds = Math.floor(time / 1000) * 1000;
        if (found.note === null) assert.equal(found.time, seconds);
        else assert.ok([0, 1_800_000, 3_600_000].includes(seconds - found.time));
      }),
      { numRuns: 500 },
    );
  });
});

describe('value of a row', () => {
  test('numbers as Python and JSON write them, and truth values', () => {
    const texts = ['25293.236328125', '-0.995', '0', '1e-05', '.5', '5.', '"7"', 'True', 'false'];
    assert.deepEqual(texts.map(parseValue), [25293.236328125, -0.995, 0, 1e-5, 0.5, 5, 7, 1, 0]);
  });

  test('what is no number is none', () => {
    for (const text of ['', 'nan', 'inf', 'None', 'null', '12 V', '0x10', '1e999', '1,5']) {
      assert.equal(parseValue(text), null, text);
    }
  });
});

describe('topic name', () => {
  test('the last part is the metric, the rest is the meter', () => {
    assert.deepEqual(splitTopic('UW/Alder/eaton_meter/W'), { meter: 'UW/Alder/eaton_meter', metric: 'W' });
    assert.deepEqual(splitTopic('W'), { meter: 'imported', metric: 'W' });
    assert.deepEqual(splitTopic('a/'), { meter: 'imported', metric: 'a_' });
  });
});
