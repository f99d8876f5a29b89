import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { samplesOf } from '../../src/gendata/samples.js';
import { parseSeries, type Series } from '../../src/gendata/series.js';
import { InvalidInput } from '../../src/model/errors.js';

const still = () => 0.5;

const minimal = { start: '2016-01-09T19:00:00', end: '2016-01-09T21:00:00', topic_id: 1, topic_name: 'UW/Alder/W' };

const parse = (...entries: object[]): readonly Series[] => parseSeries(JSON.stringify(entries), 'test.json');

const one = (more: Partial<Series>): Series => ({
  topic: 'a/b',
  start: 0,
  end: 1000,
  samplesPerSecond: 1,
  periodSeconds: 86_400,
  cosine: 0,
  sine: 0,
  offset: 0,
  spread: 0,
  ...more,
});

describe('data generation file', () => {
  test("defaults are the ancestor's, naive times are UTC", () => {
    assert.deepEqual(parse(minimal), [
      {
        topic: 'UW/Alder/W',
        start: Date.UTC(2016, 0, 9, 19),
        end: Date.UTC(2016, 0, 9, 21),
        samplesPerSecond: 0.01,
        periodSeconds: 86_400,
        cosine: 0,
        sine: 0,
        offset: 0,
        spread: 0.05,
      },
    ]);
  });

  test("the ancestor's sample of a cosine, with its comments and four-digit fractions", () => {
    const text = `// A sample data file that generates a cosine wave, with values between [-1, 1],
      [{ "start": "2017-12-20T00:00:00.0000Z", /* two days */ "end": "2017-12-21T23:59:59.99999Z",
         "topic_id": 333014, "topic_name": "UW/Alder/eaton_meter/W", "amplitude_cos": 1, "period": 86400, "spread": 0.5 }]`;
    const [series] = parseSeries(text, 'cos.json');
    assert.deepEqual([series?.end, series?.cosine, series?.spread], [Date.UTC(2017, 11, 21, 23, 59, 59, 999), 1, 0.5]);
    const samples = [...samplesOf([series as Series], still)];
    assert.equal(samples.length, 1727);
    assert.deepEqual(samples[0], { time: Date.UTC(2017, 11, 20), value: 1 });
    assert.ok(Math.abs((samples[432]?.value ?? 0) + 1) < 1e-9, 'half a day later: the trough');
  });

  test('text that looks like a comment inside a string is kept', () => {
    const [series] = parseSeries(JSON.stringify([{ ...minimal, topic_name: 'a//b/*c*/d' }]), 'test.json');
    assert.equal(series?.topic, 'a//b/*c*/d');
  });

  test('everything that is wrong is said at once, with its place', () => {
    const wrong = [
      { ...minimal, start: 'yesterday', sample_rate: 0, colour: 'red' },
      { ...minimal, end: '2015-01-01', topic_name: 'no prefix', period: 'long' },
      7,
    ];
    assert.throws(
      () => parse(...(wrong as object[])),
      (error) => {
        assert.ok(error instanceof InvalidInput);
        const places = error.problems.map(({ place }) => place);
        assert.deepEqual(places.sort(), [
          '[0].colour',
          '[0].sample_rate',
          '[0].start',
          '[1].end',
          '[1].period',
          '[1].topic_name',
          '[2]',
        ]);
        return true;
      },
    );
  });

  test('no JSON, an open comment, no list: one problem each', () => {
    for (const text of ['{', '[] /* open', '{}']) {
      assert.throws(() => parseSeries(text, 'test.json'), InvalidInput, text);
    }
  });
});

describe('samples', () => {
  test('series on one topic add up where their times meet, and stand alone where they do not', () => {
    const samples = [
      ...samplesOf([one({ offset: 1, end: 3000 }), one({ offset: 10, samplesPerSecond: 2, end: 2000 })], still),
    ];
    assert.deepEqual(samples, [
      { time: 0, value: 11 },
      { time: 500, value: 10 },
      { time: 1000, value: 11 },
      { time: 1500, value: 10 },
      { time: 2000, value: 1 },
    ]);
  });

  test('one tenth of a sample a second lies on whole ten seconds, however long it goes on', () => {
    const times = [...samplesOf([one({ samplesPerSecond: 0.1, end: 86_400_000 })], still)].map(({ time }) => time);
    assert.deepEqual(
      times,
      Array.from({ length: 8640 }, (_, i) => i * 10_000),
    );
  });

  test('spread moves values by at most itself, either way', () => {
    const ends = [0, 1 - Number.EPSILON].map(
      (random) => [...samplesOf([one({ offset: 5, spread: 2 })], () => random)][0],
    );
    assert.deepEqual(
      ends.map((sample) => Math.round(sample?.value ?? 0)),
      [3, 7],
    );
  });
});
