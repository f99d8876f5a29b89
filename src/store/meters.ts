// The database's meters and topics: ids and positions for what is written, and the comparison of the configuration with what
// the database knows. A topic's position is given once and never reused; a metric whose meaning changes gets a new topic row
// under the same name. Two collectors that enter the same new topics at once agree: of two rows with one key only one is
// entered, and both read what was.

import { type MeterInfo, type MetricInfo, topicOf } from '../model/meter.js';
import type { EventKind, MeterEvent } from '../model/poll.js';
import type { Db } from './db.js';
import { isDuplicate } from './failure.js';
import { type MeterChange, StoreFailure } from './store.js';

export interface MeterIds {
  readonly meterId: number;
  /** Position by index of the meter's metrics. */
  readonly positions: readonly number[];
  /** Length of an array by position that holds all of them. */
  readonly width: number;
}

/** Meters in a query. The memory of Prisma's query compiler grows with a query and never shrinks: 500 at a time take 160 MB. */
const CHUNK = 50;
/** Another collector may enter topics of the same meter at the same time, and take the position that was free. */
const ATTEMPTS = 10;

type MeterRow = Awaited<ReturnType<Db['meter']['findMany']>>[number];
type TopicRow = Awaited<ReturnType<Db['topic']['findMany']>>[number];

export class Meters {
  readonly #db: Db;
  readonly #collector: string;
  readonly #ids = new Map<number, MeterIds>();

  constructor(db: Db, collector: string) {
    this.#db = db;
    this.#collector = collector;
  }

  knows(key: number): boolean {
    return this.#ids.has(key);
  }

  /** Of a meter that `enter` was called for. */
  idsOf(key: number): MeterIds {
    const ids = this.#ids.get(key);
    if (!ids) throw new Error(`meter ${key} was never announced`);
    return ids;
  }

