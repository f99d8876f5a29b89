import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Latest } from '../../src/collect/latest.js';
import { meterInfo, metricInfo, ServiceInHand } from '../support/service.js';

const meter = meterInfo('site/a', [metricInfo('V'), metricInfo('A')]);
const make = () => new ServiceInHand([meter], () => 0);

const known = (latest: Latest, name: string) => {
  const found = latest.lookup(name);
  return found.kind === 'found' ? [found.reading.value, found.reading.time] : found.kind;
};

test('a metric that a poll did not read keeps its older value and time', () => {
  const service = make();
  service.poll(meter, 1000, [1, 2]);
  service.poll(meter, 2000, [null, 3]);
  assert.deepEqual(known(service.latest, 'V'), [1, 1000]);
  assert.deepEqual(known(service.latest, 'A'), [3, 2000]);
  assert.deepEqual(service.latest.recent('site/a/V'), [1, null]);
});

test('after the clock was set back the newest poll still counts', () => {
  const service = make();
  service.poll(meter, 3_600_000, [1, 2]);
  service.poll(meter, 1000, [5, 6]);
  assert.deepEqual(known(service.latest, 'V'), [5, 1000]);
});

test('the last sixty values are kept, oldest first', () => {
  const service = make();
  for (let poll = 0; poll < 130; poll++) service.poll(meter, poll, [poll, null]);
  assert.deepEqual(
    service.latest.recent('site/a/V'),
    Array.from({ length: 60 }, (_, index) => 70 + index),
  );
});

test('meters whose metrics are the same keep their values over a change of configuration, others start anew', () => {
  const service = make();
  service.poll(meter, 1000, [1, 2]);
  const other = meterInfo('site/b', [metricInfo('V')]);
  service.latest.setMeters([meter, other]);
  assert.deepEqual(known(service.latest, 'site/a/V'), [1, 1000]);
  assert.equal(known(service.latest, 'V'), 'ambiguous');
  service.latest.setMeters([{ ...meter, metrics: [metricInfo('V')] }]);
  assert.deepEqual(known(service.latest, 'V'), [null, null]);
  assert.equal(known(service.latest, 'A'), 'unknown');
  assert.equal(new Latest([]).meterCount, 0);
});
