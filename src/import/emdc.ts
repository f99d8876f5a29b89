// Copies another EMDC database of this edition, on any kind of server: meters, topics with their earlier meanings, polls,
// gaps and events. Rollups are made again from the polls.

import type { MeterInfo, MetricInfo } from '../model/meter.js';
import type { EventKind, Gap, MeterEvent, MissingReason, Poll } from '../model/poll.js';
import type { Reader } from '../store/reader.js';
import { metricFrom } from './known-metrics.js';
import { type ImportOptions, Report } from './report.js';

export interface EmdcOptions extends ImportOptions {
  readonly reader: Reader;
}

const PAGE_POLLS = 1_000;
const BATCH = 1_000;
export const BEFORE_ALL = -1;

export interface Source {
  readonly id: number;
  readonly meter: MeterInfo;
  /** Of `meter.metrics`, by position in the source's polls. */
  readonly indexAt: ReadonlyMap<number, number>;
}

/** Rejects with an EmdcError. */
export async function importEmdc(options: EmdcOptions): Promise<Report> {
  const { reader, store, note, onProgress } = options;
  const report = new Report();
  const sources = await readSources(options);
  report.topics = sources.reduce((sum, { meter }) => sum + meter.metrics.length, 0);
  const [[total = 0] = []] = await reader.rows('SELECT count(*) FROM poll');
  const [reachedMeter, reachedSlot] = positionOf((await store.setting?.(note)) ?? null);
  for (const source of sources) {
    if (source.id < reachedMeter) continue;
    await copyGapsAndEvents(options, source, report);
    for (let after = source.id === reachedMeter ? reachedSlot : BEFORE_ALL; ; ) {
      const polls = await readPolls(reader, source, after);
      await store.write({ polls, gaps: [] });
      report.polls += polls.length;
      report.readings += polls.reduce((sum, { values }) => sum + values.filter((v) => !Number.isNaN(v)).length, 0);
      onProgress(report.polls, Math.max(Number(total), report.polls));
      const last = polls.at(-1);
      if (!last) break;
      after = last.slot;
      await store.keepSetting?.(note, `${source.id} ${after}`);
    }
  }
  await store.keepSetting?.(note, null);
  return report;
}

/** Meter id and slot up to which an interrupted import got. */
export function positionOf(note: string | null): readonly [meterId: number, slot: number] {
  const [, id, slot] = /^(\d+) (-?\d+)$/.exec(note ?? '') ?? [];
  return slot === undefined ? [BEFORE_ALL, BEFORE_ALL] : [Number(id), Number(slot)];
}

async function readSources({ reader, known }: EmdcOptions): Promise<Source[]> {
  const topics = await reader.rows(
    `SELECT meter_id, position, metric, description, unit, data_type, kind, counter_range, scaling, maximum, ${reader.ms('retired')} FROM topic ORDER BY meter_id, position`,
  );
  const meters = await reader.rows(
    `SELECT id, name, host, port, unit_id, ${reader.quoted('map')}, map_hash, ct_ratio, pt_ratio, max_power FROM meter ORDER BY id`,
  );
  return meters.map(([id, name, host, port, unitId, mapName, mapHash, ctRatio, ptRatio, maxPower]) => {
    const own = topics.filter(([meterId]) => Number(meterId) === Number(id));
    const metrics = own.map(([, , metric, description, unit, dataType, kind, range, scaling, maximum, retired]) => {
      const given: MetricInfo = {
        ...metricFrom([metric, description, unit, dataType, kind, range]),
        scaling: String(scaling),
        ...(maximum === null ? {} : { maximum: Number(maximum) }),
        ...(retired === null ? {} : { retired: Number(retired) }),
      };
      return known.matching(String(name), given, Date.now());
    });
    const meter = known.meter(String(name), metrics, {
      host: String(host),
      port: Number(port),
      unitId: Number(unitId),
      mapName: String(mapName),
      ...(mapHash === null ? {} : { mapHash: String(mapHash) }),
      ctRatio: Number(ctRatio),
      ptRatio: Number(ptRatio),
      ...(maxPower === null ? {} : { maxPowerW: Number(maxPower) }),
    });
    return { id: Number(id), meter, indexAt: new Map(own.map(([, position], index) => [Number(position), index])) };
  });
}

async function readPolls(reader: Reader, { id, meter, indexAt }: Source, after: number): Promise<Poll[]> {
  const rows = await reader.rows(
    `SELECT ${reader.ms('slot')}, ${reader.ms('read_at')}, duration_ms, requests, by_hand, ${reader.readings}, ${reader.missing}, error
FROM poll WHERE meter_id = ? AND slot > ${reader.time} ORDER BY poll.slot LIMIT ${PAGE_POLLS}`,
    [id, after],
  );
  return rows.map(([slot, readAt, durationMs, requests, byHand, readings, missing, error]) => {
    const values = new Float64Array(meter.metrics.length).fill(Number.NaN);
    for (const [position, value] of (JSON.parse(String(readings)) as (number | null)[] | null)?.entries() ?? []) {
      const index = indexAt.get(position);
      if (index !== undefined && value !== null) values[index] = value;
    }
    const reasons = new Map<number, MissingReason>();
    for (const [reason, positions] of Object.entries((JSON.parse(String(missing)) ?? {}) as Record<string, number[]>)) {
      for (const position of positions) reasons.set(indexAt.get(position) ?? -1, reason as MissingReason);
    }
    reasons.delete(-1);
    return {
      meter,
      slot: Number(slot),
      readAt: Number(readAt),
      durationMs: Number(durationMs),
      requests: Number(requests),
      byHand: Boolean(byHand),
      values,
      missing: reasons,
      error: error === null ? null : String(error),
    };
  });
}

async function copyGapsAndEvents({ reader, store }: EmdcOptions, { id, meter }: Source, report: Report): Promise<void> {
  const gaps = (
    await reader.rows(
      `SELECT ${reader.ms('ts')}, ${reader.ms('until')}, reason, slots FROM gap WHERE meter_id = ? ORDER BY 1`,
      [id],
    )
  ).map(
    ([ts, until, reason, slots]): Gap => ({
      meter,
      from: Number(ts),
      until: Number(until),
      slots: Number(slots),
      reason: String(reason) as Gap['reason'],
    }),
  );
  const [before, after] = [reader.quoted('before'), reader.quoted('after')];
  const events = (
    await reader.rows(`SELECT ${reader.ms('ts')}, what, ${before}, ${after} FROM event WHERE meter_id = ? ORDER BY 1`, [
      id,
    ])
  ).map(
    ([ts, what, old, now]): MeterEvent => ({
      meter,
      ts: Number(ts),
      what: String(what) as EventKind,
      before: old === null ? null : String(old),
      after: now === null ? null : String(now),
    }),
  );
  for (let at = 0; at < Math.max(gaps.length, events.length); at += BATCH)
    await store.write({ polls: [], gaps: gaps.slice(at, at + BATCH), events: events.slice(at, at + BATCH) });
  report.gaps += gaps.length;
  report.events += events.length;
}
