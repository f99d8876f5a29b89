// The schema in words: config/example.yaml and the tables of keys in config/README.md. Both are committed and held equal by a test;
// `npm run docs` writes them.

import {
  type Key,
  type KeyName,
  keyNames,
  keys,
  type MeterKeyName,
  meterKeyNames,
  meterKeys,
  type SingleKeyName,
  single,
} from '../src/config/schema.js';

const comment = (key: Key): string => {
  const range = key.format === 'integer' && key.max !== undefined ? ` (${key.min ?? 0}–${key.max})` : '';
  return `${key.doc}${range}`;
};

/** A value as YAML takes it; text that would become something else is put in quotes. */
function yamlValue(value: Key['default']): string {
  if (value === null) return '';
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  return typeof value === 'string' && (value === '' || /[:#*"]/.test(value)) ? JSON.stringify(value) : String(value);
}

const exampleMeters: readonly (readonly [name: MeterKeyName, value: Key['default'], doc?: string])[][] = [
  [
    ['name', 'UW/Mercer/nexus_meter'],
    ['host', '10.154.120.13'],
    ['port', 502],
    ['unitId', 1],
    ['map', 'register-maps/electro-industries-nexus-1272.xlsx'],
    ['worksheet', 'Metrics'],
    ['schedule', '1s'],
    ['ctRatio', 40],
    ['ptRatio', 1],
    ['serialNumber', '1272-4711'],
    ['maxPower', '250kW'],
    ['was', 'UW/Mercer/old_meter'],
  ],
  [
    ['name', 'UW/Mercer/eaton_meter'],
    ['host', '10.154.120.14'],
    ['map', 'register-maps/eaton-pxm4000.xlsx'],
    ['timeout', '2s'],
    ['retries', 1],
    ['retryWait', '500ms'],
    ['pause', '20ms'],
    ['maxRegisters', 60],
    ['maxGap', 0],
    ['connectDelay', '2s'],
    ['keepConnection', false],
    ['reconnectWait', '5s'],
    ['transactionId', 'ignore'],
  ],
  [
    ['name', 'UW/Mercer/converter_meter'],
    ['host', '10.154.120.15'],
    ['port', 4001],
    ['framing', 'rtu'],
    ['map', 'register-maps/eastron-sdm630.xlsx'],
  ],
  [
    ['name', 'UW/Mercer/serial_meter'],
    ['serial', '/dev/ttyUSB0'],
    ['baudRate', 9600],
    ['parity', 'even'],
    ['dataBits', 8],
    ['stopBits', 1],
    ['unitId', 4],
    ['map', 'register-maps/eastron-sdm630.xlsx'],
  ],
];

/** Every key with its default and meaning, and meters that between them use every key of a meter. */
export function exampleYaml(): string {
  const lines = [
    '# Every key there is. All but `meters` show their default and can be left out.',
    '# Lengths of time are written 500ms, 15s, 5m, 2h, 90d; sizes 500MB, 2GB.',
    '# Files to be read are looked for beside this file, then in the working directory, then among those shipped with EMDC;',
    '# files that EMDC writes are relative to the working directory.',
    '',
  ];
  const entry = (indent: string, name: string, value: Key['default'], doc: string) => {
    const text = `${indent}${name}: ${yamlValue(value)}`.trimEnd();
    return doc === '' ? text : `${text.padEnd(40)} # ${doc}`;
  };
  let section = '';
  for (const name of keyNames) {
    const key: Key = keys[name];
    const [first, second] = name.split('.') as [string, string?];
    if (second === undefined) {
      if (section !== '') lines.push('');
      section = '';
      lines.push(entry('', first, key.default, comment(key)));
      if (name === 'timezone') lines.push('', ...meterLines(entry));
      continue;
    }
    if (section !== first) lines.push('', `${first}:`);
    section = first;
    lines.push(entry('  ', second, key.default, comment(key)));
  }
  return `${lines.join('\n')}\n`;
}

function meterLines(entry: (indent: string, name: string, value: Key['default'], doc: string) => string): string[] {
  const told = new Set<MeterKeyName>();
  const lines = exampleMeters.flatMap((meter) =>
    meter.map(([name, value], index) => {
      const doc = told.has(name) ? '' : meterComment(name);
      told.add(name);
      return entry(index === 0 ? '  - ' : '    ', name, value, doc);
    }),
  );
  const virtual = '  - {name: UW/Mercer/total, plus: [UW/Mercer/nexus_meter, UW/Mercer/eaton_meter], minus: []}';
  return [
    'meters:',
    ...lines,
    '',
    'virtual:                                 # Sums of meters less others, in SQL only',
    virtual,
  ];
}

function meterComment(name: MeterKeyName): string {
  const key: Key = meterKeys[name];
  return key.default === null || name === 'timeout' ? comment(key) : `${comment(key)}; default ${key.default}`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (value: Key['default']): string =>
  value === null ? '' : value === '' ? '(empty)' : `\`${yamlValue(value)}\``;

/** Markdown: key, default, meaning. Flags and variables follow from the key, so they have no columns. */
export function settingsTable(): string {
  const row = (name: KeyName) => {
    const key: Key = keys[name];
    return `| \`${name}\` | ${code(key.default)} | ${cell(comment(key))} |`;
  };
  return ['| key | default | meaning |', '|---|---|---|', ...keyNames.map(row)].join('\n');
}

/** Markdown: key of a meter, default, meaning, and its flag where it has one. */
export function metersTable(): string {
  const row = (name: MeterKeyName) => {
    const key: Key = meterKeys[name];
    const outside = Object.hasOwn(single, name) ? single[name as SingleKeyName] : null;
    const needed = name === 'name' || name === 'host' || name === 'map';
    const flag = outside ? `\`--${outside.flag}\`` : '';
    return `| \`${name}\` | ${needed ? 'needed' : code(key.default)} | ${cell(comment(key))} | ${flag} |`;
  };
  return ['| key | default | meaning | flag |', '|---|---|---|---|', ...meterKeyNames.map(row)].join('\n');
}
