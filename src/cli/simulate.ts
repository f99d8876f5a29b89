// `emdc simulate`: meters that are not there, from register maps, for trying things out. With faults, if wanted.

import process from 'node:process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { meterKeys } from '../config/schema.js';
import { EmdcError, messageOf } from '../model/errors.js';
import type { RegisterFunction, RegisterMap, SerialLine } from '../model/meter.js';
import { loadRegisterMap } from '../register-map/load.js';
import { FAULTS, faultNamed } from '../simulate/faults.js';
import { type MeterServer, startMeterServer } from '../simulate/meter-server.js';
import { type SimulatedMeter, simulateMeter } from '../simulate/simulated-meter.js';
import { withExamples } from './config-options.js';
import { findMap } from './maps.js';
import { duration, numberFrom, unitIds, unitIdsText, wholeNumber } from './option-values.js';
import { untilStopped } from './signals.js';

interface Options {
  readonly map: readonly MapChoice[];
  readonly worksheet?: string;
  readonly host: string;
  readonly port: number;
  readonly framing: 'mbap' | 'rtu';
  readonly serial?: string;
  readonly baudRate: number;
  readonly parity: 'none' | 'even' | 'odd';
  readonly units: readonly number[];
  readonly count: number;
  readonly latency: number;
  readonly faults: readonly string[];
  readonly faultRate: number;
  readonly seed: number;
  readonly ctRatio: number;
  readonly ptRatio: number;
}

/** A map as written, and the units that it was written for; null: it takes turns with the others. */
interface MapChoice {
  readonly text: string;
  readonly units: readonly number[] | null;
}

interface LoadedChoice extends MapChoice {
  readonly map: RegisterMap;
}

/** `eastron-sdm630:1-5` */
function mapChoices(text: string, before: readonly MapChoice[] | undefined): MapChoice[] {
  const [, file = text, units] = /^(.+?)(?::([\d,-]+))?$/.exec(text) ?? [];
  return [...(before ?? []), { text: file, units: units === undefined ? null : unitIds(units) }];
}

export const simulateCommand = (): Command =>
  withExamples(new Command('simulate'), [
    'simulate --map eastron-sdm630',
    'simulate --map eastron-sdm630:1-5 schneider-iem3000:6-10   a gateway with two kinds of meters',
    'simulate --map my-meter.xlsx --count 100 --latency 20ms',
    'simulate --map eastron-sdm630 --faults timeout --fault-rate 0.1',
  ])
    .description(
      'Simulates Modbus meters from register maps, with believable values that change every second. Registers that the map does not have are refused.',
    )
    .addOption(
      new Option(
        '--map <file...>',
        'register maps, by file or name; several take turns, or have their units behind them: NAME:1-5',
      )
        .argParser(mapChoices)
        .makeOptionMandatory(),
    )
    .option('--worksheet <name>', 'worksheet of the register map (default: Metrics)')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port of the first meter, 0 for any free one', wholeNumber(0, 65_535), 5020)
    .addOption(new Option('--framing <frames>', meterKeys.framing.doc).choices(['mbap', 'rtu']).default('mbap'))
    .option('--serial <path>', 'answer on this serial port instead of TCP')
    .option('--baud-rate <rate>', 'of the serial port', wholeNumber(300, 1_000_000), 9600)
    .addOption(new Option('--parity <parity>', meterKeys.parity.doc).choices(['none', 'even', 'odd']).default('even'))
    .option('--units <list>', 'unit ids behind each port, e.g. 1-10,20', unitIds, [1])
    .option('--count <number>', 'ports to serve, one after the other', wholeNumber(1, 10_000), 1)
    .option('--latency <duration>', 'time until a response, e.g. 20ms', duration, 0)
    .option('--faults <names>', 'what the meters do wrong, by turns: NAME[:NUMBER],…', faultList, [])
    .option('--fault-rate <share>', 'share of the requests that meet a fault, 0–1', numberFrom(0, 1), 1)
    .option('--seed <number>', 'other values for another number', wholeNumber(0, 1_000_000_000), 1)
    .option('--ct-ratio <number>', 'current transformers, for maps with secondary values', numberFrom(1e-6), 1)
    .option('--pt-ratio <number>', 'voltage transformers, for maps with secondary values', numberFrom(1e-6), 1)
    .addHelpText(
      'after',
      () => `\nFaults:\n${FAULTS.map(({ name, text }) => `  ${name.padEnd(22)} ${text}`).join('\n')}`,
    )
    .action(simulate);

