// Large parameters on their way to the driver. Prisma would make JSON of them, read that again, and keep those of the
// newest hundred statements for a log that nobody looks at: with a thousand meters every second, 100 MB. So it is given a
// name for each, and the driver's adapter puts the value in its place.

import { randomUUID } from 'node:crypto';
import type { SqlDriverAdapter, SqlDriverAdapterFactory, SqlQueryable } from '@prisma/driver-adapter-utils';
import type { Statement } from './db.js';

/** A parameter of a Statement that may be large. */
export class Large {
  readonly value: string | Uint8Array;

  constructor(value: string | Uint8Array) {
    this.value = value;
  }
}

/** No value from outside is ever taken for a name. */
const PREFIX = `large ${randomUUID()} `;

const values = new Map<string, string | Uint8Array>();
let count = 0;

/** Calls `work` with a name in the place of each large parameter. The names mean something until it has ended. */
export async function named<T>(
  statements: readonly Statement[],
  work: (statements: readonly Statement[]) => Promise<T>,
): Promise<T> {
  const names: string[] = [];
  const nameOf = (parameter: unknown) => {
    if (!(parameter instanceof Large)) return parameter;
    const name = `${PREFIX}${count++}`;
    values.set(name, parameter.value);
    names.push(name);
    return name;
  };
  try {
    return await work(statements.map(([sql, ...parameters]) => [sql, ...parameters.map(nameOf)]));
  } finally {
    for (const name of names) values.delete(name);
  }
}

/** An adapter whose statements may have named parameters. */
export function withLarge(factory: SqlDriverAdapterFactory): SqlDriverAdapterFactory {
  const { provider, adapterName } = factory;
  return { provider, adapterName, connect: async () => adapter(await factory.connect()) };
}

function adapter(inner: SqlDriverAdapter): SqlDriverAdapter {
  const begin = inner.startTransaction.bind(inner);
  inner.startTransaction = async (isolation) => queryable(await begin(isolation));
  return queryable(inner);
}

function queryable<T extends SqlQueryable>(inner: T): T {
  const execute = inner.executeRaw.bind(inner);
  inner.executeRaw = async (query) => {
    if (!query.args.some((argument) => typeof argument === 'string' && values.has(argument))) return execute(query);
    const args = query.args.map((argument) => values.get(argument as string) ?? argument);
    try {
      return await execute({ ...query, args });
    } finally {
      // The adapter keeps its newest hundred statements too.
      args.length = 0;
    }
  };
  return inner;
}
