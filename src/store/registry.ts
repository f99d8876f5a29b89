// The database's ids of meters and topics. What is new is entered; two collectors that do so at once get the same ids.

import { type MeterInfo, type MetricInfo, topicOf } from '../model/meter.js';
import type { Db } from './db.js';
import { metersNamed, topicsOf } from './lookup.js';
import type { Sql } from './sql.js';
import { StoreFailure } from './store.js';

export interface MeterIds {
  readonly meterId: number;
  /** By index of the meter's metrics. */
  readonly topicIds: Int32Array;
}

/** Names per query: well below what any database allows in one statement. */
const CHUNK = 500;

export class Registry {
  readonly #db: Db;
  readonly #sql: Sql;
  readonly #meters = new Map<number, MeterInfo>();
  /** By meter key: keys are counted up from 0, and they are looked up for every poll. */
  readonly #ids: (MeterIds | undefined)[] = [];
  /** Newest slot written for a meter's name: older data does not change what newer data said of the meter. */
  readonly #newest = new Map<string, number>();

  constructor(db: Db, sql: Sql) {
    this.#db = db;
    this.#sql = sql;
  }

  /** Of a meter that `resolve` has been called for. */
  readonly idsOf = (meterKey: number): MeterIds => {
    const ids = this.#ids[meterKey];
    if (ids === undefined) throw new Error(`meter ${meterKey} was never announced`);
    return ids;
  };

  add(meters: readonly (readonly [key: number, meter: MeterInfo])[]): void {
    for (const [key, meter] of meters) this.#meters.set(key, meter);
  }

  knows(meterKey: number): boolean {
    return this.#ids[meterKey] !== undefined;
  }

  /** Makes sure of the ids of all these meters; `slots` holds for each meter key the newest slot that comes with it. */
  async resolve(slots: ReadonlyMap<number, number>): Promise<void> {
    const unknown = [...slots.keys()];
    for (let start = 0; start < unknown.length; start += CHUNK) {
      await this.#enter(unknown.slice(start, start + CHUNK), slots);
    }
  }

  async #enter(keys: readonly number[], slots: ReadonlyMap<number, number>): Promise<void> {
    const meters = keys.map((key) => {
      const meter = this.#meters.get(key);
      if (meter === undefined) throw new Error(`meter ${key} was never announced`);
      return { key, meter, newest: (slots.get(key) ?? 0) >= (this.#newest.get(meter.name) ?? 0) };
    });
    // Of two descriptions of one meter the newer counts.
    meters.sort((a, b) => (slots.get(a.key) ?? 0) - (slots.get(b.key) ?? 0));
    const meterIds = await this.#enterMeters(meters);
    const topicIds = await this.#enterTopics(meters, meterIds);
    for (const { key, meter, newest } of meters) {
      const meterId = meterIds.get(meter.name);
      const ids = meter.metrics.map((metric) => topicIds.get(topicOf(meter, metric)));
      const stranger = ids.indexOf(undefined);
      if (meterId === undefined || stranger >= 0) throw refused(meter, meter.metrics[stranger]);
      this.#ids[key] = { meterId, topicIds: Int32Array.from(ids as number[]) };
      if (newest) this.#newest.set(meter.name, slots.get(key) ?? 0);
    }
  }

  async #enterMeters(meters: readonly Entry[]): Promise<Map<string, number>> {
    const wanted = new Map(meters.map((entry) => [entry.meter.name, entry]));
    const find = () => metersNamed(this.#db, this.#sql.dialect, [...wanted.keys()]);
    let found = await find();
    const known = new Set(found.map((row) => row.name));
    const missing = [...wanted.keys()].filter((name) => !known.has(name)).sort();
    if (missing.length > 0) {
      const rows = missing.map((name) => columnsOf((wanted.get(name) as Entry).meter));
      await this.#db.$executeRawUnsafe(this.#sql.insertMeters, JSON.stringify(rows));
      found = await find();
    }
    for (const row of found) {
      const entry = wanted.get(row.name);
      if (!entry?.newest) continue;
      const data = columnsOf(entry.meter);
      const same =
        data.host === row.host && data.port === row.port && data.unitId === row.unitId && data.map === row.map;
      if (!same) await this.#db.meter.update({ where: { id: row.id }, data });
    }
    return new Map(found.map((row) => [row.name, row.id]));
  }

  async #enterTopics(meters: readonly Entry[], meterIds: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const find = () => topicsOf(this.#db, meterIds.values());
    let found = await find();
    const known = new Set(found.map((row) => row.name));
    const wanted = new Map<string, { columns: ReturnType<typeof topicColumns>; newest: boolean }>();
    for (const { meter, newest } of meters) {
      const meterId = meterIds.get(meter.name) as number;
      for (const metric of meter.metrics) {
        wanted.set(topicOf(meter, metric), { columns: topicColumns(meterId, meter, metric), newest });
      }
    }
    const missing = [...wanted.values()]
      .filter(({ columns }) => !known.has(columns.name))
      .map(({ columns }) => columns);
    if (missing.length > 0) {
      missing.sort((a, b) => a.meterId - b.meterId);
      await this.#db.$executeRawUnsafe(this.#sql.insertTopics, JSON.stringify(missing));
      found = await find();
    }
    for (const row of found) {
      const entry = wanted.get(row.name);
      if (!entry?.newest) continue;
      const { description, unit, dataType, kind, counterRange } = entry.columns;
      const same =
        description === row.description &&
        unit === row.unit &&
        dataType === row.dataType &&
        kind === row.kind &&
        counterRange === row.counterRange;
      const data = { description, unit, dataType, kind, counterRange };
      if (!same) await this.#db.topic.update({ where: { id: row.id }, data });
    }
    return new Map(found.map((row) => [row.name, row.id]));
  }
}

interface Entry {
  readonly key: number;
  readonly meter: MeterInfo;
  readonly newest: boolean;
}

/** As insertMeters takes them. */
export const columnsOf = (meter: MeterInfo) => ({
  name: meter.name,
  host: meter.host,
  port: meter.port,
  unitId: meter.unitId,
  map: meter.mapName,
});

/** As insertTopics takes them. */
export const topicColumns = (meterId: number, meter: MeterInfo, metric: MetricInfo) => ({
  meterId,
  metric: metric.name,
  name: topicOf(meter, metric),
  description: metric.description,
  unit: metric.unit,
  dataType: metric.dataType,
  kind: metric.kind.type,
  counterRange: metric.kind.type === 'counter' ? metric.kind.range : null,
});

function refused(meter: MeterInfo, metric: MetricInfo | undefined): StoreFailure {
  return new StoreFailure({
    code: 'topic-refused',
    remedy: 'stop',
    message: `the database has no topic for ${metric ? topicOf(meter, metric) : meter.name}`,
    hint: 'Another meter has a topic of this name, or the database takes it for the same as another one. Rename the meter.',
  });
}
