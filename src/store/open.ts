// Opens the store that `database.url` names: file:… SQLite, postgresql://… , mysql://… or mariadb://… .

import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmdcError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { MeterInfo } from '../model/meter.js';
import type { MissingReason, Poll } from '../model/poll.js';
import type { Backend, PollData } from './prisma-store.js';
import { keepForever, type Retention } from './retention.js';
import { describe, MeterKeys, toRows } from './rows.js';
import { SqliteThread } from './sqlite/thread.js';
import { type Dialect, type Store, StoreFailure } from './store.js';

export interface StoreOptions {
  readonly url: string;
  readonly log: Log;
  readonly retention?: Retention;
  /** Of the local days in `calendar`; UTC if left out. */
  readonly timezone?: string;
  /** To a server; 1 if left out, which is enough. */
  readonly connections?: number;
  /** Name of this collector among those that share the database; the host's name if left out. */
  readonly collector?: string;
  /** How many meters there are to be, for a database that is made now; see SqliteOptions. */
  readonly meters?: number;
}

/** Migrates, too. Rejects with an EmdcError; its remedy is `spool` where trying again later may help. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { url, log, meters = 1, connections = 1 } = options;
  const { retention = keepForever, timezone = 'UTC', collector = hostname() } = options;
  const upkeep = { retention, timezone, collector };
  const scheme = /^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'file':
    case 'sqlite': {
      const thread = new SqliteThread({ ...upkeep, path: sqlitePath(url), meters }, log);
      await thread.open();
      return storeOn(thread, 'sqlite');
    }
    case 'postgres':
    case 'postgresql': {
      const { openPostgresql } = await import('./postgresql/open.js');
      return storeOn(await openPostgresql({ ...upkeep, url: serverUrl(url), connections, log }), 'postgresql');
    }
    case 'mysql':
    case 'mariadb': {
      const { openMysql } = await import('./mysql/open.js');
      return storeOn(await openMysql({ ...upkeep, url: serverUrl(url), connections, log }), 'mysql');
    }
    default:
      throw new EmdcError({
        code: 'database-url',
        message: `database.url: ${JSON.stringify(redactUrl(url))} is none of file:…, postgresql://…, mysql://…, mariadb://…`,
      });
  }
}

/** The contract on a backend: meters become keys on the way in, and plain rows become polls on the way out. */
function storeOn(backend: Backend, dialect: Dialect): Store {
  const keys = new MeterKeys();
  let announced = 0;
  let closed: Promise<void> | null = null;
  const open = () => {
    // Prisma would connect again by itself.
    if (closed) throw closedFailure();
    return backend;
  };
  const keyed = (meters: readonly MeterInfo[]) => meters.map((meter) => [keys.keyOf(meter), describe(meter)] as const);
  const { lease } = backend;
  return {
    dialect,
    async write(batch) {
      const rows = toRows(batch, keys);
      const newMeters = keys.since(announced);
      await open().write({ ...rows, newMeters });
      announced = Math.max(announced, ...newMeters.map(([key]) => key + 1));
    },
    setMeters: async (meters, now) => open().setMeters(keyed(meters), now),
    setVirtualMeters: async (virtual) => open().setVirtualMeters(virtual),
    newestSlots: async (meters) => new Map(await open().newestSlots(meters)),
    async newestPolls(meters) {
      const byKey = new Map(meters.map((meter) => [keys.keyOf(meter), meter]));
      const polls = await open().newestPolls(keyed(meters));
      return polls.flatMap((data) => {
        const meter = byKey.get(data.meter);
        return meter ? [pollOf(data, meter)] : [];
      });
    },
    identities: async (meters) => new Map(await open().identities(meters)),
    check: async () => open().check(),
    maintain: async (now) => open().maintain(now),
    catchUp: async () => open().catchUp(),
    setting: async (name) => open().setting(name),
    keepSetting: async (name, value) => open().keepSetting(name, value),
    ...(lease ? { lease: async (request) => (closed ? Promise.reject(closedFailure()) : lease(request)) } : {}),
    close() {
      closed ??= backend.close();
      return closed;
    },
  };
}

const closedFailure = () =>
  new StoreFailure({ code: 'store-closed', message: 'the store has been closed', remedy: 'spool' });

const pollOf = ({ meter: _, missing, ...data }: PollData, meter: MeterInfo): Poll => ({
  ...data,
  meter,
  missing: new Map(missing.map(([index, reason]) => [index, reason as MissingReason])),
});

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
