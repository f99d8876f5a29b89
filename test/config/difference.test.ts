import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../../src/config/difference.js';
import { meter, metric } from '../support/metric.js';
import { configOf } from '../support/simulated-site.js';

const metrics = ['Voltage', 'Current', 'Power'].map((name, address) => metric({ name, address, notAvailable: [1n] }));
const one = meter({ name: 'site/one', metrics });
const two = meter({ name: 'site/two', metrics });
const config = configOf([one, two], '/var/lib/emdc');

test('an equal configuration changes nothing, and its meters are the old ones', () => {
  const { meters, changes, needRestart } = difference(config, structuredClone(config));
  assert.deepEqual([changes, needRestart], [[], []]);
  assert.equal(meters[0], one);
  assert.equal(meters[1], two);
});

test('meters that come, go and change are told one by one, with what changed', () => {
  const [voltage, current, power] = metrics as [(typeof metrics)[0], (typeof metrics)[0], (typeof metrics)[0]];
  const changed = meter({
    ...one,
    host: '10.0.0.7',
    schedule: { text: '1m', cron: '0 * * * * *', intervalMs: 60_000, timezone: 'UTC' },
    metrics: [
      { ...voltage, name: 'Voltage_AN' },
      { ...current, scale: 0.1 },
      power,
      metric({ name: 'Energy', address: 9 }),
    ],
  });
  const three = meter({ name: 'site/three', metrics });
  const { meters, changes } = difference(config, { ...config, meters: [three, changed] });
  assert.deepEqual(meters, [three, changed]);
  assert.deepEqual(changes, [
    '+ site/three: 3 metrics, every 15s',
    '~ site/one: connection 127.0.0.1:502 → 10.0.0.7:502, added Energy, renamed Voltage → Voltage_AN, changed Current, schedule 15s → 1m',
    '- site/two',
  ]);
});

test('a meter that moves to a serial port, is told to wait, and gets another map file says so in the words of its keys', () => {
  const line = { path: '/dev/ttyUSB0', baudRate: 19200, parity: 'none', dataBits: 8, stopBits: 2 } as const;
  const serial = meter({
    ...one,
    host: line.path,
    port: 0,
    endpoint: { type: 'serial', line },
    connectDelayMs: 2000,
    was: 'old',
  });
  const moved = meter({ ...two, mapFile: 'new.xlsx' });
  assert.deepEqual(difference(config, { ...config, meters: [serial, moved] }).changes, [
    '~ site/one: connection 127.0.0.1:502 → /dev/ttyUSB0 (19200 8N2), connectDelay none → 2000, was none → old',
    '~ site/two: map test.xlsx → new.xlsx',
  ]);
});

test('settings that need a restart are named without their values', () => {
  const next = {
    ...config,
    http: { ...config.http, token: 'secret', port: 1, allowedHosts: ['gateway'] },
    highAvailability: true,
  };
  assert.deepEqual(difference(config, next).needRestart, [
    'http.port',
    'http.allowedHosts',
    'http.token',
    'highAvailability',
  ]);
});
