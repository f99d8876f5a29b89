// What a database itself says about the slots under measurement.

import Database from 'libsql';
import { createPool } from 'mariadb';
import pg from 'pg';

export interface Recorded {
  readonly polls: number;
  /** Slots that the collector recorded as missed, over all meters. */
  readonly missed: number;
}

/** Slots from `first` to `last`, both included, ms UTC, of meters whose names begin with `bench/`. */
export async function recordedIn(url: string, first: number, last: number): Promise<Recorded> {
  const [from, until] = url.startsWith('file:')
    ? [String(first), String(last)]
    : [first, last].map((time) => `'${new Date(time).toISOString().slice(0, -1).replace('T', ' ')}'`);
  const meters = "meter_id IN (SELECT id FROM meter WHERE name LIKE 'bench/%')";
  const sql = `SELECT (SELECT count(*) FROM poll WHERE slot >= ${from} AND slot <= ${until} AND ${meters}) AS polls,
(SELECT coalesce(sum(slots), 0) FROM gap WHERE ts >= ${from} AND ts <= ${until} AND reason = 'missed' AND ${meters}) AS missed`;
  const row = await firstRow(url, sql);
  return { polls: Number(row['polls']), missed: Number(row['missed']) };
}

async function firstRow(url: string, sql: string): Promise<Record<string, unknown>> {
  if (url.startsWith('file:')) {
    const db = new Database(url.slice('file:'.length), { readonly: true });
    const row = db.prepare(sql).get();
    db.close();
    return row as Record<string, unknown>;
  }
  if (url.startsWith('postgres')) {
    const client = new pg.Client({ connectionString: url, options: '-c timezone=UTC' });
    await client.connect();
    const { rows } = await client.query(sql);
    await client.end();
    return rows[0];
  }
  const pool = createPool(url.replace(/^mysql:/, 'mariadb:'));
  const rows = await pool.query(sql);
  await pool.end();
  return rows[0];
}
