// Opens the store that `database.url` names: file:… SQLite, postgresql://… , mysql://… or mariadb://… .

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { StoreFront } from './front.js';
import { SqliteThread } from './sqlite/thread.js';
import type { Store } from './store.js';
import { keepForever, type Retention } from './upkeep.js';

export interface StoreOptions {
  readonly url: string;
  readonly log: Log;
  readonly retention?: Retention;
  /** How many there are to be, for a database that is made now; see SqliteOptions. */
  readonly meters?: number;
}

/** Migrates, too. Rejects with an EmdcError; its remedy is `spool` where trying again later may help. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { url, log, retention = keepForever, meters = 1 } = options;
  const scheme = /^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'file':
    case 'sqlite': {
      const thread = new SqliteThread({ path: sqlitePath(url), retention, meters }, log);
      await thread.open();
      return new StoreFront('sqlite', thread);
    }
    case 'postgres':
    case 'postgresql': {
      const { openPostgresql } = await import('./postgresql/open.js');
      return new StoreFront('postgresql', await openPostgresql({ url: serverUrl(url), retention, log }));
    }
    case 'mysql':
    case 'mariadb': {
      const { openMysql } = await import('./mysql/open.js');
      return new StoreFront('mysql', await openMysql({ url: serverUrl(url), retention, log }));
    }
    default:
      throw new EmdcError({
        code: 'database-url',
        message: `database.url: ${JSON.stringify(redactUrl(url))} is none of file:…, postgresql://…, mysql://…, mariadb://…`,
      });
  }
}

function serverUrl(url: string): string {
  let database = '';
  try {
    database = new URL(url).pathname.slice(1);
  } catch {
    // Told below: the parser's message would repeat the URL, password and all.
  }
  if (database !== '') return url;
  throw new EmdcError({
    code: 'database-url',
    message: `database.url: ${JSON.stringify(redactUrl(url))} must read scheme://user:password@host:port/database`,
    hint: 'Signs such as @ : / ? # in user name or password are written %40 %3A %2F %3F %23.',
  });
}

/** The URL without its password, for the log. */
export const redactUrl = (url: string): string =>
  url.replace(/^([a-z0-9+]+:\/\/[^:/@]*):.*@/i, '$1:***@').replace(/([?&](?:password|sslpassword)=)[^&]*/gi, '$1***');

/** file:./data/emdc.db, file:/var/lib/emdc.db, file:///var/lib/emdc.db; relative to the working directory. */
export function sqlitePath(url: string): string {
  const path = url.startsWith('file:///') ? fileURLToPath(url) : url.replace(/^(file|sqlite):(\/\/)?/i, '');
  if (path === '' || path.includes('?')) {
    throw new EmdcError({
      code: 'database-url',
      message: `database.url: ${JSON.stringify(url)} must name a file, without options`,
      hint: 'Write file:./data/emdc.db',
    });
  }
  return resolve(path);
}
