// `emdc scan`: what answers behind a host or on a serial port, which of the known maps fits it, and what it says of itself.

import process from 'node:process';
import { Command, Option } from 'commander';
import type { Fit, FoundUnit } from '../commission/scan.js';
import { shippedMapFiles } from '../config/input-files.js';
import { meterKeys } from '../config/schema.js';
import { ModbusFailure } from '../modbus/failure.js';
import type { Link, ReadOptions } from '../modbus/reader.js';
import { systemClock } from '../model/clock.js';
import { EmdcError } from '../model/errors.js';
import { type Endpoint, linkKeyOf, type Meter, type RegisterMap } from '../model/meter.js';
import { withExamples } from './config-options.js';
import { done, failed, usage } from './exit.js';
import { type Address, address, duration, unitIds, wholeNumber } from './option-values.js';
import { startProgress } from './progress.js';
import { answersToAll, type ScannedUnit, scanJson, scanStanza, scanText } from './scan-report.js';

interface Options {
  readonly port?: number;
  readonly framing: 'mbap' | 'rtu';
  readonly serial?: string;
  readonly baudRate: readonly number[];
  readonly parity: 'none' | 'even' | 'odd';
  readonly stopBits: number;
  readonly units: readonly number[];
  readonly timeout: number;
  readonly pause: number;
  readonly maps?: string;
  readonly fit: boolean;
  readonly json?: true;
  readonly stanza?: true;
}

const baudRates = (text: string): number[] => text.split(',').map((rate) => wholeNumber(300, 1_000_000)(rate.trim()));

export const scanCommand = (): Command =>
  withExamples(new Command('scan'), [
    'scan 10.0.0.5',
    'scan 10.0.0.5:5020 --units 1-15 --stanza',
    'scan --serial /dev/ttyUSB0 --baud-rate 9600,19200 --units 1-32',
  ])
    .description(
      'Asks which unit ids answer, which register map explains best what each of them holds, and what it says of itself (device identification, SunSpec). Reads only, one request at a time over one connection.',
    )
    .argument('[host]', 'HOST or HOST:PORT of the meter or gateway', address)
    .addOption(new Option('-p, --port <port>', 'TCP port (default: 502)').argParser(wholeNumber(1, 65_535)))
    .addOption(new Option('--framing <frames>', meterKeys.framing.doc).choices(['mbap', 'rtu']).default('mbap'))
    .option('--serial <path>', meterKeys.serial.doc)
    .addOption(
      new Option('--baud-rate <rates>', 'of the serial port; several are tried one after the other')
        .default([9600], '9600')
        .argParser(baudRates),
    )
    .addOption(new Option('--parity <parity>', meterKeys.parity.doc).choices(['none', 'even', 'odd']).default('even'))
    .addOption(new Option('--stop-bits <n>', meterKeys.stopBits.doc).default(1).argParser(wholeNumber(1, 2)))
    .addOption(
      new Option('-u, --units <ids>', 'unit ids to try, as in 1-10,247')
        .default(unitIds('1-247'), '1-247')
        .argParser(unitIds),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long a response may take').default(500, '500ms').argParser(duration),
    )
    .addOption(new Option('--pause <duration>', 'rest after each request').default(20, '20ms').argParser(duration))
    .option('--maps <folder>', 'register maps to try (default: those that come with EMDC)')
    .option('--no-fit', 'only look which unit ids answer')
    .option('--stanza', 'print the meters that were found as lines for a configuration')
    .option('--json', 'print JSON')
    .action(async (host: Address | undefined, options: Options, command: Command) => {
      if ((host === undefined) === (options.serial === undefined)) {
        command.error('error: give a host or --serial', { exitCode: usage });
      }
      process.exitCode = await scan(endpointsOf(host, options), options);
    });

