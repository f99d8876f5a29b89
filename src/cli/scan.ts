// `emdc scan`: what answers behind a host, which of the shipped maps fits it, and what SunSpec says of itself.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { Command, Option } from 'commander';
import type { Fit, FoundUnit, SunSpecModel } from '../commission/scan.js';
import { systemClock } from '../model/clock.js';
import type { Meter, RegisterMap } from '../model/meter.js';
import { packageRoot } from '../model/paths.js';
import { failed } from './exit.js';
import { duration, unitIds, wholeNumber } from './option-values.js';

interface Options {
  readonly port: number;
  readonly units: readonly number[];
  readonly timeout: number;
  readonly pause: number;
  readonly maps: string;
  readonly fit: boolean;
  readonly json?: true;
}

interface ScannedUnit extends FoundUnit {
  readonly fits: readonly Fit[];
  readonly sunSpec: { readonly base: number; readonly models: readonly SunSpecModel[] } | null;
}

export const scanCommand = (): Command =>
  new Command('scan')
    .description(
      'Asks which unit ids answer behind a host, which register map explains best what each of them holds, and what SunSpec models it lists. Reads only, one request at a time over one connection.',
    )
    .argument('<host>', 'address of the meter or gateway')
    .addOption(new Option('-p, --port <port>', 'TCP port').default(502).argParser(wholeNumber(1, 65_535)))
    .addOption(
      new Option('-u, --units <ids>', 'unit ids to try, as in 1-10,247')
        .default(unitIds('1-247'), '1-247')
        .argParser(unitIds),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long an answer may take').default(500, '500ms').argParser(duration),
    )
    .addOption(new Option('--pause <duration>', 'rest after each request').default(20, '20ms').argParser(duration))
    .option('--maps <folder>', 'register maps to try', join(packageRoot, 'register-maps'))
    .option('--no-fit', 'only look which unit ids answer')
    .option('--json', 'print JSON')
    .action(async (host: string, options: Options) => {
      process.exitCode = await scan(host, options);
    });

async function scan(host: string, options: Options): Promise<number> {
  const { openLinkPool } = await import('../modbus/pool.js');
  const { scanUnits } = await import('../commission/scan.js');
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const pool = openLinkPool();
  const link = pool.link({ host, port: options.port });
  const timing = { timeoutMs: options.timeout, pauseMs: options.pause };
  const worst = (options.units.length * (options.timeout + options.pause)) / 1000;
  const say = (line: string): void => void process.stderr.write(line);
  say(`${host}:${options.port}: trying ${options.units.length} unit ids, ${Math.ceil(worst)} s at the most\n`);
  const bar = await progressBar(options.units.length);
  try {
    const found = await scanUnits({
      link,
      unitIds: options.units,
      ...timing,
      monotonic: systemClock.monotonic,
      signal: stop.signal,
      onProgress: (done, units) => bar.update(done, { units }),
    });
    bar.stop();
    const maps = options.fit && found.length > 0 ? await loadMaps(options.maps) : [];
    const units: ScannedUnit[] = [];
    for (const unit of alike(found) ? found.slice(0, 1) : found) {
      if (maps.length > 0) say(`unit ${unit.unitId}: comparing with ${maps.length} register maps …\n`);
      units.push({ ...unit, ...(await identify({ host, unit, maps, options, link, signal: stop.signal })) });
    }
    const text = options.json ? JSON.stringify(asJson(found, units), null, 2) : asText(found, units);
    process.stdout.write(`${text}\n`);
    return found.length > 0 ? 0 : failed;
  } finally {
    bar.stop();
    await pool.close();
  }
}

/** A device without units behind it answers under every id. */
const alike = (found: readonly FoundUnit[]): boolean => found.length > 32;

async function identify(context: {
  readonly host: string;
  readonly unit: FoundUnit;
  readonly maps: readonly RegisterMap[];
  readonly options: Options;
  readonly link: import('../modbus/reader.js').Link;
  readonly signal: AbortSignal;
}): Promise<Pick<ScannedUnit, 'fits' | 'sunSpec'>> {
  const { host, unit, maps, options, link, signal } = context;
  if (maps.length === 0) return { fits: [], sunSpec: null };
  const { findSunSpec, fitMap } = await import('../commission/scan.js');
  const timing = { timeoutMs: options.timeout, pauseMs: options.pause };
  const sunSpec = await findSunSpec({ link, unitId: unit.unitId, ...timing });
  const fits: Fit[] = [];
  for (const map of maps) {
    if (signal.aborted) break;
    const meter = meterOf(map, { host, unitId: unit.unitId, options });
    fits.push(await fitMap(map, { meter, link, clock: systemClock, signal }));
  }
  return { sunSpec, fits: fits.filter((fit) => fit.score > 0.2).sort((a, b) => b.score - a.score) };
}

const meterOf = (
  map: RegisterMap,
  { host, unitId, options }: { host: string; unitId: number; options: Options },
): Meter => ({
  name: map.name,
  host,
  port: options.port,
  unitId,
  mapName: map.name,
  metrics: map.metrics,
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
});

async function loadMaps(folder: string): Promise<RegisterMap[]> {
  const { checkRegisterMap } = await import('../register-map/load.js');
  return readdirSync(folder)
    .filter((file) => /\.(xlsx|csv)$/i.test(file) && !file.startsWith('~$'))
    .flatMap((file) => checkRegisterMap(join(folder, file)).map ?? []);
}

async function progressBar(
  total: number,
): Promise<{ update(done: number, payload: { units: number }): void; stop(): void }> {
  const { SingleBar } = await import('cli-progress');
  const bar = new SingleBar({
    format: '[{bar}] {value}/{total} asked, {units} answered, {eta} s left',
    stream: process.stderr,
    clearOnComplete: true,
  });
  if (process.stderr.isTTY) bar.start(total, 0, { units: 0 });
  return bar;
}

function asText(found: readonly FoundUnit[], units: readonly ScannedUnit[]): string {
  if (found.length === 0) return 'No unit id answered.';
  const lines: string[] = [];
  if (alike(found)) {
    lines.push(`${found.length} unit ids answered: likely one device that answers under any of them.`);
  }
  for (const { unitId, answer, roundTripMs, fits, sunSpec } of units) {
    const how = answer === 'data' ? '' : `, register 0 refused with exception ${answer}`;
    lines.push(`unit ${unitId}: answers in ${roundTripMs.toFixed(1)} ms${how}`);
    for (const { map, readable, expected, held, broken } of fits.slice(0, 3)) {
      lines.push(`  ${map.name}: ${readable} of ${expected} metrics, ${held} checks agree, ${broken} do not`);
    }
    if (fits.length === 0) lines.push('  no register map explains what it holds');
    if (sunSpec) {
      lines.push(
        `  SunSpec at ${sunSpec.base}: models ${sunSpec.models.map(({ id, address }) => `${id} (at ${address})`).join(', ')}`,
      );
    }
  }
  return lines.join('\n');
}

const asJson = (found: readonly FoundUnit[], units: readonly ScannedUnit[]): unknown => ({
  answered: found.map(({ unitId }) => unitId),
  units: units.map(({ unitId, answer, roundTripMs, fits, sunSpec }) => ({
    unit_id: unitId,
    answer,
    round_trip_ms: roundTripMs,
    sunspec: sunSpec,
    maps: fits.map(({ map, readable, expected, held, broken, score }) => ({
      map: map.name,
      readable,
      expected,
      held,
      broken,
      score,
    })),
  })),
});
