// What has to hold between the keys of a meter, and between meters. Adds to a list of problems; decides nothing else.

import type { Problem } from '../model/errors.js';
import type { Meter } from '../model/meter.js';
import type { MeterKeyName, MeterValues } from './schema.js';
import { problemAt, type Raw, type RawMeter } from './source-value.js';

/** A meter of which every key is judged. */
export interface Draft {
  readonly raw: RawMeter;
  /** Those that were in order, and defaults. */
  readonly values: MeterValues;
}

export const missing = (raw: RawMeter, name: MeterKeyName): Raw => ({
  value: undefined,
  file: raw.file,
  place: raw.placeOf(name),
});

/** The key as written, or where it would be written. */
export const keyOf = ({ raw }: Draft, name: MeterKeyName): Raw => raw.keys.get(name) ?? missing(raw, name);

export function checkDrafts(drafts: readonly Draft[], problems: Problem[]): void {
  checkNames(drafts, problems);
  checkFormerNames(drafts, problems);
  for (const draft of drafts) checkTransport(draft, problems);
  checkUnits(drafts, problems);
  checkSharedLines(drafts, problems);
}

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

function checkFormerNames(drafts: readonly Draft[], problems: Problem[]): void {
  const names = new Set(drafts.map(({ values }) => values.name));
  const seen = new Map<string, string>();
  for (const draft of drafts) {
    const { was } = draft.values;
    if (was === undefined) continue;
    const before = seen.get(was);
    seen.set(was, keyOf(draft, 'was').place);
    const complain = (expected: string) =>
      problems.push(problemAt(keyOf(draft, 'was'), { rule: 'former-name', expected }));
    if (names.has(was))
      complain('expected a name that no meter has any more: its history is that of the meter of this name');
    else if (before !== undefined) complain(`expected a former name of its own: ${before} has this one`);
  }
}

const lineKeys = ['baudRate', 'parity', 'dataBits', 'stopBits'] as const satisfies readonly MeterKeyName[];

/** A meter is reached by TCP or by a serial port, and has the keys of that alone. */
function checkTransport(draft: Draft, problems: Problem[]): void {
  const { keys } = draft.raw;
  const complain = (name: MeterKeyName, expected: string) =>
    problems.push(problemAt(keyOf(draft, name), { rule: 'transport', expected }));
  if (!keys.has('serial')) {
    for (const name of lineKeys)
      if (keys.has(name)) complain(name, 'expected `serial` beside it: TCP has no such setting');
    return;
  }
  if (keys.has('host')) complain('serial', 'expected either `host` or `serial`, not both');
  else if (keys.has('port')) complain('port', 'expected none: a serial port has no TCP port');
  if (draft.values.framing === 'mbap' && keys.has('framing'))
    complain('framing', 'expected rtu, or none: a serial port carries RTU frames');
  if (keys.has('transactionId')) complain('transactionId', 'expected none: RTU frames have no transaction id');
}

/** Where the meter is, for messages and to find the same one twice. */
function placeOf({ host, port, serial }: MeterValues): string | null {
  if (serial !== undefined) return serial;
  return host === undefined ? null : `${host.toLowerCase()} port ${port}`;
}

function checkUnits(drafts: readonly Draft[], problems: Problem[]): void {
  const seen = new Map<string, string>();
  for (const draft of drafts) {
    const { unitId, name } = draft.values;
    const place = placeOf(draft.values);
    if (place === null) continue;
    const key = `${place} unit ${unitId}`;
    const before = seen.get(key);
    if (before === undefined) seen.set(key, name ?? draft.raw.place);
    else {
      const raw = { ...keyOf(draft, draft.values.serial === undefined ? 'host' : 'serial'), value: key };
      const expected = `the same Modbus unit as ${before}: it is read twice`;
      problems.push(problemAt(raw, { rule: 'duplicate-unit', expected, severity: 'warning' }));
    }
  }
}

