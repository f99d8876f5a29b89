import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { envOf, meterKeyNames, type SingleKeyName, single, singleNames } from '../../src/config/schema.js';
import { linkKeyOf, type Meter } from '../../src/model/meter.js';
import type { GivenConfig } from '../support/config.js';
import { ConfigFolder } from '../support/config.js';
import { metric } from '../support/metric.js';

let folder: ConfigFolder;
before(async () => {
  folder = await ConfigFolder.make();
});
after(() => folder.remove());

const meterOf = async (given: GivenConfig): Promise<Meter> =>
  (await folder.load(given)).config.meters[0] ?? assert.fail();

test('every key of a meter arrives in the meter, in its unit', async () => {
  const yaml = `meters:
  - {name: T, host: h, port: 503, framing: rtu, unitId: 3, map: map.xlsx, worksheet: W, schedule: 1m, ctRatio: 40, ptRatio: 2,
     timeout: 2s, retries: 1, retryWait: 500ms, pause: 20ms, maxRegisters: 60, maxGap: 5, connectDelay: 2s,
     keepConnection: false, reconnectWait: 5s, transactionId: ignore, serialNumber: "0047", maxPower: 250kW, was: Old}
  - {name: S, serial: /dev/ttyUSB0, baudRate: 19200, parity: none, dataBits: 7, stopBits: 2, unitId: 4, map: map.xlsx}
`;
  const used = new Set(yaml.match(/\w+(?=:)/g));
  for (const key of meterKeyNames) assert.ok(used.has(key), key);
  const [tcp, serial] = (await folder.load({ yaml })).config.meters;
  assert.deepEqual(
    { ...tcp, metrics: undefined, mapHash: undefined, mapFile: undefined },
    {
      name: 'T',
      host: 'h',
      port: 503,
      unitId: 3,
      mapName: 'map',
      metrics: undefined,
      onceMetrics: [],
      identity: { serialNumber: null, model: null, firmware: null },
      mapHash: undefined,
      mapFile: undefined,
      worksheet: 'W',
      schedule: { text: '1m', cron: '0 * * * * *', intervalMs: 60_000, timezone: 'UTC' },
      ctRatio: 40,
      ptRatio: 2,
      timeoutMs: 2000,
      retries: 1,
      retryWaitMs: 500,
      pauseMs: 20,
      maxRegisters: 60,
      maxGap: 5,
      endpoint: { type: 'tcp', host: 'h', port: 503, framing: 'rtu' },
      connectDelayMs: 2000,
      keepConnection: false,
      reconnectWaitMs: 5000,
      transactionId: 'ignore',
      serialNumber: '0047',
      maxPowerW: 250_000,
      was: 'Old',
    },
  );
  const line = { path: '/dev/ttyUSB0', baudRate: 19200, parity: 'none', dataBits: 7, stopBits: 2 };
  assert.deepEqual(serial?.endpoint, { type: 'serial', line });
  assert.deepEqual([serial?.host, serial?.port, serial && linkKeyOf(serial)], ['/dev/ttyUSB0', 0, '/dev/ttyUSB0']);
});

test('every key of a single meter comes by flag, and by variable, as from a file', async () => {
  const tcp: Partial<Record<SingleKeyName, string>> = {
    name: 'A/B',
    host: 'h',
    port: '503',
    framing: 'rtu',
    unitId: '7',
    map: 'map.xlsx',
    worksheet: 'W',
    ctRatio: '40',
    ptRatio: '2',
    connectDelay: '2s',
    keepConnection: 'false',
    reconnectWait: '5s',
    transactionId: 'ignore',
    serialNumber: '0047',
    maxPower: '2MW',
  };
  const { host: _, port: __, framing: ___, transactionId: ____, ...rest } = tcp;
  const serial: typeof tcp = {
    ...rest,
    serial: '/dev/ttyS0',
    baudRate: '4800',
    parity: 'odd',
    dataBits: '8',
    stopBits: '2',
  };
  assert.deepEqual([...new Set([...Object.keys(tcp), ...Object.keys(serial)])].sort(), [...singleNames].sort());
  for (const keys of [tcp, serial]) {
    const entries = Object.entries(keys) as [SingleKeyName, string][];
    const quoted = entries.map(([key, value]) => `${key}: ${key === 'serialNumber' ? `"${value}"` : value}`);
    const byFile = await meterOf({ yaml: `meters: [{${quoted.join(', ')}}]` });
    const flags = Object.fromEntries(entries.map(([key, value]) => [single[key].flag, value]));
    const env = Object.fromEntries(entries.map(([key, value]) => [single[key].env, value]));
    assert.deepEqual(await meterOf({ flags }), byFile);
    assert.deepEqual(await meterOf({ env }), byFile);
  }
  assert.equal(single.baudRate.flag, 'baud-rate');
  assert.equal(single.baudRate.env, 'EMDC_METER_BAUD_RATE');
  assert.equal(envOf('meter.ctRatio'), single.ctRatio.env);
});

