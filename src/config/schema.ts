// Every key there is, with its format, default and meaning: the one place to look up or to add one. Loading, flags,
// environment variables, config/example.yaml and the tables of config/README.md all come from here.

import type { Bounds, FormatName, formats } from './formats.js';

export interface Key extends Bounds {
  readonly format: FormatName;
  /** As one would write it; null: none, the key is either needed or taken from elsewhere (the text says). */
  readonly default: string | number | boolean | readonly string[] | null;
  readonly doc: string;
  /** Never shown in logs and problems. */
  readonly sensitive?: true;
}

const second = 1000;
const minute = 60 * second;
const day = 24 * 60 * minute;

const timing = {
  timeout: { format: 'duration', default: '1s', min: 10, max: minute, doc: 'How long an answer may take' },
  retries: {
    format: 'integer',
    default: 3,
    min: 0,
    max: 10,
    doc: 'Further tries after a request that was not answered',
  },
  retryWait: { format: 'duration', default: '1s', min: 0, max: minute, doc: 'Wait before a further try' },
  pause: {
    format: 'duration',
    default: '0ms',
    min: 0,
    max: 10 * second,
    doc: 'Rest after each request on a connection, for meters that need one',
  },
  maxRegisters: { format: 'integer', default: 125, min: 1, max: 125, doc: 'Most registers asked for in one request' },
  maxGap: {
    format: 'integer',
    default: 32,
    min: 0,
    max: 124,
    doc: 'Most unwanted registers read over to save a request',
  },
} as const satisfies Record<string, Key>;

/** By dotted name. A key `a.b` is `b` in the section `a` of the file, EMDC_A_B in the environment, `--a.b` as a flag. */
export const keys = {
  schedule: {
    format: 'schedule',
    default: '15s',
    doc: 'When to read: an interval that divides a minute, an hour or a day evenly, or a cron expression of 5 or 6 fields',
  },
  timezone: {
    format: 'timezone',
    default: 'UTC',
    doc: 'For cron expressions, and for the local days and months of energy; stored times are always UTC',
  },
  'modbus.timeout': timing.timeout,
  'modbus.retries': timing.retries,
  'modbus.retryWait': timing.retryWait,
  'modbus.pause': timing.pause,
  'modbus.maxRegisters': timing.maxRegisters,
  'modbus.maxGap': timing.maxGap,
  'database.url': {
    format: 'databaseUrl',
    default: 'file:./data/emdc.db',
    sensitive: true,
    doc: 'file:… (SQLite), postgresql://… or mysql://… (MySQL, MariaDB)',
  },
  'database.password': {
    format: 'text',
    default: '',
    sensitive: true,
    doc: 'Goes into database.url, so that the password alone can come from a secret',
  },
  'database.commitEvery': {
    format: 'duration',
    default: '0s',
    min: 0,
    max: 10 * minute,
    doc: 'SQLite only: gathers cycles for so long before they are written; spares an SD card, and a power cut loses that much',
  },
  'database.connections': {
    format: 'integer',
    default: 1,
    min: 1,
    max: 20,
    doc: 'Connections to a database server; 1 is enough for a thousand meters',
  },
  'database.spread': {
    format: 'flag',
    default: false,
    doc: 'For a distributed engine: spreads the rows of different meters over its nodes',
  },
  'spool.directory': {
    format: 'path',
    default: './data/spool',
    doc: 'Where readings wait while the database is away',
  },
  'spool.maxBytes': {
    format: 'size',
    default: '1GB',
    min: 1e6,
    doc: 'At most so much is kept waiting; the oldest go first',
  },
  'spool.maxAge': { format: 'duration', default: '30d', min: minute, doc: 'At most so long' },
  'retention.readings': {
    format: 'retention',
    default: 'forever',
    min: day,
    doc: 'How long readings stay in the database',
  },
  'retention.rollups': {
    format: 'retention',
    default: 'forever',
    min: day,
    doc: 'How long the 15-minute figures stay',
  },
  'http.host': { format: 'host', default: '127.0.0.1', doc: 'Address to listen on; 0.0.0.0 for every one' },
  'http.port': { format: 'integer', default: 8080, min: 0, max: 65535, doc: 'Port to listen on; 0 takes a free one' },
  'http.allowedHosts': {
    format: 'hosts',
    default: [],
    doc: "Names by which HTTP may be asked, beside this machine's own; others are refused",
  },
  'http.token': {
    format: 'text',
    default: '',
    sensitive: true,
    doc: 'Where set, POST /collect needs `Authorization: Bearer …`',
  },
  'http.tlsCertificate': { format: 'text', default: '', doc: 'PEM file; with tlsKey, HTTPS instead of HTTP' },
  'http.tlsKey': { format: 'text', default: '', doc: 'PEM file of the private key' },
  'log.level': {
    format: 'choice',
    default: 'info',
    choices: ['error', 'warn', 'info', 'debug'],
    doc: 'Least important level that is logged: error, warn, info or debug',
  },
  'log.format': {
    format: 'choice',
    default: 'auto',
    choices: ['auto', 'text', 'json'],
    doc: 'text for people, json for machines; auto: text at a terminal and in the journal, json elsewhere',
  },
  'log.file': { format: 'text', default: '', doc: 'Also log into this file' },
  'log.maxBytes': { format: 'size', default: '10MB', min: 1e4, doc: 'Size at which log.file is rotated' },
  'log.maxFiles': { format: 'integer', default: 5, min: 1, max: 1000, doc: 'Log files kept' },
  highAvailability: {
    format: 'flag',
    default: false,
    doc: 'Share the meters with a second collector on the same PostgreSQL or MySQL database: one reads, the other stands by',
  },
} as const satisfies Record<string, Key>;

