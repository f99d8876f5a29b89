import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type ConfigSources, type LoadedConfig, loadConfig } from '../../src/config/load.js';
import type { MapLoader } from '../../src/config/meters.js';
import { formatProblem, InvalidInput, type Problem } from '../../src/model/errors.js';
import type { Metric, RegisterMap } from '../../src/model/meter.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emdc-config-'));
  await writeFile(join(folder, 'map.xlsx'), '');
});
after(() => rm(folder, { recursive: true }));

const metric: Metric = {
  name: 'Voltage_AN',
  description: '',
  unit: 'V',
  dataType: 'FLOAT32',
  kind: { type: 'gauge' },
  function: 'holding',
  address: 0,
  size: 2,
  wordOrder: 'big',
  byteOrder: 'big',
  scale: 1,
  offset: 0,
  notAvailable: [],
  side: 'primary',
  exponent: null,
};

const noLimits = { maxRegisters: null, maxGap: null, pauseMs: null, connectDelayMs: null };
const mapWith =
  (limits: RegisterMap['limits']): MapLoader =>
  (file) => ({
    map: {
      name: 'map',
      file,
      metrics: [metric],
      limits,
      identity: { serialNumber: null, model: null, firmware: null },
    },
    problems: [],
  });

interface Given extends Partial<Omit<ConfigSources, 'flags'>> {
  readonly yaml?: string;
  readonly flags?: Readonly<Record<string, string>>;
}

async function load({ yaml, flags, ...rest }: Given): Promise<LoadedConfig> {
  const file = yaml === undefined ? null : join(folder, 'site.yaml');
  if (file !== null) await writeFile(file, yaml ?? '');
  return loadConfig({
    file,
    env: {},
    loadMap: mapWith(noLimits),
    workingDirectory: folder,
    ...rest,
    flags: new Map(Object.entries(flags ?? {})),
  });
}

async function problemsOf(given: Given): Promise<readonly Problem[]> {
  try {
    await load(given);
  } catch (error) {
    if (error instanceof InvalidInput) return error.problems;
    throw error;
  }
  return [];
}

const lines = async (given: Given): Promise<string[]> =>
  (await problemsOf(given)).map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''));

const oneMeter = 'meters: [{name: A, host: meter.local, map: map.xlsx}]\n';

test('a file with one meter and nothing else gets every default', async () => {
  const { config, warnings } = await load({ yaml: oneMeter });
  assert.deepEqual(warnings, []);
  assert.equal(config.file, join(folder, 'site.yaml'));
  const { metrics, mapHash, ...meter } = config.meters[0] ?? assert.fail();
  assert.deepEqual(metrics, [{ ...metric, scaling: '×1' }]);
  assert.match(mapHash ?? '', /^[0-9a-f]{16}$/);
  assert.deepEqual(meter, {
    name: 'A',
    host: 'meter.local',
    port: 502,
    unitId: 1,
    mapName: 'map',
    mapFile: join(folder, 'map.xlsx'),
    worksheet: 'Metrics',
    schedule: { text: '15s', cron: '*/15 * * * * *', intervalMs: 15_000, timezone: 'UTC' },
    ctRatio: 1,
    ptRatio: 1,
    timeoutMs: 1000,
    retries: 3,
    retryWaitMs: 1000,
    pauseMs: 0,
    maxRegisters: 125,
    maxGap: 32,
    onceMetrics: [],
    identity: { serialNumber: null, model: null, firmware: null },
    endpoint: { type: 'tcp', host: 'meter.local', port: 502, framing: 'mbap' },
    connectDelayMs: 0,
    keepConnection: true,
    reconnectWaitMs: 0,
    transactionId: 'check',
  });
  const { meters: _, file: __, ...sections } = config;
  assert.deepEqual(sections, {
    virtual: [],
    timezone: 'UTC',
    database: { url: 'file:./data/emdc.db', commitEveryMs: 0, connections: 1, spread: false },
    spool: { directory: './data/spool', maxBytes: 1e9, maxAgeMs: 30 * 86_400_000 },
    retention: { readingsMs: null, rollupsMs: null },
    http: { host: '127.0.0.1', port: 8080, allowedHosts: [], token: '', tlsCertificate: '', tlsKey: '' },
    log: { level: 'info', format: 'auto', file: '', maxBytes: 1e7, maxFiles: 5 },
    highAvailability: false,
  });
});