test('a meter has either a host or a serial port, and only the settings of what it has', async () => {
  const found = await folder.lines({
    yaml: `meters:
  - {name: A, map: map.xlsx}
  - {name: B, host: h, serial: /dev/ttyS0, map: map.xlsx}
  - {name: C, serial: /dev/ttyS1, port: 502, framing: mbap, transactionId: ignore, map: map.xlsx}
  - {name: D, host: g, baudRate: 9600, map: map.xlsx}
`,
  });
  assert.deepEqual(found, [
    'site.yaml · meters[0].host (line 2) · missing · expected a host name or an IP address, without scheme or port',
    'site.yaml · meters[1].serial (line 3) · "/dev/ttyS0" · expected either `host` or `serial`, not both',
    'site.yaml · meters[2].port (line 4) · "502" · expected none: a serial port has no TCP port',
    'site.yaml · meters[2].framing (line 4) · "mbap" · expected rtu, or none: a serial port carries RTU frames',
    'site.yaml · meters[2].transactionId (line 4) · "ignore" · expected none: RTU frames have no transaction id',
    'site.yaml · meters[3].baudRate (line 5) · "9600" · expected `serial` beside it: TCP has no such setting',
  ]);
});

test('meters on one serial port agree on its settings, those on one TCP port on the framing', async () => {
  const found = await folder.lines({
    yaml: `meters:
  - {name: A, serial: /dev/ttyS0, baudRate: 19200, map: map.xlsx}
  - {name: B, serial: /dev/ttyS0, unitId: 2, parity: odd, map: map.xlsx}
  - {name: C, host: H, framing: rtu, map: map.xlsx}
  - {name: D, host: h, unitId: 2, map: map.xlsx}
`,
  });
  assert.deepEqual(found, [
    'site.yaml · meters[1].baudRate (line 3) · "9600" · expected 19200, as A has it: both are on /dev/ttyS0',
    'site.yaml · meters[1].parity (line 3) · "odd" · expected even, as A has it: both are on /dev/ttyS0',
    'site.yaml · meters[3].framing (line 5) · "mbap" · expected rtu, as C has it: both are on h port 502',
  ]);
});

test('a former name belongs to one meter and to no other that is still there', async () => {
  const found = await folder.lines({
    yaml: `meters:
  - {name: A, host: a, map: map.xlsx, was: B}
  - {name: B, host: b, map: map.xlsx, was: Z}
  - {name: C, host: c, map: map.xlsx, was: Z}
`,
  });
  assert.deepEqual(
    found.map((line) => line.split(' · ').slice(1, 3).join(' ')),
    ['meters[0].was (line 2) "B"', 'meters[2].was (line 4) "Z"'],
  );
});

test('metrics behind transformers at ratio 1 are a warning until the ratio is written, even as 1', async () => {
  const metrics = [
    metric({ name: 'I', unit: 'A', side: 'secondary-current' }),
    metric({ name: 'P', unit: 'W', side: 'secondary-power', address: 1 }),
    metric({ name: 'U', unit: 'V', address: 2 }),
  ];
  const keysOf = async (keys: string) =>
    (await folder.load({ yaml: `meters: [{name: A, host: a, map: map.xlsx${keys}}]`, metrics })).warnings.map(
      ({ rule, place }) => `${rule} ${place.replace(/ .*/, '')}`,
    );
  assert.deepEqual(await keysOf(''), ['ratio meters[0].ctRatio', 'ratio meters[0].ptRatio']);
  assert.deepEqual(await keysOf(', ctRatio: 1'), ['ratio meters[0].ptRatio']);
  assert.deepEqual(await keysOf(', ctRatio: 40, ptRatio: 1'), []);
  const [line] = await folder.warnings({ yaml: 'meters: [{name: A, host: a, map: map.xlsx, ptRatio: 1}]', metrics });
  assert.match(line ?? '', /2 metrics \(I, P\) of map are measured behind current transformers/);
});

test('counters without a unit are a warning, once for a map that several meters use; power factors are none', async () => {
  const metrics = [metric({ name: 'Wh', kind: { type: 'counter', range: null } }), metric({ name: 'pf', address: 1 })];
  const yaml = 'meters: [{name: A, host: a, map: map.xlsx}, {name: B, host: b, map: map.xlsx}]';
  const warnings = await folder.warnings({ yaml, metrics });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /meters\[0\]\.map \(line 1\) · "map\.xlsx" · 1 metric \(Wh\) have no unit/);
});

test('what turns a register into a value is told as text, ratios included where they count', async () => {
  const metrics = [
    metric({ name: 'a', scale: 0.1, offset: -40 }),
    metric({ name: 'b', side: 'secondary-power', exponent: 'a', address: 1 }),
    metric({ name: 'c', side: 'secondary-current', offset: 5, address: 2 }),
  ];
  const yaml = 'meters: [{name: A, host: a, map: map.xlsx, ctRatio: 40, ptRatio: 1}]';
  const meter = await meterOf({ yaml, metrics });
  assert.deepEqual(
    meter.metrics.map(({ scaling }) => scaling),
    ['×0.1 −40', '×1 ×10^a ×40 (CT) ×1 (PT)', '×1 ×40 (CT) +5'],
  );
});