/** Meters that share a connection must agree about it. */
function checkSharedLines(drafts: readonly Draft[], problems: Problem[]): void {
  const first = new Map<string, Draft>();
  for (const draft of drafts) {
    const place = placeOf(draft.values);
    if (place === null) continue;
    const other = first.get(place);
    if (other === undefined) {
      first.set(place, draft);
      continue;
    }
    const keys: readonly MeterKeyName[] = draft.values.serial === undefined ? ['framing'] : lineKeys;
    for (const name of keys) {
      if (draft.values[name] === other.values[name]) continue;
      const raw = { ...keyOf(draft, name), value: draft.values[name] };
      const expected = `expected ${other.values[name]}, as ${other.values.name ?? other.raw.place} has it: both are on ${place}`;
      problems.push(problemAt(raw, { rule: 'shared-line', expected }));
    }
  }
}

/** What holds between a meter and its map. `named` has the maps that were warned about already. */
export function checkMeter(
  draft: Draft,
  meter: Meter,
  { named, problems }: { readonly named: Set<string>; readonly problems: Problem[] },
): void {
  checkRequestSize(draft, meter, problems);
  checkRatios(draft, meter, problems);
  checkCounterUnits(draft, meter, { named, problems });
}

/** A metric is never split over two requests, so one that is wider than a request could never be read. */
function checkRequestSize(draft: Draft, meter: Meter, problems: Problem[]): void {
  const all = [...meter.metrics, ...(meter.onceMetrics ?? [])];
  const registers = all.filter((metric) => metric.function === 'holding' || metric.function === 'input');
  const widest = registers.reduce((most, { size }) => Math.max(most, size), 0);
  if (widest <= meter.maxRegisters) return;
  const raw = { ...keyOf(draft, 'maxRegisters'), value: meter.maxRegisters };
  const expected = `expected at least ${widest}, the registers of the widest metric of ${meter.mapName}`;
  problems.push(problemAt(raw, { rule: 'request-size', expected }));
}

/** A forgotten ratio gives values that look right and are too small by a factor of 20 or more. */
function checkRatios(draft: Draft, meter: Meter, problems: Problem[]): void {
  const behind = (key: 'ctRatio' | 'ptRatio') => {
    const side = key === 'ctRatio' ? 'secondary-current' : 'secondary-voltage';
    return meter.metrics.filter((metric) => metric.side === side || metric.side === 'secondary-power');
  };
  for (const key of ['ctRatio', 'ptRatio'] as const) {
    const metrics = behind(key);
    if (metrics.length === 0 || draft.raw.keys.has(key)) continue;
    const expected = `${metricNames(metrics)} of ${meter.mapName} are measured behind ${key === 'ctRatio' ? 'current' : 'voltage'} transformers, and values are taken as they are: set ${key}, or write ${key}: 1 if there are none`;
    problems.push(problemAt({ ...keyOf(draft, key), value: 1 }, { rule: 'ratio', expected, severity: 'warning' }));
  }
}

/** Energy without a unit may be Wh or kWh: the map waits for somebody who knows the meter's settings. */
function checkCounterUnits(
  draft: Draft,
  meter: Meter,
  { named, problems }: { readonly named: Set<string>; readonly problems: Problem[] },
): void {
  const without = meter.metrics.filter(({ kind, unit }) => kind.type === 'counter' && unit === '');
  if (without.length === 0 || named.has(meter.mapFile)) return;
  named.add(meter.mapFile);
  const expected = `${metricNames(without)} have no unit, so energy cannot be summed: copy the map, and set Scaling Factor and Unit as the meter is set (its sheet Notes says how)`;
  problems.push(problemAt(keyOf(draft, 'map'), { rule: 'no-unit', expected, severity: 'warning' }));
}

const SHOWN = 4;

/** `24 metrics (Current_A, Current_B, … )` */
function metricNames(metrics: readonly { readonly name: string }[]): string {
  const names = metrics.slice(0, SHOWN).map(({ name }) => name);
  const rest = metrics.length > SHOWN ? ', …' : '';
  return `${metrics.length === 1 ? '1 metric' : `${metrics.length} metrics`} (${names.join(', ')}${rest})`;
}
