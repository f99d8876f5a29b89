// How every database gets its schema: once, whoever comes first, all of it or none, and never by an older program.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EmdcError } from '../../src/model/errors.js';
import { silentLog } from '../../src/model/log.js';
import { packageRoot } from '../../src/model/paths.js';
import { readMigrations } from '../../src/store/migrate.js';
import { openStore } from '../../src/store/open.js';
import type { Dialect } from '../../src/store/store.js';
import type { TestDatabase } from './database.js';
import type { ContractOptions } from './store.js';

const startOnce = fileURLToPath(new URL('../store/start-once.js', import.meta.url));
const run = promisify(execFile);

export function migrateContract(
  name: string,
  options: ContractOptions & {
    readonly dialect: Dialect;
    /** SQL for name, nullable (0 or 1) and type of a table's columns. */
    readonly columns: (table: string) => string;
    /** What Prisma's types are called there. */
    readonly types: Readonly<Record<string, RegExp>>;
  },
): void {
  const { make, skip = false, dialect, columns, types } = options;
  describe(`the schema on ${name}`, { skip }, () => {
    let database: TestDatabase;
    before(async () => {
      database = await make();
    });
    after(() => database.drop());

    const open = () => openStore({ url: database.url, log: silentLog });

    it('four collectors that start at once on an empty database agree', async () => {
      await Promise.all([0, 1, 2, 3].map((slot) => run(process.execPath, [startOnce, database.url, String(slot)])));
      const counts = await database.rows(
        `SELECT (SELECT count(*) FROM _prisma_migrations), (SELECT count(*) FROM meter), (SELECT count(*) FROM topic),
          (SELECT count(*) FROM poll), (SELECT count(*) FROM reading)`,
      );
      assert.deepEqual(counts[0]?.map(Number), [readMigrations(dialect).length, 1, 20, 4, 80]);
    });

    it('is recorded as Prisma records it', async () => {
      const rows = await database.rows(
        'SELECT migration_name, checksum, applied_steps_count FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1',
      );
      assert.deepEqual(
        rows.map((row) => [row[0], row[1], Number(row[2])]),
        readMigrations(dialect).map(({ name, checksum }) => [name, checksum, 1]),
      );
      // Compared with rows that Prisma 7.10's own engine has written.
      const others = await database.rows(`SELECT id, logs, ${timely[dialect]} FROM _prisma_migrations`);
      for (const [id, logs, inOrder] of others) {
        assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        assert.deepEqual([logs, Boolean(inOrder)], [null, true]);
      }
    });

    it('has the columns of the models', async () => {
      for (const { table, fields } of models()) {
        const found = (await database.rows(columns(table))).filter(
          ([column]) => !(table === 'poll' && /^(readings|missing)$/.test(String(column))),
        );
        assert.deepEqual(
          found.map((row) => [row[0], Number(row[1]) === 1]).sort(),
          fields.map((field) => [field.column, field.optional]).sort(),
          table,
        );
        for (const { column, type } of fields) {
          const actual = String(found.find((row) => row[0] === column)?.[2]).toLowerCase();
          assert.match(actual, types[type] ?? /unknown type/, `${table}.${column}`);
        }
      }
    });

    it('has the views, with their columns', async () => {
      for (const [view, expected] of Object.entries(views)) {
        const found = await database.rows(columns(view));
        // SQLite's times are numbers: a text column stands beside them for people.
        const plain = found.map((row) => row[0]).filter((column) => column !== 'utc');
        assert.deepEqual(plain, expected, view);
      }
    });

    it('a database that a newer program has migrated is refused', async () => {
      await database.run(
        `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('x', 'x', '29990101000000_later', CURRENT_TIMESTAMP)`,
      );
      await assert.rejects(open(), (error) => error instanceof EmdcError && error.code === 'database-newer');
      await database.run(`DELETE FROM _prisma_migrations WHERE id = 'x'`);
      await (await open()).close();
    });

    it('a database made with another migration of the same name is refused', async () => {
      const [first] = readMigrations(dialect);
      const set = (checksum: string) =>
        database.run(`UPDATE _prisma_migrations SET checksum = '${checksum}' WHERE migration_name = '${first?.name}'`);
      await set('other');
      await assert.rejects(open(), (error) => error instanceof EmdcError && error.code === 'migration-edited');
      await set(first?.checksum ?? '');
      await (await open()).close();
    });

    it('a database that holds something else is refused, and left as it was', async () => {
      const other = await make();
      try {
        await other.run('CREATE TABLE poll (other INTEGER)');
        const failed = (error: unknown) => error instanceof EmdcError && error.code === 'migration-failed';
        await assert.rejects(openStore({ url: other.url, log: silentLog }), failed);
        assert.deepEqual(
          (await other.rows(columns('poll'))).map((row) => row[0]),
          ['other'],
        );
        if (dialect !== 'mysql') assert.deepEqual(await other.rows(columns('topic')), []);
        // The cause removed, the next start goes on.
        await other.run('DROP TABLE poll');
        await (await openStore({ url: other.url, log: silentLog })).close();
      } finally {
        await other.drop();
      }
    });
  });
}