async function simulate(options: Options): Promise<void> {
  const worksheet = options.worksheet === undefined ? {} : { worksheet: options.worksheet };
  const choices = options.map.map(
    (choice): LoadedChoice => ({ ...choice, map: loadRegisterMap(findMap(choice.text), worksheet).map }),
  );
  const servers: MeterServer[] = [];
  try {
    for (let index = 0; index < (options.serial === undefined ? options.count : 1); index++) {
      const units = unitsOf(choices, options, index);
      servers.push(
        await serve(
          units.map(({ meter }) => meter),
          { options, index },
        ),
      );
      describe(units, { options, port: servers.at(-1)?.port ?? 0 });
    }
    if (options.faults.length > 0) say(`with faults: ${options.faults.join(', ')}`);
    tellHowToRead(choices, { options, port: servers[0]?.port ?? 0 });
    await untilStopped();
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

interface Unit {
  readonly meter: SimulatedMeter;
  readonly map: RegisterMap;
}

/** The units behind one port: those that maps were written for, and the others by turns. */
function unitsOf(choices: readonly LoadedChoice[], options: Options, port: number): Unit[] {
  const assigned = choices.flatMap(({ map, units }) => (units ?? []).map((unitId) => ({ unitId, map })));
  const inTurn = choices.filter(({ units }) => units === null).map(({ map }) => map);
  const others = inTurn.length === 0 ? [] : options.units.filter((id) => !assigned.some(({ unitId }) => unitId === id));
  const turns = others.map((unitId, index) => ({
    unitId,
    map: inTurn[(port * others.length + index) % inTurn.length] as RegisterMap,
  }));
  const { ctRatio, ptRatio, seed } = options;
  return [...assigned, ...turns].map(({ unitId, map }) => {
    const meter = simulateMeter({
      map,
      unitId,
      ctRatio,
      ptRatio,
      seed: seed + port * 256 + unitId,
      undefinedRegisters: 'refuse',
    });
    fillGaps(meter, map);
    return { meter, map };
  });
}

const SMALL_GAP = 32;

/** Registers between those of the map read as 0, as meters mostly have it, so that requests may read over them. */
function fillGaps({ image }: SimulatedMeter, { metrics, limits }: RegisterMap): void {
  const tables: readonly RegisterFunction[] = ['holding', 'input', 'coil', 'discrete'];
  for (const table of tables) {
    const own = metrics.filter((metric) => metric.function === table).sort((a, b) => a.address - b.address);
    let end: number | null = null;
    for (const { address, size } of own) {
      const gap: number = end === null ? 0 : address - end;
      if (end !== null && gap > 0 && gap <= (limits.maxGap ?? SMALL_GAP)) image.set(table, end, new Array(gap).fill(0));
      end = Math.max(end ?? 0, address + size);
    }
  }
}

async function serve(units: readonly SimulatedMeter[], { options, index }: { options: Options; index: number }) {
  const { host, latency, faults, faultRate, framing, serial, baudRate, parity } = options;
  const line: SerialLine | null =
    serial === undefined ? null : { path: serial, baudRate, parity, dataBits: 8, stopBits: 1 };
  const port = options.port === 0 ? 0 : options.port + index;
  const server = await startMeterServer({
    units,
    host,
    port,
    latencyMs: latency,
    framing,
    ...(line ? { serial: line } : {}),
  }).catch((cause: unknown) => {
    throw new EmdcError({
      code: 'simulator-not-opened',
      message: `the simulated meters cannot use ${serial ?? `${host}:${port}`}: ${messageOf(cause)}`,
      hint: serial === undefined ? 'Choose another --port; 0 takes a free one.' : 'Is it there, and may you use it?',
      cause,
    });
  });
  await server.setFault(faults, { rate: faultRate });
  return server;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function describe(units: readonly Unit[], { options, port }: { options: Options; port: number }): void {
  const place = options.serial ?? `${options.host}:${port}`;
  for (const map of new Set(units.map((unit) => unit.map))) {
    const ids = units.filter((unit) => unit.map === map).map(({ meter }) => meter.unitId);
    say(`${map.name} (${map.metrics.length} metrics) at ${place}, unit ${unitIdsText(ids)}`);
  }
}

function tellHowToRead([first]: readonly LoadedChoice[], { options, port }: { options: Options; port: number }): void {
  const { serial, baudRate, parity, framing, host } = options;
  const where =
    serial === undefined
      ? `${host}:${port}${framing === 'rtu' ? ' --framing rtu' : ''}`
      : `--serial ${serial} --baud-rate ${baudRate} --parity ${parity}`;
  say(`Read one: emdc read ${where} --unit ${first?.units?.[0] ?? options.units[0]} --map ${first?.text}`);
  say('Ctrl-C ends it.');
}

function faultList(text: string): string[] {
  try {
    return text.split(',').map((name) => faultNamed(name.trim()).name);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}
