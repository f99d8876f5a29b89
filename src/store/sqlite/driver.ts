// Prisma's way to libSQL, SQLite's prebuilt twin (better-sqlite3 compiles itself or downloads when it is installed, and
// Prisma's own adapters need it, or lose their PRAGMAs). One connection, statements prepared once, transactions that
// take the write lock when they begin, so that they never fail halfway for want of it, and that are on the disk when
// their commit returns.

import {
  type ArgType,
  type ColumnType,
  ColumnTypeEnum,
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlDriverAdapterFactory,
  type SqlQuery,
  type SqlQueryable,
  type SqlResultSet,
  type Transaction,
} from '@prisma/driver-adapter-utils';
import Database from 'libsql';

/** What libSQL really has; its type declarations are better-sqlite3's and promise more. */
export interface SqliteConnection {
  prepare(sql: string): SqliteStatement;
  exec(sql: string): void;
  close(): void;
}

export interface SqliteStatement {
  readonly reader: boolean;
  run(parameters: readonly unknown[]): { readonly changes: number };
  all(parameters: readonly unknown[]): unknown[];
  raw(): SqliteStatement;
  safeIntegers(): SqliteStatement;
  columns(): readonly { readonly name: string; readonly type: string | null }[];
}

/** Throws libSQL's errors, which carry `code`, e.g. SQLITE_BUSY. */
export function openConnection(path: string, busyTimeoutMs: number): SqliteConnection {
  return new Database(path, { timeout: busyTimeoutMs }) as unknown as SqliteConnection;
}

/** `sync` is called after each commit, and returns when it is on the disk. */
export function sqliteAdapter(connection: SqliteConnection, sync: () => void): SqlDriverAdapterFactory {
  return { ...identity, connect: () => Promise.resolve(adapter(connection, sync)) };
}

const identity = { provider: 'sqlite', adapterName: 'emdc-libsql' } as const;

/** SQLite's own limit since 3.32; without it Prisma's client assumes 999, fewer than a thousand meters' ids. */
const MAX_PARAMETERS = 32_766;

/** Statements kept prepared; the program has about thirty. */
const MAX_PREPARED = 64;

function adapter(connection: SqliteConnection, sync: () => void): SqlDriverAdapter {
  const prepared = new Map<string, SqliteStatement>();
  let previous: Promise<void> = Promise.resolve();

  const prepare = (sql: string): SqliteStatement => {
    let statement = prepared.get(sql);
    if (statement === undefined) {
      statement = connection.prepare(sql);
      if (statement.reader) statement = statement.raw().safeIntegers();
      if (prepared.size >= MAX_PREPARED) prepared.clear();
      prepared.set(sql, statement);
    }
    return statement;
  };

  const queryable: SqlQueryable = {
    ...identity,
    queryRaw: async (query) => translated(() => resultOf(prepare(query.sql), argumentsOf(query))),
    executeRaw: async (query) => translated(() => prepare(query.sql).run(argumentsOf(query)).changes),
  };

  /** Takes the write lock once earlier transactions have ended; resolves to a function that lets the next one begin. */
  const begin = async (): Promise<() => void> => {
    const before = previous;
    let release = () => {};
    previous = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    try {
      translated(() => prepare('BEGIN IMMEDIATE').run([]));
    } catch (error) {
      release();
      throw error;
    }
    return release;
  };

  return {
    ...queryable,
    getConnectionInfo: () => ({ maxBindValues: MAX_PARAMETERS, supportsRelationJoins: false }),
    executeRaw: async (query) => {
      const changes = await queryable.executeRaw(query);
      sync();
      return changes;
    },
    executeScript: async (script) => translated(() => connection.exec(script)),
    startTransaction: async () => {
      const release = await begin();
      // Prisma sends COMMIT and ROLLBACK as statements of their own and calls these afterwards.
      const transaction: Transaction = {
        ...queryable,
        options: { usePhantomQuery: false },
        commit: async () => {
          release();
          sync();
        },
        rollback: async () => release(),
      };
      return transaction;
    },
    dispose: async () => connection.close(),
  };
}

function resultOf(statement: SqliteStatement, parameters: unknown[]): SqlResultSet {
  if (!statement.reader) {
    statement.run(parameters);
    return { columnNames: [], columnTypes: [], rows: [] };
  }
  const rows = statement.all(parameters) as unknown[][];
  const columns = statement.columns();
  const columnTypes = columns.map((column, index) => declaredType(column.type) ?? foundType(rows, index));
  return {
    columnNames: columns.map((column) => column.name),
    columnTypes,
    rows: rows.map((row) => row.map((value, index) => resultValue(value, columnTypes[index]))),
  };
}

function declaredType(type: string | null): ColumnType | null {
  switch (type?.toUpperCase()) {
    case 'INTEGER':
      return ColumnTypeEnum.Int32;
    case 'BIGINT':
      return ColumnTypeEnum.Int64;
    case 'REAL':
      return ColumnTypeEnum.Double;
    case 'DATETIME':
      return ColumnTypeEnum.DateTime;
    case 'TEXT':
      return ColumnTypeEnum.Text;
    default:
      return null;
  }
}

/** An expression has no declared type: that of its first value counts. */
function foundType(rows: readonly unknown[][], index: number): ColumnType {
  const value = rows.find((row) => row[index] !== null)?.[index];
  if (typeof value === 'bigint') return ColumnTypeEnum.Int64;
  if (typeof value === 'number') return ColumnTypeEnum.Double;
  return typeof value === 'string' ? ColumnTypeEnum.Text : ColumnTypeEnum.Int32;
}

function resultValue(value: unknown, type: ColumnType | undefined): unknown {
  if (value === null) return null;
  if (type === ColumnTypeEnum.DateTime) return new Date(Number(value)).toISOString();
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

const argumentsOf = (query: SqlQuery): unknown[] =>
  query.args.map((value, index) => argument(value, query.argTypes[index]));

function argument(value: unknown, type: ArgType | undefined): unknown {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Date) return BigInt(value.getTime());
  if (typeof value === 'number' && Number.isSafeInteger(value) && type?.scalarType !== 'float') return BigInt(value);
  if (typeof value !== 'string') return value;
  switch (type?.scalarType) {
    case 'int':
    case 'bigint':
      return BigInt(value);
    case 'float':
    case 'decimal':
      return Number(value);
    case 'bytes':
      return Buffer.from(value, 'base64');
    case 'datetime':
      return BigInt(new Date(value).getTime());
    default:
      return value;
  }
}

function translated<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    const extendedCode = 'rawCode' in error && typeof error.rawCode === 'number' ? error.rawCode : 1;
    throw new DriverAdapterError({
      kind: 'sqlite',
      extendedCode,
      message: error.message,
      originalCode: String(error.code),
      originalMessage: error.message,
    });
  }
}
