// `emdc simulate`: meters that are not there, from register maps, for trying things out. With faults, if wanted.

import { once } from 'node:events';
import process from 'node:process';
import { Command, InvalidArgumentError } from 'commander';
import { formats } from '../config/formats.js';
import { messageOf } from '../model/errors.js';
import type { RegisterMap } from '../model/meter.js';
import { loadRegisterMap } from '../register-map/load.js';
import { FAULTS, faultNamed } from '../simulate/faults.js';
import { type MeterServer, startMeterServer } from '../simulate/meter-server.js';
import { simulateMeter } from '../simulate/simulated-meter.js';

interface Options {
  readonly map: readonly string[];
  readonly worksheet?: string;
  readonly host: string;
  readonly port: number;
  readonly units: readonly number[];
  readonly count: number;
  readonly latency: number;
  readonly faults: readonly string[];
  readonly faultRate: number;
  readonly seed: number;
  readonly ctRatio: number;
  readonly ptRatio: number;
}

export const simulateCommand = (): Command =>
  new Command('simulate')
    .description('Simulates Modbus TCP meters from register maps, with believable values that change every second.')
    .requiredOption('--map <file...>', 'register map; several take turns')
    .option('--worksheet <name>', 'worksheet of the register map (default: Metrics)')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port of the first meter, 0 for any free one', whole(0, 65_535), 5020)
    .option('--units <list>', 'unit ids behind each port, e.g. 1-10,20', unitList, [1])
    .option('--count <number>', 'ports to serve, one after the other', whole(1, 10_000), 1)
    .option('--latency <duration>', 'time until an answer, e.g. 20ms', duration, 0)
    .option('--faults <names>', 'what the meters do wrong, by turns: NAME[:NUMBER],…', faultList, [])
    .option('--fault-rate <share>', 'share of the requests that meet a fault, 0–1', fraction, 1)
    .option('--seed <number>', 'other values for another number', whole(0, 1_000_000_000), 1)
    .option('--ct-ratio <number>', 'current transformers, for maps with secondary values', positive, 1)
    .option('--pt-ratio <number>', 'voltage transformers, for maps with secondary values', positive, 1)
    .addHelpText(
      'after',
      () => `\nFaults:\n${FAULTS.map(({ name, text }) => `  ${name.padEnd(22)} ${text}`).join('\n')}`,
    )
    .action(simulate);

async function simulate(options: Options): Promise<void> {
  const maps = options.map.map(
    (file) => loadRegisterMap(file, options.worksheet === undefined ? {} : { worksheet: options.worksheet }).map,
  );
  const servers: MeterServer[] = [];
  try {
    for (let index = 0; index < options.count; index++) {
      const map = maps[index % maps.length] as RegisterMap;
      servers.push(await serve({ options, map, index }));
    }
    describe(options, servers, maps);
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

async function serve({ options, map, index }: { options: Options; map: RegisterMap; index: number }) {
  const { host, latency, ctRatio, ptRatio, faults, faultRate } = options;
  const units = options.units.map((unitId) =>
    simulateMeter({ map, unitId, ctRatio, ptRatio, seed: options.seed + index * 256 + unitId }),
  );
  const port = options.port === 0 ? 0 : options.port + index;
  const server = await startMeterServer({ units, host, port, latencyMs: latency });
  await server.setFault(faults, { rate: faultRate });
  return server;
}

function describe(
  { host, units, faults, map: files }: Options,
  servers: readonly MeterServer[],
  maps: readonly RegisterMap[],
) {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const first = servers[0] as MeterServer;
  servers.forEach((server, index) => {
    const map = maps[index % maps.length] as RegisterMap;
    say(`${map.name} (${map.metrics.length} metrics) at ${host}:${server.port}, unit ${rangesOf(units)}`);
  });
  if (faults.length > 0) say(`with faults: ${faults.join(', ')}`);
  say(`Read one: emdc read --host ${host} --port ${first.port} --unit ${units[0]} --map ${files[0]}`);
  say('Ctrl-C ends it.');
}

/** `1-3,7` */
function rangesOf(units: readonly number[]): string {
  const parts: { from: number; to: number }[] = [];
  for (const unit of units) {
    const last = parts.at(-1);
    if (last && unit === last.to + 1) last.to = unit;
    else parts.push({ from: unit, to: unit });
  }
  return parts.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

function whole(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number, ${min}–${max}.`);
    }
    return value;
  };
}

function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('Expected a number, 0–1.');
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

function unitList(text: string): number[] {
  const units = text.split(',').flatMap((part) => {
    const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
    const first = Number(from);
    const last = Number(to);
    if (from === undefined || last < first || last > 255) {
      throw new InvalidArgumentError('Expected unit ids from 0 to 255, such as 1-10,20.');
    }
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return [...new Set(units)];
}

function faultList(text: string): string[] {
  return translated(() => text.split(',').map((name) => faultNamed(name.trim()).name));
}

const duration = (text: string): number =>
  translated(
    () => formats.duration(text, { max: 600_000 }),
    (expected) => `Expected ${expected}.`,
  );

function translated<T>(parse: () => T, say = (message: string) => message): T {
  try {
    return parse();
  } catch (error) {
    throw new InvalidArgumentError(say(messageOf(error)));
  }
}
