import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainLoad, type LinkLoad, linkLoads, serialTimeMs } from '../../src/plan/link-load.js';

const unit = (given: object = {}) => ({
  link: '10.0.0.1:502',
  requests: 2,
  roundTripMs: null,
  pauseMs: 0,
  intervalMs: 10_000,
  ...given,
});

test('what a link has to carry, added up over its meters', () => {
  const loads = linkLoads([
    ...Array(32).fill(unit()),
    unit({ link: '10.0.0.2:502', intervalMs: 1000, roundTripMs: 600 }),
  ]);
  assert.deepEqual(loads.map(explainLoad), [
    '10.0.0.1:502: 32 meters, 64 requests take 3.2 s of 10 s (32 %, at an assumed 50 ms a request): fits',
    '10.0.0.2:502: 1 meter, 2 requests take 1.2 s of 1 s (120 %, as measured): does not fit',
  ]);
});

test('meters with different intervals share their link’s time', () => {
  const [load] = linkLoads([
    unit({ intervalMs: 1000, requests: 10 }),
    unit({ intervalMs: 60_000, requests: 300, pauseMs: 50 }),
  ]);
  assert.equal(load?.share, 0.5 + 0.5);
  assert.equal(load?.verdict, 'tight');
});

test('uneven slots count for nothing', () => {
  const [load] = linkLoads([unit({ intervalMs: null })]);
  assert.equal(load?.verdict, 'fits');
  assert.equal(
    explainLoad(load as NonNullable<typeof load>),
    '10.0.0.1:502: 1 meter, 2 requests take 0.1 s (at an assumed 50 ms a request): fits',
  );
});

test('on a serial line the time follows from the baud rate', () => {
  const line = { baudRate: 9600, parity: 'even', dataBits: 8, stopBits: 1 } as const;
  // 8 + 5 + 7 characters and 2 for each register, of 11 bits, and 30 ms to turn around.
  const block = { function: 'holding', start: 0, count: 60 } as const;
  assert.equal(Math.round(serialTimeMs([block], line)), Math.round(30 + (140 * 11) / 9.6));
  const [load] = linkLoads([unit({ link: '/dev/ttyUSB0', requests: 1, serial: { line, blocks: [block] } })]);
  assert.equal(
    explainLoad(load as LinkLoad),
    '/dev/ttyUSB0: 1 meter, 1 request takes 0.19 s of 10 s (2 %, estimated for 9600 baud): fits',
  );
});