test('the configuration is frozen', async () => {
  const { config } = await load({ yaml: oneMeter });
  for (const part of [config, config.meters, config.meters[0], config.http, config.log])
    assert.ok(Object.isFrozen(part));
});

test('a flag beats the environment, that beats the file, that beats the default', async () => {
  const yaml = `${oneMeter}http: {port: 1}\n`;
  const port = async (given: Given) => (await load(given)).config.http.port;
  assert.equal(await port({ yaml: oneMeter }), 8080);
  assert.equal(await port({ yaml }), 1);
  assert.equal(await port({ yaml, env: { EMDC_HTTP_PORT: '2' } }), 2);
  assert.equal(await port({ yaml, env: { EMDC_HTTP_PORT: '2' }, flags: { 'http.port': '3' } }), 3);
});

test('ten mistakes in one file are ten problems, each with its key, line and value', async () => {
  const yaml = `schedule: 7s
timezone: Mars/Olympus
modbus: {timeout: 1000, retires: 2}
http: {port: 80800}
log: {level: loud}
meters:
  - {name: A, host: "http://meter:502", map: map.xlsx}
  - {name: A, host: meter, map: none.xlsx, unitId: 256}
`;
  const found = (await lines({ yaml })).map((line) => line.replace(/looked in .*/, 'looked in …'));
  assert.deepEqual(found, [
    'site.yaml · schedule (line 1) · "7s" · expected an interval that divides a minute, an hour or a day evenly, such as 6s or 10s',
    'site.yaml · timezone (line 2) · "Mars/Olympus" · expected a time zone of the IANA list, such as UTC or America/Los_Angeles',
    'site.yaml · modbus.retires (line 3) · "2" · unknown key (did you mean "retries"?)',
    'site.yaml · modbus.timeout (line 3) · "1000" · expected a length of time with its unit, such as 500ms, 15s, 5m or 90d (10ms to 1m)',
    'site.yaml · http.port (line 4) · "80800" · expected a whole number, 0–65535',
    'site.yaml · log.level (line 5) · "loud" · expected one of error, warn, info, debug',
    'site.yaml · meters[0].host (line 7) · "http://meter:502" · expected a host name or an IP address, without scheme or port',
    'site.yaml · meters[1].unitId (line 8) · "256" · expected a whole number, 0–255',
    'site.yaml · meters[1].name (line 8) · "A" · expected a name of its own: meters[0].name (line 7) has this one',
    'site.yaml · meters[1].map (line 8) · "none.xlsx" · expected a register map: looked in …',
  ]);
});

test('problems of a register map are reported beside those of the file, each map once', async () => {
  const problem: Problem = {
    severity: 'error',
    rule: 'r',
    file: 'map.xlsx',
    place: 'Metrics!F7',
    value: 'INT3',
    expected: 'x',
  };
  const yaml = 'meters: [{name: A, host: a, map: map.xlsx}, {name: B, host: b, map: map.xlsx, unitId: x}]';
  const found = await lines({ yaml, loadMap: () => ({ map: null, problems: [problem] }) });
  assert.deepEqual(found, [
    'site.yaml · meters[1].unitId (line 1) · "x" · expected a whole number, 0–255',
    'map.xlsx · Metrics!F7 · "INT3" · x',
  ]);
});

test('a syntax error is reported with line and column', async () => {
  assert.deepEqual(await lines({ yaml: 'http:\n  port: 80\n host: x\n' }), [
    'site.yaml · line 3, column 1 · "host: x" · All mapping items must start at the same column',
  ]);
});

