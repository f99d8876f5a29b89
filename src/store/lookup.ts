// Looks up meters and topics in SQL. A collector does this every hour, and Prisma's own findMany would have it carry the
// query compiler (query-compiler.ts).

import type { Db } from './db.js';
import type { Meter, Topic } from './generated/sqlite/client.js';
import type { Dialect } from './store.js';

export async function metersNamed(db: Db, dialect: Dialect, names: readonly string[]): Promise<Meter[]> {
  if (names.length === 0) return [];
  const parameters = names.map((_, index) => (dialect === 'postgresql' ? `$${index + 1}` : '?'));
  const rows = await db.$queryRawUnsafe<(Omit<Meter, 'unitId'> & { unit_id: number })[]>(
    `SELECT id, name, host, port, unit_id, map FROM meter WHERE name IN (${parameters.join()})`,
    ...names,
  );
  return rows.map(({ unit_id, ...row }) => ({ ...row, unitId: unit_id }));
}

export async function topicsOf(db: Db, meterIds: Iterable<number>): Promise<Topic[]> {
  const ids = [...meterIds];
  if (ids.length === 0) return [];
  type Row = Omit<Topic, 'meterId' | 'dataType' | 'counterRange'> & {
    meter_id: number;
    data_type: string;
    counter_range: number | null;
  };
  const rows = await db.$queryRawUnsafe<Row[]>(
    `SELECT id, meter_id, metric, name, description, unit, data_type, kind, counter_range FROM topic
WHERE meter_id IN (${ids.join()})`,
  );
  return rows.map(({ meter_id, data_type, counter_range, ...row }) => {
    return { ...row, meterId: meter_id, dataType: data_type, counterRange: counter_range };
  });
}

/** By meter, as far as they have topics. */
export async function topicIdsOf(db: Db, meterIds: Iterable<number>): Promise<Map<number, number[]>> {
  const topics = new Map<number, number[]>();
  const ids = [...meterIds];
  if (ids.length === 0) return topics;
  const rows = await db.$queryRawUnsafe<{ id: number; meter_id: number }[]>(
    `SELECT id, meter_id FROM topic WHERE meter_id IN (${ids.join()})`,
  );
  for (const { id, meter_id } of rows) {
    const known = topics.get(meter_id);
    if (known) known.push(id);
    else topics.set(meter_id, [id]);
  }
  return topics;
}

/** Ids greater than `id`, the smallest first. */
export async function topicIdsAfter(db: Db, id: number, limit: number): Promise<number[]> {
  const rows = await db.$queryRawUnsafe<{ id: number }[]>(
    `SELECT id FROM topic WHERE id > ${id} ORDER BY id LIMIT ${limit}`,
  );
  return rows.map((row) => row.id);
}
