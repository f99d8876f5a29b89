// `emdc read`: one meter, now. As a table of its metrics by the map, or the bare registers as every type.

import process from 'node:process';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { interpretationHeadings, interpretRegisters } from '../codec/interpret.js';
import { MeterPoller } from '../collect/poll-meter.js';
import { RecordingLink } from '../commission/recording-link.js';
import type { Config } from '../config/config.js';
import { openLinkPool } from '../modbus/pool.js';
import type { LinkPool } from '../modbus/reader.js';
import { systemClock } from '../model/clock.js';
import { silentLog } from '../model/log.js';
import { linkKeyOf, type Meter, type RegisterFunction } from '../model/meter.js';
import { forgetfulPlans } from '../plan/refused-registers.js';
import { chooseMeter } from './choose-meter.js';
import { configCommand, loadFrom, printWarnings, sourcesForOneMeter, withExamples } from './config-options.js';
import { done, failed } from './exit.js';
import { milliseconds, valueText } from './number-text.js';
import { type Address, address, numberFrom } from './option-values.js';
import { adviceFor, nextSteps } from './read-advice.js';
import { counted, textTable } from './table.js';

interface ReadCommandOptions {
  readonly meter?: string;
  readonly json?: true;
  readonly watch?: number;
  readonly raw?: Range;
  readonly function: RegisterFunction;
}

interface Range {
  readonly start: number;
  readonly count: number;
}

/** What one reading brings: for people, for machines, and whether everything was answered. */
interface Shown {
  readonly text: string;
  readonly json: unknown;
  readonly answered: boolean;
}

export const readCommand = (): Command =>
  withExamples(configCommand('read'), [
    'read 10.0.0.5 --map eastron-sdm630',
    'read 10.0.0.5:5020 --unit 3 --map my-meter.xlsx --watch 5',
    'read 10.0.0.5 --raw 4618:10',
    'read --serial /dev/ttyUSB0 --baud-rate 9600 --unit 4 --map eastron-sdm630',
    'read --config site.yaml --meter Site/M1',
  ])
    .description('Reads one meter now, by its address or from a configuration. Nothing is stored.')
    .argument('[host]', 'HOST or HOST:PORT of a meter that is in no configuration', address)
    .option('-m, --meter <name>', 'which meter of the configuration; needed where it has several')
    .option('--json', 'as JSON')
    .addOption(
      new Option('-w, --watch [seconds]', 'again and again, until Ctrl-C')
        .preset('1')
        .argParser(numberFrom(0.1, 86_400)),
    )
    .option('--raw <start:count>', 'bare registers, as every type and word order; needs no map', range)
    .addOption(
      new Option('--function <table>', 'which registers --raw reads')
        .choices(['holding', 'input', 'coil', 'discrete'])
        .default('holding'),
    )
    .action(async (host: Address | undefined, options: ReadCommandOptions, command: Command) => {
      const sources = sourcesForOneMeter(command, host);
      const loaded = await loadFrom(command, { ...sources, maps: options.raw ? 'optional' : 'needed' });
      printWarnings(loaded);
      const meter = chooseMeter(loaded.config.meters, options.meter);
      const pool = openLinkPool();
      try {
        const readOnce = () =>
          options.raw
            ? readRaw(meter, { ...options, range: options.raw, pool })
            : readMeter(meter, { pool, config: loaded.config });
        const exitCode = await show(readOnce, options);
        if (exitCode === done && !options.raw && !options.json && options.watch === undefined) {
          process.stdout.write(`\n${nextSteps(meter, loaded.config)}\n`);
        }
        process.exitCode = exitCode;
      } finally {
        await pool.close();
      }
    });

async function show(readOnce: () => Promise<Shown>, { json, watch }: ReadCommandOptions): Promise<number> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  for (;;) {
    const { text, json: data, answered } = await readOnce();
    if (watch !== undefined && !json && process.stdout.isTTY) process.stdout.write('\x1b[2J\x1b[H');
    process.stdout.write(json ? `${JSON.stringify(data, null, watch === undefined ? 2 : 0)}\n` : `${text}\n`);
    if (watch === undefined || stop.signal.aborted) return answered ? done : failed;
    await systemClock.sleep(watch * 1000, stop.signal);
    if (stop.signal.aborted) return done;
  }
}

