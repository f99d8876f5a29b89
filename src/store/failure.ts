// Foreign errors become StoreFailures here, and it is decided what they mean for the data in hand: `stop` only where this
// very data is at fault, `retry` where the statement merely lost a race, else `spool`: data is never given up because a
// database is away, full, misconfigured or not understood.

import { EmdcError, messageOf, type Remedy } from '../model/errors.js';
import { type Dialect, StoreFailure } from './store.js';

/** For opening: what is known already stays as it is. */
export const toOpenFailure = (error: unknown, dialect: Dialect, where: string): EmdcError =>
  error instanceof EmdcError ? error : toStoreFailure(error, dialect, where);

/** `host:port/database` of a server's URL, for messages. */
export function whereOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** Whether a row with the same key is there already. */
export const isDuplicate = (error: unknown): boolean => {
  const { kind, code } = causeOf(error);
  return kind === 'UniqueConstraintViolation' || code === '23505' || code.startsWith('SQLITE_CONSTRAINT');
};

/** What a driver said: its own code, and its message. */
interface Cause {
  readonly code: string;
  readonly message: string;
  /** Prisma's word for it, e.g. DatabaseNotReachable. */
  readonly kind: string;
}

/** `where`: which database, for the message. */
export function toStoreFailure(error: unknown, dialect: Dialect, where: string): StoreFailure {
  if (error instanceof StoreFailure) return error;
  const cause = causeOf(error);
  const { remedy, hint } = judge(cause, dialect);
  return new StoreFailure({
    code: `store-${remedy}`,
    message: `${nameOf[dialect]} ${where}: ${cause.message}${cause.code === '' ? '' : ` (${cause.code})`}`,
    remedy,
    hint,
    cause: error,
  });
}

const nameOf: Record<Dialect, string> = { sqlite: 'SQLite', postgresql: 'PostgreSQL', mysql: 'MySQL' };

interface Judgement {
  readonly remedy: Remedy;
  readonly hint: string;
}

const retry: Judgement = { remedy: 'retry', hint: '' };
const stop: Judgement = { remedy: 'stop', hint: 'The database will never take this data.' };
const spool = (hint = ''): Judgement => ({ remedy: 'spool', hint });

function judge(cause: Cause, dialect: Dialect): Judgement {
  switch (cause.kind) {
    case 'TransactionWriteConflict':
      return retry;
    case 'UniqueConstraintViolation':
    case 'NullConstraintViolation':
    case 'ForeignKeyConstraintViolation':
    case 'LengthMismatch':
    case 'ValueOutOfRange':
    case 'InvalidInputValue':
      return stop;
    case 'AuthenticationFailed':
    case 'DatabaseAccessDenied':
      return spool('Check user name and password of database.url, and what this user may do.');
    case 'DatabaseDoesNotExist':
      return spool('Create the database that database.url names.');
    case 'TlsConnectionError':
      return spool("Check the TLS options of database.url and the server's certificate.");
    default:
  }
  switch (dialect) {
    case 'sqlite':
      return judgeSqlite(cause.code);
    case 'postgresql':
      return judgePostgresql(cause.code);
    case 'mysql':
      return judgeMysql(cause.code);
  }
}

/** https://www.sqlite.org/rescode.html */
function judgeSqlite(code: string): Judgement {
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return retry;
  if (/^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/.test(code)) return stop;
  if (code.startsWith('SQLITE_FULL')) return spool('The disk is full: make room.');
  if (/^SQLITE_(READONLY|CANTOPEN|PERM)/.test(code)) {
    return spool('The database file and its folder must be writable for the user that the collector runs as.');
  }
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return spool('The file is damaged or no SQLite database: stop the collector, move the file away or restore it.');
  }
  return spool();
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
function judgePostgresql(code: string): Judgement {
  // Serialization failure, deadlock, lock not available; and no partition for a row: it has just been dropped.
  if (['40001', '40P01', '55P03', '23514'].includes(code)) return retry;
  if (/^2[123]/.test(code)) return stop;
  if (code === '53100') return spool("The database server's disk is full: make room.");
  return spool();
}

/** https://mariadb.com/kb/en/mariadb-error-code-reference/ */
function judgeMysql(code: string): Judgement {
  switch (Number(code)) {
    case 1205: // lock wait timeout
    case 1213: // deadlock
    case 1020: // record has changed since last read
      return retry;
    case 1048: // null
    case 1062: // duplicate
    case 1264: // out of range
    case 1292: // incorrect value
    case 1366: // incorrect string
    case 1406: // too long
    case 3140: // invalid JSON
    case 4038: // invalid JSON (MariaDB)
      return stop;
    case 1021:
    case 1114:
      return spool("The database server's disk is full: make room.");
    default:
      return spool();
  }
}

/** Prisma wraps the driver's error in `meta.driverAdapterError.cause`, or lets the adapter's error through. */
function causeOf(error: unknown): Cause {
  const found = dig(error);
  if (found) return found;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const lastLine = messageOf(error).trim().split('\n').at(-1) ?? '';
  return { code, message: lastLine, kind: '' };
}

function dig(error: unknown, depth = 0): Cause | null {
  if (typeof error !== 'object' || error === null || depth > 5) return null;
  const fields = error as Record<string, unknown>;
  if (typeof fields['kind'] === 'string') {
    const code = fields['originalCode'] ?? fields['code'] ?? '';
    const message = fields['originalMessage'] ?? fields['message'] ?? fields['kind'];
    return { kind: fields['kind'], code: String(code), message: String(message) };
  }
  for (const name of ['meta', 'driverAdapterError', 'cause']) {
    const found = dig(fields[name], depth + 1);
    if (found) return found;
  }
  return null;
}