  /** Makes sure that these meters and their topics have rows, as of `now`, and keeps their ids. */
  async enter(meters: readonly (readonly [key: number, meter: MeterInfo])[], now: number): Promise<void> {
    for (let start = 0; start < meters.length; start += CHUNK) {
      const chunk = meters.slice(start, start + CHUNK);
      const known = await this.#enterAll(
        chunk.map(([, meter]) => meter),
        now,
      );
      for (const [key, meter] of chunk) this.#ids.set(key, idsFrom(meter, known));
    }
  }

  /** Compares all configured meters with the database, enters what is new and retires what is gone. See Store.setMeters. */
  async configure(
    meters: readonly (readonly [key: number, meter: MeterInfo])[],
    now: number,
  ): Promise<readonly MeterChange[]> {
    const changes: MeterChange[] = [];
    await this.#rename(meters, now, changes);
    const before = await this.#read(meters.map(([, meter]) => meter));
    const configured = new Set(meters.map(([, { name }]) => name));
    const leaving = (await this.#db.meter.findMany({ where: { collector: this.#collector, retired: null } })).filter(
      ({ name }) => !configured.has(name),
    );
    for (const [, meter] of meters) {
      const row = before.meters.get(meter.name);
      if (row) await this.#update(meter, row, now, changes);
      else hintAtRename(meter, leaving, now, changes);
      if (row) await this.#retireChanged(meter, before.topics.get(row.id) ?? [], now, changes);
    }
    await this.enter(meters, now);
    await this.#claim(meters.map(([, meter]) => meter));
    for (const row of leaving) await this.#retire(row, now, changes);
    return changes;
  }

  async #rename(meters: readonly (readonly [number, MeterInfo])[], now: number, changes: MeterChange[]): Promise<void> {
    const renamed = meters.map(([, meter]) => meter).filter(({ was }) => was !== undefined);
    for (const meter of renamed) {
      const old = meter.was ?? '';
      const [row, taken] = await Promise.all([
        this.#db.meter.findUnique({ where: { name: old } }),
        this.#db.meter.findUnique({ where: { name: meter.name } }),
      ]);
      if (!row || taken) continue;
      await this.#db.meter.update({ where: { id: row.id }, data: { name: meter.name, retired: null } });
      for (const topic of await this.#db.topic.findMany({ where: { meterId: row.id } })) {
        await this.#db.topic.update({ where: { id: topic.id }, data: { name: `${meter.name}/${topic.metric}` } });
      }
      changes.push(
        change(meter, now, 'renamed', [old, meter.name], 'info', `${old} is ${meter.name} now: its history goes on`),
      );
    }
  }

  async #update(meter: MeterInfo, row: MeterRow, now: number, changes: MeterChange[]): Promise<void> {
    const note = (what: EventKind, before: string, after: string) =>
      changes.push(change(meter, now, what, [before, after], 'info', `${meter.name}: ${what} ${before} → ${after}`));
    if (row.retired !== null) note('returned', row.retired.toISOString(), new Date(now).toISOString());
    const [was, is] = [addressOf(row), addressOf(meter)];
    if (was !== is) note('address', was, is);
    if (row.map !== meter.mapName || (meter.mapHash !== undefined && row.mapHash !== meter.mapHash)) {
      note('map', `${row.map} ${row.mapHash ?? ''}`.trim(), `${meter.mapName} ${meter.mapHash ?? ''}`.trim());
    }
    const [ratios, wanted] = [`${row.ctRatio}/${row.ptRatio}`, `${meter.ctRatio ?? 1}/${meter.ptRatio ?? 1}`];
    if (ratios !== wanted) note('ratio', ratios, wanted);
    await this.#db.meter.update({ where: { id: row.id }, data: { ...columnsOf(meter), retired: null } });
  }

  /** Ends the topics of metrics that mean something else now, or are gone. */
  async #retireChanged(
    meter: MeterInfo,
    rows: readonly TopicRow[],
    now: number,
    changes: MeterChange[],
  ): Promise<void> {
    const wanted = new Map(meter.metrics.map((metric) => [metric.name, metric]));
    const changed: string[] = [];
    for (const row of rows.filter(({ retired }) => retired === null)) {
      const metric = wanted.get(row.metric);
      if (metric && meaningOf(metric) === meaningOf(row)) {
        const { description, maximum } = columnsOfTopic(metric);
        if (description !== row.description || maximum !== row.maximum)
          await this.#db.topic.update({ where: { id: row.id }, data: { description, maximum } });
        continue;
      }
      await this.#db.topic.update({ where: { id: row.id }, data: { retired: new Date(now) } });
      if (metric) changed.push(`${row.metric}: ${meaningOf(row)} → ${meaningOf(metric)}`);
    }
    if (changed.length === 0) return;
    const before = await this.#db.$queryRawUnsafe<{ polls: number | bigint }[]>(
      `SELECT count(*) AS polls FROM poll WHERE meter_id = ${rows[0]?.meterId ?? 0}`,
    );
    const text = changed.join('; ');
    const message = `${meter.name}: ${text}. ${Number(before[0]?.polls ?? 0)} earlier polls keep the old meaning, under the same name`;
    changes.push(change(meter, now, 'metric', [null, text], 'warn', message));
  }

  async #retire(row: MeterRow, now: number, changes: MeterChange[]): Promise<void> {
    await this.#db.meter.update({ where: { id: row.id }, data: { retired: new Date(now) } });
    const meter: MeterInfo = { ...row, mapName: row.map, mapHash: row.mapHash ?? '', metrics: [] };
    changes.push(
      change(meter, now, 'retired', [null, null], 'info', `${row.name} is not configured any more: retired`),
    );
  }

  /** Marks the meters as read by this collector. */
  async #claim(meters: readonly MeterInfo[]): Promise<void> {
    for (let start = 0; start < meters.length; start += CHUNK) {
      const names = meters.slice(start, start + CHUNK).map(({ name }) => name);
      await this.#db.meter.updateMany({
        where: { name: { in: names }, collector: { not: this.#collector } },
        data: { collector: this.#collector },
      });
    }
  }

  async #read(meters: readonly MeterInfo[]): Promise<Known> {
    const known: Known = { meters: new Map(), topics: new Map() };
    for (let start = 0; start < meters.length; start += CHUNK) {
      const names = meters.slice(start, start + CHUNK).map(({ name }) => name);
      const rows = await this.#db.meter.findMany({ where: { name: { in: names } } });
      const topics = await this.#db.topic.findMany({ where: { meterId: { in: rows.map(({ id }) => id) } } });
      for (const row of rows) {
        known.meters.set(row.name, row);
        known.topics.set(row.id, []);
      }
      for (const topic of topics) known.topics.get(topic.meterId)?.push(topic);
    }
    return known;
  }

  async #enterAll(meters: readonly MeterInfo[], now: number): Promise<Known> {
    for (let attempt = 1; ; attempt++) {
      const known = await this.#read(meters);
      const newMeters = meters.filter(({ name }) => !known.meters.has(name));
      const newTopics = meters.flatMap((meter) => missingTopics(meter, known, now));
      if (newMeters.length === 0 && newTopics.length === 0) return known;
      if (attempt === ATTEMPTS) throw refused(meters, known);
      try {
        if (newMeters.length > 0) {
          const data = newMeters.map((meter) => ({ ...columnsOf(meter), collector: this.#collector }));
          await this.#db.meter.createMany({ data });
        } else await this.#db.topic.createMany({ data: newTopics });
      } catch (error) {
        if (!isDuplicate(error)) throw error;
      }
    }
  }
}

interface Known {
  readonly meters: Map<string, MeterRow>;
  readonly topics: Map<number, TopicRow[]>;
}

function idsFrom(meter: MeterInfo, known: Known): MeterIds {
  const row = known.meters.get(meter.name);
  const positionOf = positionsAmong(known.topics.get(row?.id ?? -1) ?? []);
  const positions = meter.metrics.map((metric) => positionOf(metric) ?? -1);
  if (!row || positions.includes(-1)) throw refused([meter], known);
  return { meterId: row.id, positions, width: Math.max(-1, ...positions) + 1 };
}

/** Finds a metric's topic: the live one of its name, or the retired one of its meaning. */
function positionsAmong(rows: readonly TopicRow[]): (metric: MetricInfo) => number | undefined {
  const live = new Map<string, number>();
  const retired = new Map<string, number>();
  for (const row of rows) {
    if (row.retired === null) live.set(row.metric, row.position);
    else retired.set(`${row.metric} ${meaningOf(row)}`, row.position);
  }
  return (metric) =>
    metric.retired === undefined ? live.get(metric.name) : retired.get(`${metric.name} ${meaningOf(metric)}`);
}

/** Rows for the metrics that have no topic; positions follow the highest one that the meter has ever given. */
function missingTopics(meter: MeterInfo, { meters, topics }: Known, now: number) {
  const row = meters.get(meter.name);
  if (!row) return [];
  const rows = topics.get(row.id) ?? [];
  const positionOf = positionsAmong(rows);
  let next = Math.max(-1, ...rows.map(({ position }) => position)) + 1;
  const versions = new Map<string, number>();
  for (const { metric, version } of rows) versions.set(metric, Math.max(version, versions.get(metric) ?? -1));
  return meter.metrics
    .filter((metric) => positionOf(metric) === undefined)
    .map((metric) => {
      const version = (versions.get(metric.name) ?? -1) + 1;
      versions.set(metric.name, version);
      return {
        meterId: row.id,
        position: next++,
        metric: metric.name,
        version,
        name: topicOf(meter, metric),
        since: new Date(now),
        retired: metric.retired === undefined ? null : new Date(metric.retired),
        ...columnsOfTopic(metric),
      };
    });
}

const columnsOf = (meter: MeterInfo) => ({
  name: meter.name,
  host: meter.host,
  port: meter.port,
  unitId: meter.unitId,
  map: meter.mapName,
  mapHash: meter.mapHash ?? null,
  ctRatio: meter.ctRatio ?? 1,
  ptRatio: meter.ptRatio ?? 1,
  maxPower: meter.maxPowerW ?? null,
});

const columnsOfTopic = (metric: MetricInfo) => ({
  description: metric.description,
  unit: metric.unit,
  dataType: metric.dataType,
  kind: metric.kind.type,
  counterRange: metric.kind.type === 'counter' ? metric.kind.range : null,
  scaling: metric.scaling ?? '',
  maximum: metric.maximum ?? null,
});

/** Everything that gives a metric's values their meaning, for comparison and for people. */
function meaningOf(metric: MetricInfo | TopicRow): string {
  const { unit, dataType, kind, counterRange, scaling } =
    typeof metric.kind === 'string' ? (metric as TopicRow) : columnsOfTopic(metric as MetricInfo);
  return [unit === '' ? 'no unit' : unit, scaling, dataType, kind, counterRange === null ? '' : `range ${counterRange}`]
    .filter((part) => part !== '')
    .join(' ');
}

const addressOf = ({ host, port, unitId }: { host: string; port: number; unitId: number }): string =>
  port === 0 ? `${host} unit ${unitId}` : `${host}:${port} unit ${unitId}`;

function hintAtRename(meter: MeterInfo, leaving: readonly MeterRow[], now: number, changes: MeterChange[]): void {
  const old = leaving.find((row) => addressOf(row) === addressOf(meter));
  if (!old) return;
  const message = `${meter.name} is read from ${addressOf(meter)}, where ${old.name} was: looks like a rename. Write \`was: ${old.name}\` at the meter to let its history go on`;
  changes.push(change(meter, now, 'renamed', [old.name, null], 'warn', message));
}

function change(
  meter: MeterInfo,
  ts: number,
  what: EventKind,
  [before, after]: readonly [string | null, string | null],
  level: MeterChange['level'],
  message: string,
): MeterChange {
  const event: MeterEvent = { meter, ts, what, before, after };
  return { event, level, message };
}

function refused(meters: readonly MeterInfo[], { meters: known }: Known): StoreFailure {
  const meter = meters.find(({ name }) => !known.has(name)) ?? meters[0];
  return new StoreFailure({
    code: 'topic-refused',
    remedy: 'stop',
    message: `the database has no row for ${meter?.name ?? 'a meter'} or one of its metrics`,
    hint: 'The database takes its name for the same as another one. Rename the meter or metric.',
  });
}
