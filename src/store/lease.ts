// A lease on a name, kept in the database and timed by its clock, so that the collectors' own clocks need not agree.

import type { Db, Statement } from './db.js';
import type { Dialect, LeaseRequest } from './store.js';

/** Takes or renews the lease unless somebody else's is still running. Resolves to who holds it now; null: nobody. */
export async function takeLease(db: Db, dialect: Dialect, request: LeaseRequest): Promise<string | null> {
  const { name, holder, ttlMs } = request;
  if (ttlMs === 0) await db.$executeRawUnsafe(...release(dialect, name, holder));
  else await db.$executeRawUnsafe(...take(dialect, request));
  const sql = `SELECT holder FROM lease WHERE name = ${dialect === 'postgresql' ? '$1' : '?'}`;
  const rows = await db.$queryRawUnsafe<{ holder: string }[]>(sql, name);
  return rows[0]?.holder ?? null;
}

const release = (dialect: Dialect, name: string, holder: string): Statement =>
  dialect === 'postgresql'
    ? ['DELETE FROM lease WHERE name = $1 AND holder = $2', name, holder]
    : ['DELETE FROM lease WHERE name = ? AND holder = ?', name, holder];

function take(dialect: Dialect, { name, holder, ttlMs }: LeaseRequest): Statement {
  if (dialect === 'postgresql') {
    const sql = `
INSERT INTO lease AS l (name, holder, until)
VALUES ($1, $2, clock_timestamp() + $3::int * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE l.holder = excluded.holder OR l.until < clock_timestamp()`;
    return [sql, name, holder, ttlMs];
  }
  // Assigned from left to right: the second one sees what the first one decided.
  const sql = `
INSERT INTO lease (name, holder, until) VALUES (?, ?, NOW(3) + INTERVAL ? * 1000 MICROSECOND)
ON DUPLICATE KEY UPDATE
  holder = IF(holder = VALUES(holder) OR until < NOW(3), VALUES(holder), holder),
  until = IF(holder = VALUES(holder), VALUES(until), until)`;
  return [sql, name, holder, ttlMs];
}