function endpointsOf(host: Address | undefined, options: Options): Endpoint[] {
  const { serial, baudRate, parity, stopBits, framing } = options;
  if (serial !== undefined) {
    const line = { path: serial, parity, dataBits: 8, stopBits: stopBits === 2 ? 2 : 1 } as const;
    return baudRate.map((rate) => ({ type: 'serial', line: { ...line, baudRate: rate } }));
  }
  return [{ type: 'tcp', host: host?.host ?? '', port: host?.port ?? options.port ?? 502, framing }];
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function scan(endpoints: readonly Endpoint[], options: Options): Promise<number> {
  const { openLinkPool } = await import('../modbus/pool.js');
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const pool = openLinkPool();
  const maps = options.fit ? await loadMaps(options.maps) : [];
  try {
    let found = 0;
    for (const endpoint of endpoints) {
      const target = targetOf(endpoint);
      const link = pool.link(target);
      const answered = await findUnits(link, { target, options, signal: stop.signal });
      found += answered.length;
      const units: ScannedUnit[] = [];
      for (const unit of answersToAll(answered) ? answered.slice(0, 1) : answered) {
        units.push({ ...unit, ...(await describeUnit({ unit, target, link, maps, options, signal: stop.signal })) });
      }
      const report = { target, answered, units, ownMaps: options.maps !== undefined };
      process.stdout.write(`${options.json ? scanJson(report) : scanText(report)}\n`);
      if (options.stanza) process.stdout.write(`\n${scanStanza(report)}`);
      // Of several baud rates, the first one that is answered is the one.
      if (stop.signal.aborted || answered.length > 0) break;
      await pool.keep([]);
    }
    return found > 0 ? done : failed;
  } finally {
    await pool.close();
  }
}

/** The part of a meter that its connection is. */
export type Target = Pick<Meter, 'host' | 'port'> & { readonly endpoint: Endpoint };

const targetOf = (endpoint: Endpoint): Target =>
  endpoint.type === 'tcp'
    ? { host: endpoint.host, port: endpoint.port, endpoint }
    : { host: endpoint.line.path, port: 0, endpoint };

interface UnitSearch {
  readonly target: Target;
  readonly options: Options;
  readonly signal: AbortSignal;
}

async function findUnits(link: Link, { target, options, signal }: UnitSearch): Promise<FoundUnit[]> {
  const { scanUnits } = await import('../commission/scan.js');
  const { endpoint } = target;
  const seconds = Math.ceil((options.units.length * (options.timeout + options.pause)) / 1000);
  const speed = endpoint.type === 'serial' ? ` at ${endpoint.line.baudRate} baud` : '';
  say(`${linkKeyOf(target)}${speed}: trying ${options.units.length} unit ids, about ${seconds} s where none answers`);
  const bar = startProgress('asking');
  try {
    return await scanUnits({
      link,
      unitIds: options.units,
      timeoutMs: options.timeout,
      pauseMs: options.pause,
      monotonic: systemClock.monotonic,
      signal,
      onProgress: (asked, answered) => bar.show(asked, options.units.length, `${answered} answered`),
    });
  } finally {
    bar.stop();
  }
}

interface UnitContext extends UnitSearch {
  readonly unit: FoundUnit;
  readonly link: Link;
  readonly maps: readonly RegisterMap[];
}

async function describeUnit(context: UnitContext): Promise<Omit<ScannedUnit, keyof FoundUnit>> {
  const { unit, target, link, maps, options, signal } = context;
  const timing: ReadOptions = { timeoutMs: options.timeout, pauseMs: options.pause, signal };
  const identity = await identityOf(link, unit.unitId, timing);
  if (maps.length === 0) return { identity, fits: [], sunSpec: null };
  const { findSunSpec, fitMap } = await import('../commission/scan.js');
  const sunSpec = await findSunSpec({ link, unitId: unit.unitId, timeoutMs: options.timeout, pauseMs: options.pause });
  const fits: Fit[] = [];
  const bar = startProgress(`unit ${unit.unitId}: comparing with register maps`);
  try {
    for (const [index, map] of maps.entries()) {
      if (signal.aborted) break;
      bar.show(index + 1, maps.length);
      if (!(await mayFit(map, { link, unitId: unit.unitId, timing }))) continue;
      const meter = meterFor(map, { ...target, unitId: unit.unitId, options });
      fits.push(await fitMap(map, { meter, link, clock: systemClock, signal }));
    }
  } finally {
    bar.stop();
  }
  return { identity, sunSpec, fits: fits.filter((fit) => fit.score > 0.2).sort((a, b) => b.score - a.score) };
}

/** False: the unit refuses the map's first, middle and last metric, so that asking for all of them is a waste of time. */
async function mayFit(
  { metrics }: RegisterMap,
  { link, unitId, timing }: { readonly link: Link; readonly unitId: number; readonly timing: ReadOptions },
): Promise<boolean> {
  const samples = new Set([metrics[0], metrics[Math.floor(metrics.length / 2)], metrics.at(-1)]);
  for (const metric of samples) {
    if (metric === undefined) continue;
    try {
      await link.read({ unitId, function: metric.function, start: metric.address, count: metric.size }, timing);
      return true;
    } catch (error) {
      if (!(error instanceof ModbusFailure) || error.kind !== 'exception') return true;
    }
  }
  return false;
}

/** Vendor, product, revision, model as the device tells them (function 43/14); empty: it does not. */
async function identityOf(link: Link, unitId: number, timing: ReadOptions): Promise<string> {
  try {
    const { objects } = await link.identify(unitId, timing);
    return [...objects.values()].filter((text) => text !== '').join(', ');
  } catch (error) {
    if (error instanceof ModbusFailure) return '';
    throw error;
  }
}

function meterFor(map: RegisterMap, at: Target & { readonly unitId: number; readonly options: Options }): Meter {
  const { options, ...where } = at;
  return {
    ...where,
    name: map.name,
    mapName: map.name,
    metrics: map.metrics.filter(({ read }) => read !== 'once'),
    mapFile: map.file,
    worksheet: 'Metrics',
    schedule: { text: '', cron: '', intervalMs: null, timezone: 'UTC' },
    ctRatio: 1,
    ptRatio: 1,
    timeoutMs: options.timeout,
    retries: 0,
    retryWaitMs: 0,
    pauseMs: Math.max(options.pause, map.limits.pauseMs ?? 0),
    maxRegisters: map.limits.maxRegisters ?? 125,
    maxGap: map.limits.maxGap ?? 32,
  };
}

async function loadMaps(folder: string | undefined): Promise<RegisterMap[]> {
  const files = folder === undefined ? shippedMapFiles() : shippedMapFiles(folder);
  if (files.length === 0) {
    throw new EmdcError({
      code: 'no-such-file',
      message: `there are no register maps in ${folder}`,
      hint: 'Name a folder with .xlsx or .csv files, or leave --maps out.',
    });
  }
  const { checkRegisterMap } = await import('../register-map/load.js');
  return files.flatMap((file) => checkRegisterMap(file).map ?? []);
}
