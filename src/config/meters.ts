// From meters as written to meters as the program uses them: every key judged, names unique, maps loaded (each once), and
// what the map knows of its meter taken as default where the configuration is silent.

import { InvalidInput, type Problem } from '../model/errors.js';
import type { Meter, RegisterMap } from '../model/meter.js';
import { Expected } from './format-error.js';
import { formats } from './formats.js';
import type { InputFiles } from './input-files.js';
import { type Key, type MeterKeyName, type MeterValues, meterKeyNames, meterKeys } from './schema.js';
import type { Settings } from './settings.js';
import { problemAt, type Raw, type RawMeter } from './source-value.js';

/** Reads a register map: `checkRegisterMap` of register-map/load. */
export type MapLoader = (
  file: string,
  options: { readonly worksheet?: string },
) => { readonly map: RegisterMap | null; readonly problems: readonly Problem[] };

/** A meter whose own keys are in order. */
interface Draft {
  readonly raw: RawMeter;
  readonly values: MeterValues;
}

export interface MeterSources {
  readonly settings: Settings;
  readonly inputs: InputFiles;
  readonly loadMap: MapLoader;
  readonly maps: 'needed' | 'optional';
}

const noMap: RegisterMap = {
  name: '',
  file: '',
  metrics: [],
  limits: { maxRegisters: null, maxGap: null, pauseMs: null, connectDelayMs: null },
  identity: { serialNumber: null, model: null, firmware: null },
};

/** Gathers into `problems`; the meters returned are complete only where none of those is an error. */
export function buildMeters(raws: readonly RawMeter[], sources: MeterSources, problems: Problem[]): Meter[] {
  const drafts = raws.map((raw) => ({ raw, values: judgeMeter(raw, sources, problems) }));
  checkNames(drafts, problems);
  checkUnits(drafts, problems);
  const maps = new Map<string, RegisterMap | null>();
  const meters: Meter[] = [];
  for (const draft of drafts) {
    const map = mapOf(draft, maps, sources, problems);
    const { values } = sources.settings;
    if (!map || !values) continue;
    const meter = completeMeter(draft, map, { ...sources.settings, values });
    checkRequestSize(draft, meter, problems);
    meters.push(meter);
  }
  return meters;
}

/** A metric is never split over two requests, so one that is wider than a request could never be read. */
function checkRequestSize(draft: Draft, meter: Meter, problems: Problem[]): void {
  const registers = meter.metrics.filter((metric) => metric.function === 'holding' || metric.function === 'input');
  const widest = registers.reduce((most, { size }) => Math.max(most, size), 0);
  if (widest <= meter.maxRegisters) return;
  const raw = { ...keyOf(draft, 'maxRegisters'), value: meter.maxRegisters };
  const expected = `expected at least ${widest}, the registers of the widest metric of ${meter.mapName}`;
  problems.push(problemAt(raw, { rule: 'request-size', expected }));
}

function judgeMeter(raw: RawMeter, { maps }: MeterSources, problems: Problem[]): MeterValues {
  const values: Partial<Record<MeterKeyName, unknown>> = {};
  for (const name of meterKeyNames) {
    const definition: Key = meterKeys[name];
    const written = raw.keys.get(name) ?? missing(raw, name);
    const needed = name === 'name' || name === 'host' || (name === 'map' && maps === 'needed');
    if (written.value === undefined && !needed) {
      if (definition.default !== null) values[name] = definition.default;
      continue;
    }
    try {
      values[name] = formats[definition.format](written.value, definition);
    } catch (error) {
      if (!(error instanceof Expected)) throw error;
      problems.push(problemAt(written, { rule: 'value', expected: `expected ${error.message}` }));
    }
  }
  return values as MeterValues;
}

const missing = (raw: RawMeter, name: MeterKeyName): Raw => ({
  value: undefined,
  file: raw.file,
  place: raw.placeOf(name),
});

const keyOf = ({ raw }: Draft, name: MeterKeyName): Raw => raw.keys.get(name) ?? missing(raw, name);

