// The limit for the embedded database: its driver's best batch, and nothing around it.

import Database from 'libsql';

/** What a store is measured against. */
export interface Bare {
  write(slot: number, values: Float64Array): Promise<void>;
  close(): Promise<void>;
}

export function bareSqlite(file: string): Bare {
  const db = new Database(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec('CREATE TABLE reading (ts INTEGER, topic_id INTEGER, value REAL, PRIMARY KEY (ts, topic_id)) WITHOUT ROWID');
  // Its fastest batch: many rows to a statement, prepared once.
  const inserts = new Map<number, ReturnType<typeof db.prepare>>();
  const insertOf = (rows: number) => {
    const known = inserts.get(rows);
    if (known) return known;
    const made = db.prepare(
      `INSERT INTO reading VALUES ${Array(rows).fill('(?,?,?)').join(',')} ON CONFLICT DO NOTHING`,
    );
    inserts.set(rows, made);
    return made;
  };
  return {
    write: async (slot, values) => {
      db.exec('BEGIN');
      for (let topic = 0; topic < values.length; ) {
        const rows = Math.min(500, values.length - topic);
        const parameters: number[] = [];
        for (const end = topic + rows; topic < end; topic++) parameters.push(slot, topic, values[topic] as number);
        insertOf(rows).run(parameters);
      }
      db.exec('COMMIT');
    },
    close: async () => void db.close(),
  };
}
