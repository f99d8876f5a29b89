// What a new configuration changes, for the log of a reload. Pure.

import { isDeepStrictEqual } from 'node:util';
import { linkKeyOf, type Meter, type Metric } from '../model/meter.js';
import type { Config } from './config.js';

export interface Difference {
  /** All meters of the new configuration; those that did not change are the very objects of the old one. */
  readonly meters: readonly Meter[];
  /** `+ meter`, `- meter`, `~ meter: what`: one line each, in effect at once. */
  readonly changes: readonly string[];
  /** Settings that only a restart brings into effect. Names without values: some are secrets. */
  readonly needRestart: readonly string[];
}

export function difference(before: Config, after: Config): Difference {
  const known = new Map(before.meters.map((meter) => [meter.name, meter]));
  const changes: string[] = [];
  const meters = after.meters.map((meter) => {
    const old = known.get(meter.name);
    known.delete(meter.name);
    if (old === undefined) {
      changes.push(`+ ${meter.name}: ${meter.metrics.length} metrics, every ${meter.schedule.text}`);
      return meter;
    }
    if (isDeepStrictEqual(old, meter)) return old;
    changes.push(`~ ${meter.name}: ${meterChanges(old, meter).join(', ')}`);
    return meter;
  });
  for (const name of known.keys()) changes.push(`- ${name}`);
  return { meters, changes, needRestart: settingsThatDiffer(before, after) };
}

/** By their names in the configuration where they have one. */
function meterChanges(before: Meter, after: Meter): string[] {
  const changes: string[] = [];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)] as (keyof Meter)[]);
  // What follows from another key of the meter is not said twice.
  for (const key of ['mapHash', 'mapFile', 'identity', 'host', 'port', 'endpoint'] as const) keys.delete(key);
  const [from, to] = [connectionText(before), connectionText(after)];
  if (from !== to) changes.push(`connection ${from} → ${to}`);
  for (const key of keys) {
    if (isDeepStrictEqual(before[key], after[key])) continue;
    switch (key) {
      case 'metrics':
        changes.push(...metricChanges(before.metrics, after.metrics));
        break;
      case 'onceMetrics':
        changes.push('metrics that are read once');
        break;
      case 'schedule':
        changes.push(`schedule ${before.schedule.text} → ${after.schedule.text}`);
        break;
      default:
        changes.push(`${nameOf(key)} ${before[key] ?? 'none'} → ${after[key] ?? 'none'}`);
    }
  }
  return changes.length > 0
    ? changes
    : [before.mapFile === after.mapFile ? 'map' : `map ${before.mapFile} → ${after.mapFile}`];
}

/** `pauseMs` → `pause`, `mapName` → `map` */
const nameOf = (key: keyof Meter): string => (key === 'mapName' ? 'map' : key.replace(/(Ms|W)$/, ''));

function connectionText(meter: Meter): string {
  const { endpoint } = meter;
  if (endpoint?.type === 'serial') {
    const { baudRate, parity, dataBits, stopBits, path } = endpoint.line;
    return `${path} (${baudRate} ${dataBits}${parity.slice(0, 1).toUpperCase()}${stopBits})`;
  }
  return `${linkKeyOf(meter)}${endpoint?.framing === 'rtu' ? ' (RTU frames)' : ''}`;
}

/** A metric whose registers stay the same under another name was renamed. */
function metricChanges(before: readonly Metric[], after: readonly Metric[]): string[] {
  const old = new Map(before.map((metric) => [metric.name, metric]));
  const fresh = after.filter(({ name }) => !old.has(name));
  const changed = after.filter((metric) => old.has(metric.name) && !isDeepStrictEqual(old.get(metric.name), metric));
  for (const { name } of after) old.delete(name);
  const renamed: string[] = [];
  const added: string[] = [];
  for (const metric of fresh) {
    const from = [...old.values()].find((gone) => isDeepStrictEqual({ ...gone, name: metric.name }, metric));
    if (from === undefined) added.push(metric.name);
    else {
      old.delete(from.name);
      renamed.push(`${from.name} → ${metric.name}`);
    }
  }
  const parts: readonly (readonly [string, readonly string[]])[] = [
    ['added', added],
    ['removed', [...old.keys()]],
    ['renamed', renamed],
    ['changed', changed.map(({ name }) => name)],
  ];
  const order = parts.every(([, names]) => names.length === 0) ? ['metrics in another order'] : [];
  return [...order, ...parts.filter(([, names]) => names.length > 0).map(([what, names]) => `${what} ${list(names)}`)];
}

const SHOWN = 5;
const list = (names: readonly string[]): string =>
  names.length <= SHOWN ? names.join(' ') : `${names.slice(0, SHOWN).join(' ')} and ${names.length - SHOWN} more`;

function settingsThatDiffer(before: Config, after: Config): string[] {
  const names: string[] = [];
  const compare = (path: string, a: unknown, b: unknown): void => {
    if (isDeepStrictEqual(a, b)) return;
    if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null || Array.isArray(b))
      names.push(path);
    else for (const key of Object.keys(b)) compare(`${path}.${key}`, a[key as never], b[key as never]);
  };
  for (const key of Object.keys(after) as (keyof Config)[]) {
    if (key !== 'meters' && key !== 'file') compare(key, before[key], after[key]);
  }
  return names;
}