async function readMeter(
  meter: Meter,
  { pool, config }: { readonly pool: LinkPool; readonly config: Config },
): Promise<Shown> {
  const recording = new RecordingLink(pool.link(meter), systemClock);
  const poller = new MeterPoller({
    meter,
    link: recording,
    clock: systemClock,
    log: silentLog,
    learned: forgetfulPlans,
  });
  const signal = new AbortController().signal;
  const { poll } = await poller.poll({
    slot: systemClock.now(),
    deadline: systemClock.monotonic() + 60_000,
    signal,
  });
  const metrics = meter.metrics.map((metric, index) => {
    const value = poll.values[index] as number;
    return {
      metric: metric.name,
      value: Number.isNaN(value) ? null : value,
      unit: metric.unit,
      why: poll.missing.get(index) ?? null,
      address: metric.address,
      type: metric.dataType,
      registers: recording.registers(metric.function, metric.address, metric.size),
    };
  });
  const table = textTable(
    [
      { heading: 'metric' },
      { heading: 'value', align: 'right' },
      { heading: 'unit' },
      { heading: 'address', align: 'right' },
      { heading: 'type' },
      { heading: 'registers' },
    ],
    metrics.map((row) => [
      row.metric,
      row.value === null ? `(${row.why})` : valueText(row.value, row.type),
      row.unit,
      String(row.address),
      row.type,
      row.registers?.map(hex).join(' ') ?? '',
    ]),
  );
  const values = metrics.flatMap(({ value }) => (value === null ? [] : [value]));
  const times = recording.requests.map(({ durationMs }) => durationMs.toFixed(1));
  const trips = times.length <= 8 ? times.join(', ') : `${times.slice(0, 8).join(', ')}, …`;
  const footer = [
    `${meter.name} at ${linkKeyOf(meter)} unit ${meter.unitId}: ${values.length} of ${counted(metrics.length, 'metric')}`,
    `${counted(poll.requests, 'request')}, ${Math.round(poll.durationMs)} ms${trips === '' ? '' : ` (each ${trips})`}`,
    ...(poll.error === null ? [] : [poll.error]),
    ...adviceFor({ meter, config, values, requests: recording.requests }),
  ];
  // Where nothing was read the reason says it all: 48 lines of `(timeout)` would hide it.
  const shownTable = values.length === 0 && poll.error !== null ? '' : `${table}\n\n`;
  return {
    text: `${shownTable}${footer.join('\n')}`,
    json: {
      meter: meter.name,
      time: new Date(poll.slot).toISOString(),
      durationMs: milliseconds(poll.durationMs),
      error: poll.error,
      requests: recording.requests.map((request) => ({ ...request, durationMs: milliseconds(request.durationMs) })),
      metrics,
    },
    answered: poll.error === null,
  };
}

interface RawOptions {
  readonly range: Range;
  readonly function: RegisterFunction;
  readonly pool: LinkPool;
}

async function readRaw(meter: Meter, { range: { start, count }, function: table, pool }: RawOptions): Promise<Shown> {
  const bits = table === 'coil' || table === 'discrete';
  const most = bits ? 2000 : meter.maxRegisters;
  const recording = new RecordingLink(pool.link(meter), systemClock);
  for (let at = start; at < start + count; at += most) {
    const request = { unitId: meter.unitId, function: table, start: at, count: Math.min(most, start + count - at) };
    await recording.read(request, { timeoutMs: meter.timeoutMs, pauseMs: meter.pauseMs });
  }
  const words = recording.registers(table, start, count) ?? [];
  if (bits) {
    const rows = words.map((bit, index) => ({ address: start + index, bit }));
    const text = textTable(
      [
        { heading: 'address', align: 'right' },
        { heading: 'bit', align: 'right' },
      ],
      rows.map(({ address, bit }) => [String(address), String(bit)]),
    );
    return { text, json: rows, answered: true };
  }
  const data = Buffer.alloc(2 * words.length);
  words.forEach((word, index) => {
    data.writeUInt16BE(word, 2 * index);
  });
  const rows = interpretRegisters(data, start);
  const text = textTable(
    [
      { heading: 'address', align: 'right' },
      { heading: 'hex' },
      ...interpretationHeadings.map((heading) => ({ heading, align: 'right' }) as const),
    ],
    rows.map(({ address, register, values }) => [
      String(address),
      hex(register),
      ...interpretationHeadings.map((heading) => short(values[heading] ?? null)),
    ]),
  );
  return { text, json: rows, answered: true };
}

const hex = (register: number): string => register.toString(16).padStart(4, '0');

/** Seven digits are enough to see whether a number makes sense. */
const short = (value: number | null): string => {
  if (value === null) return '–';
  return Number.isInteger(value) && Math.abs(value) < 1e12 ? String(value) : Number(value.toPrecision(7)).toString();
};

function range(text: string): Range {
  const match = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text);
  const start = Number(match?.[1]);
  const count = Number(match?.[2] ?? 1);
  if (match && count >= 1 && start + count <= 65_536) return { start, count };
  throw new InvalidArgumentError('expected START:COUNT, zero-based, such as 4618:10.');
}
