// From meters as written to meters as the program uses them: every key judged, maps loaded (each once), and what holds
// between meters checked.

import { InvalidInput, type Problem } from '../model/errors.js';
import type { Meter, RegisterMap } from '../model/meter.js';
import { completeMeter } from './complete-meter.js';
import { Expected } from './format-error.js';
import { formats } from './formats.js';
import type { InputFiles } from './input-files.js';
import { checkDrafts, checkMeter, type Draft, keyOf, missing } from './meter-checks.js';
import { type Key, type MeterKeyName, type MeterValues, meterKeyNames, meterKeys } from './schema.js';
import type { Settings } from './settings.js';
import { problemAt, type RawMeter } from './source-value.js';

/** Reads a register map: `checkRegisterMap` of register-map/load. */
export type MapLoader = (
  file: string,
  options: { readonly worksheet?: string },
) => { readonly map: RegisterMap | null; readonly problems: readonly Problem[] };

export interface MeterSources {
  readonly settings: Settings;
  readonly inputs: InputFiles;
  readonly loadMap: MapLoader;
  /** `optional`: a meter without a map has no metrics. */
  readonly maps: 'needed' | 'optional';
}

const noMap: RegisterMap = {
  name: '',
  file: '',
  metrics: [],
  limits: { maxRegisters: null, maxGap: null, pauseMs: null, connectDelayMs: null },
  identity: { serialNumber: null, model: null, firmware: null },
};

/** Adds to `problems`; the meters returned are complete only where none of those is an error. */
export function buildMeters(raws: readonly RawMeter[], sources: MeterSources, problems: Problem[]): Meter[] {
  const drafts = raws.map((raw): Draft => ({ raw, values: judgeMeter(raw, sources, problems) }));
  checkDrafts(drafts, problems);
  const maps = new Map<string, RegisterMap | null>();
  const meters: Meter[] = [];
  const named = new Set<string>();
  for (const draft of drafts) {
    const map = mapOf(draft, maps, sources, problems);
    const { values, explicit } = sources.settings;
    if (!map || !values) continue;
    const meter = completeMeter(draft, map, { values, explicit });
    checkMeter(draft, meter, { named, problems });
    meters.push(meter);
  }
  return meters;
}

function judgeMeter(raw: RawMeter, { maps }: MeterSources, problems: Problem[]): MeterValues {
  const values: Partial<Record<MeterKeyName, unknown>> = {};
  const needed = (name: MeterKeyName): boolean =>
    name === 'name' || (name === 'host' && !raw.keys.has('serial')) || (name === 'map' && maps === 'needed');
  for (const name of meterKeyNames) {
    const definition: Key = meterKeys[name];
    const written = raw.keys.get(name) ?? missing(raw, name);
    if (written.value === undefined && !needed(name)) {
      if (definition.default !== null) values[name] = formats[definition.format](definition.default, definition);
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
    problems.push(problemAt(raw, { rule: 'file', expected: `expected a register map: ${inputs.advice(path, raw)}` }));
  }
  const loaded = file === null ? null : loadMap(file, worksheet === '' ? {} : { worksheet });
  if (loaded) problems.push(...loaded.problems);
  maps.set(key, loaded?.map ?? null);
  return loaded?.map ?? null;
}

/** Throws InvalidInput where one of the problems is an error; otherwise all of them are warnings. */
export function refuseErrors(what: string, problems: readonly Problem[]): void {
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length > 0) throw new InvalidInput(what, errors);
}