/** Of an item of `meters`. The ones that `single` names make a meter without a file. */
export const meterKeys = {
  name: { format: 'topicPrefix', default: null, doc: 'Topic prefix, unique: a topic is `<name>/<metric name>`' },
  host: { format: 'host', default: null, doc: 'Address of the meter or of the gateway before it; or `serial`' },
  port: { format: 'integer', default: 502, min: 1, max: 65535, doc: 'TCP port' },
  framing: {
    format: 'choice',
    default: 'mbap',
    choices: ['mbap', 'rtu'],
    doc: 'Frames on TCP: mbap (Modbus TCP), or rtu for transparent serial converters',
  },
  serial: { format: 'path', default: null, doc: 'Serial port (RS-485), such as /dev/ttyUSB0, in place of `host`' },
  baudRate: { format: 'integer', default: 9600, min: 300, max: 1_000_000, doc: 'Of the serial port' },
  parity: { format: 'choice', default: 'even', choices: ['none', 'even', 'odd'], doc: 'Of the serial port' },
  dataBits: { format: 'integer', default: 8, min: 7, max: 8, doc: 'Of the serial port' },
  stopBits: { format: 'integer', default: 1, min: 1, max: 2, doc: 'Of the serial port' },
  unitId: { format: 'integer', default: 1, min: 0, max: 255, doc: 'Modbus unit id' },
  map: { format: 'path', default: null, doc: 'Register map, .xlsx or .csv' },
  worksheet: { format: 'text', default: 'Metrics', doc: 'Sheet of the workbook' },
  schedule: { format: 'schedule', default: null, doc: 'Beats the global schedule' },
  ctRatio: {
    format: 'number',
    default: 1,
    min: 1e-6,
    doc: 'Current transformer ratio, for metrics that the map marks as secondary',
  },
  ptRatio: { format: 'number', default: 1, min: 1e-6, doc: 'Voltage transformer ratio, likewise' },
  timeout: { ...timing.timeout, default: null, doc: 'Beats modbus.timeout, as the keys below beat theirs' },
  retries: { ...timing.retries, default: null, doc: 'Beats modbus.retries' },
  retryWait: { ...timing.retryWait, default: null, doc: 'Beats modbus.retryWait' },
  pause: { ...timing.pause, default: null, doc: 'Beats modbus.pause' },
  maxRegisters: { ...timing.maxRegisters, default: null, doc: 'Beats modbus.maxRegisters' },
  maxGap: { ...timing.maxGap, default: null, doc: 'Beats modbus.maxGap' },
  connectDelay: {
    format: 'duration',
    default: null,
    min: 0,
    max: minute,
    doc: "Rest after connecting, before the first request; default: the map's, else none",
  },
  keepConnection: {
    format: 'flag',
    default: true,
    doc: 'false: the connection is closed after each poll, so that others can reach the meter in between',
  },
  reconnectWait: {
    format: 'duration',
    default: '0s',
    min: 0,
    max: 10 * minute,
    doc: 'Least time between two connections',
  },
  transactionId: {
    format: 'choice',
    default: 'check',
    choices: ['check', 'ignore'],
    doc: 'ignore: for gateways that answer with another transaction id than they were asked with',
  },
  serialNumber: {
    format: 'serialNumber',
    default: null,
    doc: 'The serial number that must answer; values of another device are not stored',
  },
  maxPower: {
    format: 'power',
    default: null,
    doc: 'Largest power that can flow here, e.g. 250kW: energy that would need more is questioned',
  },
  was: { format: 'topicPrefix', default: null, doc: 'Former name: the history goes on under the new one' },
} as const satisfies Record<string, Key>;