test('metrics that are read once are apart; the hash of a map changes with its content alone', async () => {
  const yaml = 'meters: [{name: A, host: a, map: map.xlsx}]';
  const v = metric({ name: 'v', unit: 'V', notAvailable: [1n], labels: new Map([[0, 'off']]) });
  const sn = metric({ name: 'sn', read: 'once', address: 9 });
  const identity = { serialNumber: 'sn', model: null, firmware: null };
  const limits = { maxRegisters: null, maxGap: null, pauseMs: null, connectDelayMs: 700 };
  const meter = await meterOf({ yaml, metrics: [v, sn], map: { identity, limits } });
  assert.deepEqual(
    [meter.metrics.map(({ name }) => name), meter.onceMetrics?.map(({ name }) => name)],
    [['v'], ['sn']],
  );
  assert.deepEqual([meter.identity, meter.connectDelayMs], [identity, 700]);
  const hash = async (metrics: readonly (typeof v)[], ratio = '') =>
    (await meterOf({ yaml: `meters: [{name: B, host: b, map: map.xlsx${ratio}}]`, metrics })).mapHash;
  assert.equal(await hash([v, sn], ', ctRatio: 5'), meter.mapHash);
  assert.notEqual(await hash([{ ...v, scale: 2 }, sn]), meter.mapHash);
  assert.notEqual(await hash([{ ...v, notAvailable: [2n] }, sn]), meter.mapHash);
  assert.notEqual(await hash([{ ...v, labels: new Map([[0, 'on']]) }, sn]), meter.mapHash);
});

test('virtual meters name meters that exist, each once, and have names of their own', async () => {
  const meters = 'meters: [{name: Site/M1, host: a, map: map.xlsx}, {name: Site/M2, host: b, map: map.xlsx}]\n';
  const { config } = await folder.load({
    yaml: `${meters}virtual: [{name: Site/T, plus: [Site/M1], minus: [Site/M2]}]`,
  });
  assert.deepEqual(config.virtual, [{ name: 'Site/T', plus: ['Site/M1'], minus: ['Site/M2'] }]);
  const found = await folder.lines({
    yaml: `${meters}virtual:
  - {name: site/m1, plus: [Site/M1]}
  - {name: T, plus: [Site/M3, Site/M1], minus: [Site/M1]}
  - {name: T, plus: Site/M1}
  - {name: U}
  - {plus: [Site/M1], weight: 2}
`,
  });
  assert.deepEqual(found, [
    'site.yaml · virtual[0].name (line 3) · "site/m1" · expected a name of its own: a meter has this one',
    'site.yaml · virtual[1].plus (line 4) · "Site/M3" · expected the name of a meter (did you mean "Site/M1"?)',
    'site.yaml · virtual[1].minus (line 4) · "Site/M1" · expected each meter once, in plus or in minus',
    'site.yaml · virtual[2].name (line 5) · "T" · expected a name of its own: virtual[1].name (line 4) has this one',
    'site.yaml · virtual[2].plus (line 5) · "Site/M1" · expected a list of names of meters',
    'site.yaml · virtual[3].plus (line 6) · missing · expected a list of names of meters',
    'site.yaml · virtual[4].weight (line 7) · "2" · unknown key of a virtual meter',
    'site.yaml · virtual[4].name (line 7) · missing · expected a topic prefix such as UW/Mercer/nexus_meter',
  ]);
});

test('a shipped map goes by its name alone; a name that is nearly one is guessed', async () => {
  const seen: string[] = [];
  const loadMap = (file: string) => {
    seen.push(file);
    return {
      map: {
        name: 'm',
        file,
        metrics: [],
        limits: { maxRegisters: null, maxGap: null, pauseMs: null, connectDelayMs: null },
        identity: { serialNumber: null, model: null, firmware: null },
      },
      problems: [],
    };
  };
  await folder.load({ yaml: 'meters: [{name: A, host: a, map: eastron-sdm630}]', loadMap });
  assert.match(seen[0] ?? '', /register-maps\/eastron-sdm630\.xlsx$/);
  const [line] = await folder.lines({ yaml: 'meters: [{name: A, host: a, map: eastron-sdm360.xlsx}]' });
  assert.match(line ?? '', /expected a register map: looked in .*\(did you mean "eastron-sdm630"\?\)$/);
});

test('whatever a list of meters says, the loader answers with meters or with problems', async () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.string()),
    fc.object(),
  );
  const item = fc.dictionary(fc.constantFrom(...meterKeyNames, 'plus', '__proto__', 'x'), value);
  const root = fc.record({ meters: fc.array(fc.oneof(item, value)), virtual: fc.oneof(fc.array(item), value) });
  await fc.assert(
    fc.asyncProperty(root, async (given) => {
      const problems = await folder.problems({ yaml: JSON.stringify(given) });
      for (const problem of problems) assert.ok(problem.expected !== '' && problem.place !== '');
    }),
    { numRuns: 300 },
  );
});
