// Reads any database, whatever its tables: where imports and exports take data from. Nothing is migrated or written.

import { EmdcError } from '../model/errors.js';
import { redactUrl, sqlitePath } from './open.js';
import type { Reader } from './reader.js';

/** Rejects with an EmdcError: no such file or server, or `database-url`. */
export async function openReader(url: string): Promise<Reader> {
  switch (/^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase()) {
    case 'file':
    case 'sqlite': {
      const { openSqliteReader } = await import('./sqlite/reader.js');
      return openSqliteReader(sqlitePath(url));
    }
    case 'postgres':
    case 'postgresql': {
      const { openPostgresqlReader } = await import('./postgresql/reader.js');
      return openPostgresqlReader(url);
    }
    case 'mysql':
    case 'mariadb': {
      const { openMysqlReader } = await import('./mysql/reader.js');
      return openMysqlReader(url);
    }
    default:
      throw new EmdcError({
        code: 'database-url',
        message: `${JSON.stringify(redactUrl(url))} is none of file:…, postgresql://…, mysql://…, mariadb://…`,
      });
  }
}

/**
 * Whose tables a database has: this edition's, those of EMDC 0.1 (one row per reading), those of the ancestor (VOLTTRON's
 * historian), or none of these.
 */
export type DatabaseKind = 'emdc' | 'emdc-0.1' | 'ancestor' | 'unknown';

export async function kindOf(reader: Reader): Promise<DatabaseKind> {
  const has = (columns: string, table: string) =>
    reader.rows(`SELECT ${columns} FROM ${table} WHERE 1 = 0`).then(
      () => true,
      () => false,
    );
  if (await has('position, version', 'topic')) return 'emdc';
  if (await has('topic_id, ts, value', 'reading')) return 'emdc-0.1';
  if (await has('topic_id', 'topics')) return 'ancestor';
  return (await has('table_id', 'volttron_table_definitions')) ? 'ancestor' : 'unknown';
}