function checkNames(drafts: readonly Draft[], problems: Problem[]): void {
  const seen = new Map<string, string>();
  for (const draft of drafts) {
    const { name } = draft.values;
    if (name === undefined) continue;
    // The databases' collations differ in case; names that do not are safe everywhere.
    const key = name.toLowerCase();
    const before = seen.get(key);
    if (before === undefined) seen.set(key, keyOf(draft, 'name').place);
    else {
      const expected = `expected a name of its own: ${before} has this one`;
      problems.push(problemAt(keyOf(draft, 'name'), { rule: 'duplicate-name', expected }));
    }
  }
}

function checkUnits(drafts: readonly Draft[], problems: Problem[]): void {
  const seen = new Map<string, string>();
  for (const draft of drafts) {
    const { host, port, unitId, name } = draft.values;
    if (host === undefined) continue;
    const key = `${host.toLowerCase()} port ${port} unit ${unitId}`;
    const before = seen.get(key);
    if (before === undefined) seen.set(key, name ?? draft.raw.place);
    else {
      const raw = { ...keyOf(draft, 'host'), value: key };
      const expected = `the same Modbus unit as ${before}: it is read twice`;
      problems.push(problemAt(raw, { rule: 'duplicate-unit', expected, severity: 'warning' }));
    }
  }
}

function mapOf(
  draft: Draft,
  maps: Map<string, RegisterMap | null>,
  { inputs, loadMap, maps: kind }: MeterSources,
  problems: Problem[],
): RegisterMap | null {
  const { map: path, worksheet = '' } = draft.values;
  if (path === undefined) return kind === 'optional' ? noMap : null;
  const raw = keyOf(draft, 'map');
  const file = inputs.find(path, raw);
  const key = `${file ?? path}\n${worksheet}`;
  const known = maps.get(key);
  if (known !== undefined) return known;
  if (file === null) {
    const expected = `expected an existing file; looked in ${inputs.places(raw).join(', ')}`;
    problems.push(problemAt(raw, { rule: 'file', expected }));
  }
  const loaded = file === null ? null : loadMap(file, worksheet === '' ? {} : { worksheet });
  if (loaded) problems.push(...loaded.problems);
  maps.set(key, loaded?.map ?? null);
  return loaded?.map ?? null;
}

type Complete = Settings & { readonly values: NonNullable<Settings['values']> };

function completeMeter({ values: own, raw }: Draft, map: RegisterMap, { values, explicit }: Complete): Meter {
  const { text, cron, intervalMs } = own.schedule ?? values.schedule;
  return Object.freeze({
    name: own.name ?? raw.place,
    host: own.host ?? '',
    port: own.port ?? 502,
    unitId: own.unitId ?? 1,
    mapName: map.name,
    metrics: map.metrics,
    mapFile: map.file,
    worksheet: own.worksheet ?? 'Metrics',
    // An interval's slots are counted from midnight UTC, so that every collector and every query sees the same grid.
    schedule: Object.freeze({ text, cron, intervalMs, timezone: intervalMs === null ? values.timezone : 'UTC' }),
    ctRatio: own.ctRatio ?? 1,
    ptRatio: own.ptRatio ?? 1,
    timeoutMs: own.timeout ?? values['modbus.timeout'],
    retries: own.retries ?? values['modbus.retries'],
    retryWaitMs: own.retryWait ?? values['modbus.retryWait'],
    pauseMs: own.pause ?? limited('modbus.pause', map.limits.pauseMs),
    maxRegisters: own.maxRegisters ?? limited('modbus.maxRegisters', map.limits.maxRegisters),
    maxGap: own.maxGap ?? limited('modbus.maxGap', map.limits.maxGap),
  });

  function limited(key: 'modbus.pause' | 'modbus.maxRegisters' | 'modbus.maxGap', ofMap: number | null): number {
    return explicit.has(key) ? values[key] : (ofMap ?? values[key]);
  }
}

/** Throws InvalidInput where one of the problems is an error; otherwise all of them are warnings. */
export function refuseErrors(what: string, problems: readonly Problem[]): void {
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length > 0) throw new InvalidInput(what, errors);
}
