// Reads a MySQL or MariaDB database, for imports and exports.

import * as mariadb from 'mariadb';
import { toOpenFailure, whereOf } from '../failure.js';
import type { Reader } from '../reader.js';
import { asCause, connectionOf } from './open.js';

/** Rejects with an EmdcError. */
export async function openMysqlReader(url: string): Promise<Reader> {
  const options = { socketTimeout: 0, dateStrings: true, bigIntAsNumber: true, decimalAsNumber: true };
  const client = await mariadb
    .createConnection({ ...connectionOf(url), ...options, autoJsonMap: false })
    .catch((error) => {
      throw toOpenFailure(asCause(error), 'mysql', whereOf(url));
    });
  client.on('error', () => {});
  await client.query('SET SESSION TRANSACTION READ ONLY');
  return {
    dialect: 'mysql',
    rows: (sql, parameters = []) => client.query({ sql, rowsAsArray: true }, [...parameters]) as Promise<unknown[][]>,
    text: (column) => column,
    ms: (column) => `(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ${column}) DIV 1000)`,
    time: "TIMESTAMPADD(MICROSECOND, ? * 1000, '1970-01-01 00:00:00.000')",
    readings: 'CAST(readings AS CHAR)',
    missing: 'CAST(missing AS CHAR)',
    quoted: (name) => `\`${name}\``,
    close: () => client.end(),
  };
}
