// Counts polls and gaps of the embedded database, in order of time, for the view `coverage`: the migration says how. Any
// stretch will do, since each is added to what its quarter has already.

import { type Db, runAll } from '../db.js';
import { nextStep } from '../rollups.js';
import { BUCKET_MS } from '../rows.js';
import { GRACE_MS } from '../upkeep.js';

/** Milliseconds counted at once. */
const FIRST_STEP = 60_000;
const MAX_STEP = 30 * 86_400_000;

const COUNTED = "(SELECT value FROM upkeep WHERE name = 'counted_until')";

const OLDEST = `
SELECT min(coalesce((SELECT min(slot) FROM poll WHERE slot >= ${COUNTED}), 9e15),
  coalesce((SELECT min(ts) FROM gap WHERE ts >= ${COUNTED}), 9e15)) + 0 AS ts`;

const ADD = `
INSERT INTO tally (hour, meter_id, bucket, reason, expected, stored, readings, slots)
SELECT bucket - bucket % 3600000, meter_id, bucket, reason, sum(expected), sum(stored), sum(readings), sum(slots)
FROM (
  SELECT meter_id, slot - slot % ${BUCKET_MS} AS bucket, '' AS reason, expected, stored, 0 AS readings, 0 AS slots
  FROM poll WHERE slot >= ${COUNTED} AND slot < ?1
  UNION ALL
  SELECT meter_id, ts - ts % ${BUCKET_MS}, reason, CASE WHEN until > ts THEN readings ELSE 0 END, 0, readings, slots
  FROM gap WHERE ts >= ${COUNTED} AND ts < ?1
)
GROUP BY bucket, meter_id, reason
ON CONFLICT DO UPDATE SET expected = expected + excluded.expected, stored = stored + excluded.stored,
  readings = readings + excluded.readings, slots = slots + excluded.slots`;

export class SqliteTally {
  readonly #db: Db;
  #step = FIRST_STEP;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Counts on, up to the last quarter that is over; true: there may be more. */
  async step(now: number): Promise<boolean> {
    const [row] = await this.#db.$queryRawUnsafe<{ ts: bigint | number }[]>(OLDEST);
    const oldest = Number(row?.ts);
    const over = now - GRACE_MS - ((now - GRACE_MS) % BUCKET_MS);
    if (!(oldest < over)) return false;
    const until = Math.min(over, oldest + this.#step);
    const started = performance.now();
    // From where the database says, not from `oldest`: another process may have written something older meanwhile.
    await runAll(this.#db, [
      [ADD, until],
      ["UPDATE upkeep SET value = max(value, ?) WHERE name = 'counted_until'", until],
    ]);
    this.#step = nextStep(this.#step, performance.now() - started, MAX_STEP);
    return true;
  }
}
