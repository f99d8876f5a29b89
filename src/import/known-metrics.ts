// What the configuration's maps and the database know of a metric: an import takes kind and unit from them, and keeps what
// means something else apart.

import type { MeterInfo, MetricInfo } from '../model/meter.js';
import type { Reader } from '../store/reader.js';

export class KnownMetrics {
  readonly #meters = new Map<string, MeterInfo>();
  readonly #metrics = new Map<string, MetricInfo>();

  /** The configured meters count before what the database knows. */
  constructor(configured: readonly MeterInfo[], stored: readonly MeterInfo[] = []) {
    for (const meter of [...stored, ...configured]) {
      this.#meters.set(meter.name, meter);
      for (const metric of meter.metrics) this.#metrics.set(`${meter.name}/${metric.name}`, metric);
    }
  }

  /** The meter with these metrics: as it is known, or with what an import can say of it. */
  meter(name: string, metrics: readonly MetricInfo[], given: Partial<MeterInfo> = {}): MeterInfo {
    const known = this.#meters.get(name);
    const unknown = { host: '', port: 0, unitId: 0, mapName: 'imported' };
    return { ...unknown, ...given, ...(known ?? {}), name, metrics };
  }

  /** The metric as it is known by this name; null: it is not. */
  metric(meter: string, name: string): MetricInfo | null {
    return this.#metrics.get(`${meter}/${name}`) ?? null;
  }

  /**
   * The metric under which readings of this meaning are to be stored: the known one where both mean the same, else one of the
   * past with the unit and kind that were given.
   */
  matching(meter: string, given: MetricInfo, now: number): MetricInfo {
    const known = this.metric(meter, given.name);
    if (known === null) return given;
    if (given.retired === undefined && sameMeaning(known, given)) return known;
    return { ...given, retired: given.retired ?? now };
  }
}

/** Scaling is compared only where both sides say it. */
function sameMeaning(a: MetricInfo, b: MetricInfo): boolean {
  const scaled = (a.scaling ?? '') !== '' && (b.scaling ?? '') !== '' && a.scaling !== b.scaling;
  return sameUnit(a.unit, b.unit) && a.kind.type === b.kind.type && !scaled;
}

/** `Var` is `var`, `MW` is not `mW`. */
const sameUnit = (a: string, b: string): boolean =>
  a === b || (a.toLowerCase() === b.toLowerCase() && (a[0] === b[0] || !/^m/i.test(a)));

/** The meters and live topics of an EMDC database. */
export async function storedMeters(reader: Reader): Promise<readonly MeterInfo[]> {
  const meters = new Map<number, MeterInfo & { metrics: MetricInfo[] }>();
  for (const [id, name, host, port, unitId, mapName] of await reader.rows(
    `SELECT id, name, host, port, unit_id, ${reader.quoted('map')} FROM meter`,
  )) {
    const place = { host: String(host), port: Number(port), unitId: Number(unitId), mapName: String(mapName) };
    meters.set(Number(id), { name: String(name), ...place, metrics: [] });
  }
  for (const [meterId, metric, description, unit, dataType, kind, range, scaling] of await reader.rows(
    'SELECT meter_id, metric, description, unit, data_type, kind, counter_range, scaling FROM topic WHERE retired IS NULL ORDER BY meter_id, position',
  )) {
    meters.get(Number(meterId))?.metrics.push({
      ...metricFrom([metric, description, unit, dataType, kind, range]),
      scaling: String(scaling),
    });
  }
  return [...meters.values()];
}

/** From the columns metric, description, unit, data_type, kind, counter_range of `topic`. */
export const metricFrom = ([name, description, unit, dataType, kind, range]: readonly unknown[]): MetricInfo => ({
  name: String(name),
  description: String(description),
  unit: String(unit),
  dataType: String(dataType) as MetricInfo['dataType'],
  kind: kind === 'counter' ? { type: 'counter', range: range === null ? null : Number(range) } : { type: 'gauge' },
});
