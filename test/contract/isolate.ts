// What every database must hold when it refuses some readings of a poll for ever: all the others, and a poll whose figures
// are those of its readings, wherever the work was interrupted and however often it was done again.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../src/model/log.js';
import type { Poll } from '../../src/model/poll.js';
import type { WriteResult } from '../../src/record/database.js';
import { isolate } from '../../src/record/isolate.js';
import { openStore } from '../../src/store/open.js';
import { type Dialect, type Store, type StoreBatch, StoreFailure } from '../../src/store/store.js';
import { gauge, noon, sampleMeter, samplePoll } from '../store/sample.js';
import type { TestDatabase } from './database.js';
import type { ContractOptions } from './store.js';

const BAD = 666;
const AWAY = new StoreFailure({ code: 'away', message: 'the plug was pulled', remedy: 'spool' });

/** Has the database refuse a value, as it refuses what a column cannot hold. */
const REFUSING: Record<Dialect, string> = {
  sqlite: ['reading_recent', 'reading_history']
    .map(
      (table) => `CREATE TRIGGER refuse_${table} BEFORE INSERT ON ${table} WHEN NEW.value = ${BAD}
        BEGIN SELECT RAISE(ABORT, 'value refused'); END;`,
    )
    .join('\n'),
  postgresql: `
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.value = ${BAD} THEN RAISE EXCEPTION 'value refused' USING ERRCODE = '22003'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON reading FOR EACH ROW EXECUTE FUNCTION refuse();`,
  mysql: `
    CREATE TRIGGER refuse BEFORE INSERT ON reading FOR EACH ROW
      IF NEW.value = ${BAD} THEN SIGNAL SQLSTATE '22003' SET MYSQL_ERRNO = 1264, MESSAGE_TEXT = 'value refused'; END IF`,
};

export function isolateContract(name: string, { make, ms, skip = false }: ContractOptions): void {
  describe(`readings that ${name} refuses for ever`, { skip }, () => {
    let database: TestDatabase;
    let store: Store;
    let runs = 0;
    before(async () => {
      database = await make();
      store = await openStore({ url: database.url, log: silentLog });
      await database.run(REFUSING[store.dialect]);
    });
    after(async () => {
      await store.close();
      await database.drop();
    });

    /** Delivers as the drain does. The plug is pulled after so many writes; false: it was. */
    const deliver = async (polls: readonly Poll[], writes: number, buried: Set<string>): Promise<boolean> => {
      let left = writes;
      const write = async (batch: StoreBatch): Promise<WriteResult> => {
        if (left-- <= 0) return { kind: 'away', error: AWAY };
        try {
          await store.write(batch);
          return { kind: 'stored' };
        } catch (error) {
          assert.ok(error instanceof StoreFailure && error.remedy === 'stop', String(error));
          return { kind: 'refused', error };
        }
      };
      const bury = async ({ polls: [poll] }: { readonly polls: readonly Poll[] }) => {
        poll?.values.forEach((value, index) => {
          if (!Number.isNaN(value)) buried.add(`${poll.slot} ${index} ${value}`);
        });
      };
      const result = await write({ polls, gaps: [] });
      if (result.kind === 'stored') return true;
      return result.kind === 'refused' && (await isolate({ polls, gaps: [] }, result.error, { write, bury })) === null;
    };

    const polls = (...values: (number | null)[][]): readonly Poll[] => {
      const metrics = Array.from({ length: 7 }, (_, i) => gauge(`m${i}`));
      const meter = sampleMeter(`Site/refused ${++runs}`, metrics);
      return values.map((own, at) => samplePoll(meter, noon + at * 1000, own));
    };

    const check = async (site: readonly Poll[], buried: ReadonlySet<string>, what: string) => {
      const meter = `m.name = '${site[0]?.meter.name}'`;
      const rows = await database.rows(`
        SELECT ${ms('p.slot')}, p.expected, p.stored, (SELECT count(*) FROM reading r JOIN topic t ON t.id = r.topic_id
          WHERE t.meter_id = m.id AND r.ts = p.slot) FROM poll p JOIN meter m ON m.id = p.meter_id WHERE ${meter} ORDER BY 1`);
      const gaps = await database.rows(`
        SELECT ${ms('g.ts')}, g.reason, g.readings FROM gap g JOIN meter m ON m.id = g.meter_id WHERE ${meter} ORDER BY 1, 2`);
      const counted = site.map(({ slot, values, missing }) => {
        const rejected = values.filter((value) => value === BAD).length;
        return { slot, rejected, timeout: missing.size, stored: values.length - rejected - missing.size };
      });
      assert.deepEqual(
        rows.map((row) => row.map(Number)),
        counted.map(({ slot, stored }) => [slot, 7, stored, stored]),
        what,
      );
      assert.deepEqual(
        gaps,
        counted.flatMap(({ slot, rejected, timeout }) =>
          [
            [slot, 'rejected', rejected],
            [slot, 'timeout', timeout],
          ].filter(([, , readings]) => readings !== 0),
        ),
        what,
      );
      const refused = site.flatMap(({ slot, values }) =>
        [...values].flatMap((value, index) => (value === BAD ? [`${slot} ${index} ${BAD}`] : [])),
      );
      assert.deepEqual([...buried].sort(), refused.sort(), what);
    };

    it('are dead letters, all others are stored, and their polls say so; twice is as once', async () => {
      const site = polls(
        [1, 2, BAD, 4, null, 6, 7],
        [1, 2, 3, 4, 5, 6, 7],
        [BAD, 2, 3, 4, 5, BAD, BAD],
        [BAD, BAD, BAD, BAD, null, BAD, BAD],
        [null, null, null, null, null, null, null],
      );
      const buried = new Set<string>();
      assert.equal(await deliver(site, Number.POSITIVE_INFINITY, buried), true);
      await check(site, buried, 'once');
      assert.equal(await deliver(site, Number.POSITIVE_INFINITY, buried), true);
      for (const poll of site) await deliver([poll], Number.POSITIVE_INFINITY, buried);
      await check(site, buried, 'again');
    });

    it('are told apart in the same way when the work is interrupted, wherever that is', async () => {
      for (let writes = 1; ; writes++) {
        const site = polls([1, 2, BAD, 4, null, 6, BAD], [1, 2, 3, 4, 5, 6, 7]);
        const buried = new Set<string>();
        const through = await deliver(site, writes, buried);
        assert.equal(await deliver(site, Number.POSITIVE_INFINITY, buried), true);
        await check(site, buried, `interrupted after ${writes} writes`);
        if (through) break;
      }
    });
  });
}