/** On SQLite Prisma's engine writes milliseconds, although the column's default is text. */
const timely: Record<Dialect, string> = {
  sqlite: "typeof(started_at) = 'integer' AND typeof(finished_at) = 'integer' AND finished_at >= started_at",
  postgresql: 'finished_at >= started_at',
  mysql: 'finished_at >= started_at',
};

const views: Record<string, readonly string[]> = {
  reading: ['topic_id', 'ts', 'value'],
  measurement: ['time', 'meter', 'metric', 'topic', 'unit', 'value', 'by_hand'],
  latest_measurement: ['time', 'meter', 'metric', 'topic', 'unit', 'value', 'age_seconds'],
  missing: ['time', 'meter', 'metric', 'reason'],
  coverage: [
    ...['time', 'meter', 'expected', 'stored', 'missing', 'timeout', 'unreachable', 'disconnected', 'bad_answer'],
    ...['exception', 'not_available', 'invalid_value', 'offline', 'refused_before', 'other_meter', 'group_incomplete'],
    ...['deadline', 'shutdown', 'missed', 'down', 'lost', 'rejected'],
  ],
  energy: ['time', 'period', 'meter', 'metric', 'topic', 'unit', 'consumption', 'quality', 'day'],
  virtual_energy: ['time', 'period', 'meter', 'metric', 'unit', 'consumption', 'quality', 'day'],
  peak: ['month', 'meter', 'metric', 'topic', 'unit', 'time', 'consumption', 'power', 'quality', 'share'],
  topics: ['topic_id', 'topic_name'],
  meta: ['topic_id', 'metadata'],
  data: ['ts', 'topic_id', 'value_string'],
};

interface Field {
  readonly column: string;
  readonly type: string;
  readonly optional: boolean;
}

/** Tables and columns, from models.prisma; columns that are declared per provider are held by the other tests. */
function models(): { table: string; fields: Field[] }[] {
  const text = readFileSync(`${packageRoot}prisma/models.prisma`, 'utf8');
  return [...text.matchAll(/^model \w+ \{\n([\s\S]*?)^\}/gm)].flatMap(([, body = '']) => {
    const table = /@@map\("(\w+)"\)/.exec(body)?.[1] ?? '';
    const fields = [...body.matchAll(/^ {2}(\w+) +(Int|Float|String|DateTime|Boolean)(\??)(.*)$/gm)].map(
      ([, field = '', type = '', optional, rest = '']) => {
        const column = / @map\("(\w+)"\)/.exec(rest)?.[1] ?? field;
        return { column, type, optional: optional === '?' };
      },
    );
    assert.ok(table !== '' && fields.length > 1, body);
    return [{ table, fields }];
  });
}