export type KeyName = keyof typeof keys;
export type MeterKeyName = keyof typeof meterKeys;

type ParsedBy<K extends Key> = ReturnType<(typeof formats)[K['format']]>;

export type Values = { readonly [K in KeyName]: ParsedBy<(typeof keys)[K]> };
export type MeterValues = { readonly [K in MeterKeyName]?: ParsedBy<(typeof meterKeys)[K]> };

/** Meter keys that are a flag and a variable as well: together they describe one meter without a file. */
const singleKeys = [
  'name',
  'host',
  'port',
  'framing',
  'serial',
  'baudRate',
  'parity',
  'dataBits',
  'stopBits',
  'unitId',
  'map',
  'worksheet',
  'ctRatio',
  'ptRatio',
  'connectDelay',
  'keepConnection',
  'reconnectWait',
  'transactionId',
  'serialNumber',
  'maxPower',
] as const satisfies readonly MeterKeyName[];

export type SingleKeyName = (typeof singleKeys)[number];

const otherFlags: Readonly<Partial<Record<SingleKeyName, string>>> = { name: 'topic-prefix', unitId: 'unit' };
const kebab = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export interface SingleKey {
  /** Without dashes, e.g. `ct-ratio`. */
  readonly flag: string;
  /** e.g. `EMDC_METER_CT_RATIO` */
  readonly env: string;
}

export const single = Object.fromEntries(
  singleKeys.map((key): [SingleKeyName, SingleKey] => [
    key,
    { flag: otherFlags[key] ?? kebab(key), env: key === 'name' ? 'EMDC_METER_TOPIC_PREFIX' : envOf(`meter.${key}`) },
  ]),
) as Readonly<Record<SingleKeyName, SingleKey>>;

/** Of an item of `virtual`: the sum of some meters less the sum of others, in SQL only. */
export const virtualKeys = ['name', 'plus', 'minus'] as const;

/** `http.tlsKey` → `EMDC_HTTP_TLS_KEY` */
export function envOf(key: string): string {
  return `EMDC_${key.replaceAll('.', '_').replaceAll(/[A-Z]/g, (letter) => `_${letter}`)}`.toUpperCase();
}

/** `http.tlsKey` → `http-tls-key`: the name of the systemd credential. */
export const credentialOf = (key: string): string => kebab(key.replaceAll('.', '-'));

/** Keys whose value systemd may hand over as a credential: for the two files, the path of the credential itself. */
export const credentialKeys: readonly KeyName[] = [
  'database.url',
  'database.password',
  'http.token',
  'http.tlsCertificate',
  'http.tlsKey',
];

export const keyNames = Object.keys(keys) as KeyName[];
export const meterKeyNames = Object.keys(meterKeys) as MeterKeyName[];
export const singleNames: readonly SingleKeyName[] = singleKeys;