test('a file that cannot be read, is empty, is a list, or has a section that is none', async () => {
  assert.match(
    (await lines({ file: join(folder, 'none.yaml') }))[0] ?? '',
    /^none\.yaml · file · missing · expected a readable YAML file \(ENOENT/,
  );
  assert.match((await lines({ yaml: '' }))[0] ?? '', /^site\.yaml · meters · missing · expected at least one meter/);
  assert.match((await lines({ yaml: '- 1' }))[0] ?? '', /^site\.yaml · line 1 · "\[…\]" · expected keys and values/);
  assert.match(
    (await lines({ yaml: `${oneMeter}http: 80` }))[0] ?? '',
    /^site\.yaml · http \(line 2\) · "80" · expected a section/,
  );
  assert.match((await lines({ yaml: 'meters: {}' }))[0] ?? '', /expected a list, one item per meter/);
  assert.match(
    (await lines({ yaml: 'meters: [5]' }))[0] ?? '',
    /^site\.yaml · meters\[0\] \(line 1\) · "5" · expected a meter/,
  );
  assert.match(
    (await lines({ yaml: 'meters: [{}]' })).join('\n'),
    /meters\[0\]\.name \(line 1\) · missing · expected a topic prefix/,
  );
});

test('a value that is a list or a mapping is judged, not walked into', async () => {
  assert.deepEqual(await lines({ yaml: `${oneMeter}http: {port: {a: 1}}\nschedule: [1s]` }), [
    'site.yaml · http.port (line 2) · "{…}" · expected a whole number, 0–65535',
    'site.yaml · schedule (line 3) · "[…]" · expected an interval such as 15s, or a cron expression',
  ]);
});

test('values that only look like a number, a truth value or a length of time are refused', async () => {
  const env = {
    EMDC_HTTP_PORT: '80abc',
    EMDC_HIGH_AVAILABILITY: 'yes',
    EMDC_MODBUS_TIMEOUT: '1',
    EMDC_MODBUS_RETRIES: '1.5',
  };
  assert.deepEqual(
    (await problemsOf({ yaml: oneMeter, env })).map(({ place, value }) => `${place}=${value}`),
    ['EMDC_MODBUS_TIMEOUT=1', 'EMDC_MODBUS_RETRIES=1.5', 'EMDC_HTTP_PORT=80abc', 'EMDC_HIGH_AVAILABILITY=yes'],
  );
});

test('flags keep their text: a token of digits stays what it is', async () => {
  const { config } = await load({ yaml: oneMeter, flags: { 'http.token': '0012e3' } });
  assert.equal(config.http.token, '0012e3');
});

test('one meter without a file, by flags, by environment, and by both', async () => {
  const flags = { host: 'h', 'topic-prefix': 'P', map: 'map.xlsx', unit: '7' };
  const env = {
    EMDC_METER_HOST: 'e',
    EMDC_METER_TOPIC_PREFIX: 'E',
    EMDC_METER_MAP: 'map.xlsx',
    EMDC_METER_UNIT_ID: '9',
  };
  const meter = async (given: Given) => {
    const { name, host, unitId } = (await load(given)).config.meters[0] ?? assert.fail();
    return { name, host, unitId };
  };
  assert.deepEqual(await meter({ flags }), { name: 'P', host: 'h', unitId: 7 });
  assert.deepEqual(await meter({ env }), { name: 'E', host: 'e', unitId: 9 });
  assert.deepEqual(await meter({ env, flags: { unit: '8' } }), { name: 'E', host: 'e', unitId: 8 });
});

test('half a meter by flags says what is missing; no meter at all says how to give one', async () => {
  assert.deepEqual(await lines({ flags: { host: 'h' } }), [
    'command line · --topic-prefix · missing · expected a topic prefix such as UW/Mercer/nexus_meter',
    'command line · --map · missing · expected the path of a file or folder',
  ]);
  assert.deepEqual(await lines({}), [
    'configuration · meters · missing · expected a file (--config FILE or EMDC_CONFIG), or one meter by --host (or --serial), --topic-prefix and --map',
  ]);
});

test('meters in the file and a meter by flags are refused', async () => {
  assert.match(
    (await lines({ yaml: oneMeter, flags: { host: 'h', 'topic-prefix': 'P', map: 'map.xlsx' } }))[0] ?? '',
    /"1" · expected either/,
  );
});

test('EMDC_CONFIG names the file', async () => {
  await writeFile(join(folder, 'other.yaml'), oneMeter);
  const { config } = await load({ env: { EMDC_CONFIG: join(folder, 'other.yaml') } });
  assert.equal(config.file, join(folder, 'other.yaml'));
});

test('a variable X_FILE reads a secret from a file, without its last line break; X and X_FILE together are refused', async () => {
  await writeFile(join(folder, 'secret'), 'tok en\n');
  const env = { EMDC_HTTP_TOKEN_FILE: join(folder, 'secret') };
  assert.equal((await load({ yaml: oneMeter, env })).config.http.token, 'tok en');
  assert.match(
    (await lines({ yaml: oneMeter, env: { ...env, EMDC_HTTP_TOKEN: 'x' } }))[0] ?? '',
    /set either EMDC_HTTP_TOKEN or/,
  );
  assert.match(
    (await lines({ yaml: oneMeter, env: { EMDC_HTTP_TOKEN_FILE: '/none' } }))[0] ?? '',
    /^environment · EMDC_HTTP_TOKEN_FILE · "\/none" · expected the path of a readable file/,
  );
});

test('an unknown EMDC_ variable is a warning that guesses what was meant, and does not show its value', async () => {
  const { warnings } = await load({
    yaml: oneMeter,
    env: { EMDC_HTTP_TOKN: 'secret', OTHER: 'x', EMDC_HTTP_PORT: '' },
  });
  assert.deepEqual(warnings.map(formatProblem), [
    'environment · EMDC_HTTP_TOKN · "***" · unknown variable (did you mean "EMDC_HTTP_TOKEN"?), ignored',
  ]);
});

test('a password of its own goes into the URL, encoded; one too many is refused', async () => {
  const url = async (given: Given) => (await load({ yaml: oneMeter, ...given })).config.database.url;
  const postgres = { EMDC_DATABASE_URL: 'postgres://emdc@db/emdc' };
  assert.equal(
    await url({ env: { ...postgres, EMDC_DATABASE_PASSWORD: 'a/b@c:d%' } }),
    'postgresql://emdc:a%2Fb%40c%3Ad%25@db/emdc',
  );
  const both = { EMDC_DATABASE_URL: 'mysql://emdc:old@db/emdc', EMDC_DATABASE_PASSWORD: 'new' };
  assert.deepEqual(await lines({ yaml: oneMeter, env: both }), [
    'environment · EMDC_DATABASE_URL · "mysql://emdc:***@db/emdc" · expected no password in it, since database.password is set',
  ]);
  assert.match(
    (await lines({ yaml: oneMeter, env: { EMDC_DATABASE_PASSWORD: 'x' } }))[0] ?? '',
    /"\*\*\*" · expected none/,
  );
});

test('settings that do not go together are refused', async () => {
  assert.match(
    (await lines({ yaml: `${oneMeter}highAvailability: true` }))[0] ?? '',
    /expected database\.url to be postgresql/,
  );
  assert.match(
    (await lines({ yaml: `${oneMeter}http: {tlsKey: map.xlsx}` }))[0] ?? '',
    /expected http\.tlsCertificate beside it/,
  );
});

test('listening beyond this machine without a token, and reading a unit twice, are warnings', async () => {
  const yaml = 'http: {host: 0.0.0.0}\nmeters: [{name: A, host: m, map: map.xlsx}, {name: B, host: M, map: map.xlsx}]';
  const { warnings } = await load({ yaml });
  assert.deepEqual(
    warnings.map((w) => formatProblem(w).replaceAll(`${folder}/`, '')),
    [
      'site.yaml · http.host (line 1) · "0.0.0.0" · anyone who reaches this address can force cycles: set http.token',
      'site.yaml · meters[1].host (line 2) · "m port 502 unit 1" · the same Modbus unit as A: it is read twice',
    ],
  );
});

test('what the map knows of its meter is a default: explicit modbus.* beats it, the meter beats both', async () => {
  const loadMap = mapWith({ maxRegisters: 60, maxGap: 5, pauseMs: 20, connectDelayMs: null });
  const limits = async (yaml: string) => {
    const { maxRegisters, maxGap, pauseMs } = (await load({ yaml, loadMap })).config.meters[0] ?? assert.fail();
    return [maxRegisters, maxGap, pauseMs];
  };
  assert.deepEqual(await limits(oneMeter), [60, 5, 20]);
  assert.deepEqual(await limits(`${oneMeter}modbus: {maxRegisters: 100, pause: 0}`), [100, 5, 0]);
  assert.deepEqual(
    await limits(
      'modbus: {maxRegisters: 100}\nmeters: [{name: A, host: a, map: map.xlsx, maxRegisters: 30, maxGap: 0, pause: 1s}]',
    ),
    [30, 0, 1000],
  );
});

test("a meter's cron expression is in the configured time zone; an interval is always in UTC", async () => {
  const yaml =
    'timezone: america/los_angeles\nmeters: [{name: A, host: a, map: map.xlsx, schedule: "0 6 * * mon-FRI"}, {name: B, host: b, map: map.xlsx}]';
  const { config } = await load({ yaml });
  assert.deepEqual(
    config.meters.map((meter) => meter.schedule),
    [
      { text: '0 6 * * mon-FRI', cron: '0 0 6 * * mon-FRI', intervalMs: null, timezone: 'America/Los_Angeles' },
      { text: '15s', cron: '*/15 * * * * *', intervalMs: 15_000, timezone: 'UTC' },
    ],
  );
});

test('anchors and merge keys keep a long list of meters short', async () => {
  const rows = Array.from({ length: 500 }, (_, unit) => `  - {<<: *common, name: M${unit}, unitId: ${unit % 256}}`);
  const yaml = `meters:\n  - &common {name: First, host: gw, map: map.xlsx, timeout: 2s}\n${rows.join('\n')}\n`;
  const { config } = await load({ yaml });
  assert.equal(config.meters.length, 501);
  assert.equal(config.meters.at(-1)?.timeoutMs, 2000);
});

test('a shipped map is found from anywhere; one beside the file comes first', async () => {
  const seen: string[] = [];
  const loadMap: MapLoader = (file, options) => {
    seen.push(file);
    return mapWith(noLimits)(file, options);
  };
  await load({ yaml: 'meters: [{name: A, host: a, map: map.xlsx}, {name: B, host: b, map: package.json}]', loadMap });
  assert.equal(seen[0], join(folder, 'map.xlsx'));
  assert.match(seen[1] ?? '', /package\.json$/);
});

test('commands that only need the database load a configuration without meters', async () => {
  const { config, meterCount } = await load({ meters: 'none', env: { EMDC_DATABASE_URL: 'file:x.db' } });
  assert.deepEqual(config.meters, []);
  assert.equal(meterCount, 0);
  const yaml = 'meters: [{name: A, host: a, map: none.xlsx}, {name: B}]';
  assert.equal((await load({ meters: 'none', yaml })).meterCount, 2);
});

test('whatever the file says, the loader answers with a configuration or with problems', async () => {
  const scalar = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom('null', '1s', '*x', '&x 1', '{', '!!binary x', '<<'),
  );
  const key = fc.constantFrom(
    'meters',
    'http',
    'port',
    'schedule',
    'modbus',
    'timeout',
    '__proto__',
    'constructor',
    'toString',
    'log',
    'level',
    'host',
    '"',
    '?',
  );
  const line = fc.tuple(fc.nat(3), key, scalar).map(([depth, name, value]) => `${'  '.repeat(depth)}${name}: ${value}`);
  const yaml = fc.oneof(
    fc.string(),
    fc.array(line).map((all) => all.join('\n')),
    fc.json(),
  );
  await fc.assert(
    fc.asyncProperty(yaml, async (text) => {
      try {
        await load({ yaml: text });
      } catch (error) {
        assert.ok(error instanceof InvalidInput, `${error}`);
        assert.ok(error.problems.length > 0);
      }
    }),
    { numRuns: 300 },
  );
});

test('requests too small for the widest metric are refused, since it could never be read', async () => {
  const meters = 'meters: [{name: a, host: h, map: map.xlsx, maxRegisters: 1}]';
  await assert.rejects(load({ yaml: meters, loadMap: mapWith(noLimits) }), (error: unknown) => {
    assert.ok(error instanceof InvalidInput);
    assert.deepEqual(
      error.problems.map(({ place, rule, value }) => [place, rule, value]),
      [['meters[0].maxRegisters (line 1)', 'request-size', '1']],
    );
    return true;
  });
});
