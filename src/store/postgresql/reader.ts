// Reads a PostgreSQL database, for imports and exports.

import pg from 'pg';
import { toOpenFailure, whereOf } from '../failure.js';
import type { Reader } from '../reader.js';
import { connectionOf } from './open.js';

/** Rejects with an EmdcError. */
export async function openPostgresqlReader(url: string): Promise<Reader> {
  const client = new pg.Client({ ...connectionOf(url).config, statement_timeout: 0, query_timeout: 0 });
  client.on('error', () => {});
  await client.connect().catch((error) => {
    throw toOpenFailure(error, 'postgresql', whereOf(url));
  });
  await client.query('SET default_transaction_read_only = on; SET statement_timeout = 0');
  return {
    dialect: 'postgresql',
    async rows(sql, parameters = []) {
      let index = 0;
      const text = sql.replaceAll('?', () => `$${++index}`);
      return (await client.query({ text, values: [...parameters], rowMode: 'array' })).rows as unknown[][];
    },
    text: (column) => `${column}::text`,
    ms: (column) => `round(extract(epoch FROM ${column}) * 1000)::float8`,
    time: `(timestamptz 'epoch' + ?::float8 * interval '1 millisecond')`,
    readings: 'array_to_json(readings)::text',
    missing: 'missing::text',
    quoted: (name) => `"${name}"`,
    close: () => client.end(),
  };
}
