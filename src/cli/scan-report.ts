// What `emdc scan` found, as text, as JSON, and as lines for a configuration. Pure.

import type { Fit, FoundUnit, SunSpecModel } from '../commission/scan.js';
import { type Endpoint, linkKeyOf } from '../model/meter.js';

export interface ScannedUnit extends FoundUnit {
  /** What the device says of itself (function 43/14); empty: nothing. */
  readonly identity: string;
  /** Best first. */
  readonly fits: readonly Fit[];
  readonly sunSpec: { readonly base: number; readonly models: readonly SunSpecModel[] } | null;
}

export interface ScanReport {
  readonly target: { readonly host: string; readonly port: number; readonly endpoint: Endpoint };
  readonly answered: readonly FoundUnit[];
  /** Those that were looked at. */
  readonly units: readonly ScannedUnit[];
  /** Maps are from a folder of the user's, so that their names alone do not find them. */
  readonly ownMaps: boolean;
}

/** A device without units behind it answers under every id. */
export const answersToAll = (found: readonly FoundUnit[]): boolean => found.length > 32;

export function scanText(report: ScanReport): string {
  const { answered, units } = report;
  if (answered.length === 0) return 'No unit id answered.';
  const lines: string[] = [];
  if (answersToAll(answered)) {
    lines.push(`${answered.length} unit ids answered: likely one device that answers under any of them.`);
  }
  for (const { unitId, answer, roundTripMs, identity, fits, sunSpec } of units) {
    const how = answer === 'data' ? '' : `, register 0 refused with exception ${answer}`;
    lines.push(
      `unit ${unitId}: answers in ${roundTripMs.toFixed(1)} ms${how}${identity === '' ? '' : `; ${identity}`}`,
    );
    for (const { map, readable, expected, held, broken } of fits.slice(0, 3)) {
      lines.push(`  ${map.name}: ${readable} of ${expected} metrics, ${held} checks agree, ${broken} do not`);
    }
    if (fits.length === 0) lines.push('  no register map was found that explains what it holds');
    if (sunSpec) {
      const models = sunSpec.models.map(({ id, address }) => `${id} (at ${address})`).join(', ');
      lines.push(`  SunSpec at ${sunSpec.base}: models ${models}`);
    }
  }
  return [...lines, '', ...nextSteps(report)].join('\n');
}

function nextSteps({ target, units, ownMaps }: ScanReport): string[] {
  const unit = units.find(({ fits }) => fits.length > 0) ?? units[0];
  if (unit === undefined) return [];
  const [best] = unit.fits;
  const where = flagsOf(target);
  const read = best ? `--map ${ownMaps ? best.map.file : best.map.name}` : '--raw 0:10';
  return [
    'Next:',
    `  emdc read ${where} --unit ${unit.unitId} ${read}`,
    '  the same scan with --stanza writes the meters for a configuration',
  ];
}

function flagsOf({ endpoint, ...target }: ScanReport['target']): string {
  if (endpoint.type === 'serial') {
    const { path, baudRate, parity } = endpoint.line;
    return `--serial ${path} --baud-rate ${baudRate} --parity ${parity}`;
  }
  return `${linkKeyOf(target)}${endpoint.framing === 'rtu' ? ' --framing rtu' : ''}`;
}

/** The section `meters` in YAML, one line per unit; a unit that no map fits is a comment. */
export function scanStanza({ target: { endpoint }, units, ownMaps }: ScanReport): string {
  const place =
    endpoint.type === 'serial'
      ? `serial: ${JSON.stringify(endpoint.line.path)}, baudRate: ${endpoint.line.baudRate}, parity: ${endpoint.line.parity}, stopBits: ${endpoint.line.stopBits}`
      : `host: ${JSON.stringify(endpoint.host)}, port: ${endpoint.port}${endpoint.framing === 'rtu' ? ', framing: rtu' : ''}`;
  const lines = units.map(({ unitId, fits: [best] }) => {
    const map = best ? JSON.stringify(ownMaps ? best.map.file : best.map.name) : '…';
    const line = `- {name: Site/unit_${unitId}, ${place}, unitId: ${unitId}, map: ${map}}`;
    return best ? `  ${line}` : `  # no register map fits: ${line}`;
  });
  return `${['meters:', ...lines].join('\n')}\n`;
}

export function scanJson({ answered, units }: ScanReport): string {
  const json = {
    answered: answered.map(({ unitId }) => unitId),
    units: units.map(({ unitId, answer, roundTripMs, identity, fits, sunSpec }) => ({
      unit_id: unitId,
      answer,
      round_trip_ms: roundTripMs,
      identity,
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
  };
  return JSON.stringify(json, null, 2);
}
