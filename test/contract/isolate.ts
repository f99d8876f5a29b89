// What every database must hold when it refuses some values for ever: all other values, with the refused ones missing as
// `rejected`; the same wherever the work was interrupted, and however often it was done again.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/model/clock.js';
import { silentLog } from '../../src/model/log.js';
import type { Batch, Poll } from '../../src/model/poll.js';
import { openRecorder } from '../../src/record/recorder.js';
import { openStore } from '../../src/store/open.js';
import { type Dialect, type Store, StoreFailure } from '../../src/store/store.js';
import { gauge, noon, sampleMeter, samplePoll } from '../store/sample.js';
import { temporaryFolder } from '../support/polls.js';
import type { TestDatabase } from './database.js';
import type { ContractOptions } from './store.js';

const BAD = 666;

/** Has the database refuse a value, as it refuses what a column cannot hold. */
const REFUSING: Record<Dialect, string> = {
  sqlite: `CREATE TRIGGER refuse BEFORE INSERT ON poll
      WHEN EXISTS (SELECT 1 FROM json_each(NEW.readings) WHERE value = ${BAD})
      BEGIN SELECT RAISE(ABORT, 'value refused'); END;`,
  postgresql: `
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF ${BAD} = ANY (NEW.readings) THEN RAISE EXCEPTION 'value refused' USING ERRCODE = '22003'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON poll FOR EACH ROW EXECUTE FUNCTION refuse();`,
  mysql: `
    CREATE TRIGGER refuse BEFORE INSERT ON poll FOR EACH ROW IF JSON_CONTAINS(NEW.readings, '${BAD}')
      THEN SIGNAL SQLSTATE '22003' SET MYSQL_ERRNO = 1264, MESSAGE_TEXT = 'value refused'; END IF`,
};

export function isolateContract(name: string, { make, skip = false }: ContractOptions): void {
  describe(`values that ${name} refuses for ever`, { skip }, () => {
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

    const polls = (...values: (number | null)[][]): readonly Poll[] => {
      const metrics = Array.from({ length: 7 }, (_, i) => gauge(`m${i}`));
      const meter = sampleMeter(`Site/refused ${++runs}`, metrics);
      return values.map((own, at) => samplePoll(meter, noon + at * 1000, own));
    };

    /** Records as a collector does; the database goes away after so many writes. Resolves to whether all went through. */
    const record = async (directory: string, site: readonly Poll[], writes: number): Promise<boolean> => {
      let left = writes;
      const limited: Store = {
        dialect: store.dialect,
        write: async (batch: Batch) => {
          if (left-- <= 0) throw new StoreFailure({ code: 'away', message: 'away', remedy: 'spool' });
          await store.write(batch);
        },
        setMeters: async () => [],
        setVirtualMeters: async () => {},
        newestSlots: (names) => store.newestSlots(names),
        identities: (names: readonly string[]) => store.identities(names),
        newestPolls: (meters) => store.newestPolls(meters),
        check: () => store.check(),
        maintain: async () => false,
        close: async () => {},
      };
      const spool = { directory, maxBytes: 1e8, maxAgeMs: 1e15 };
      const openLimited = async () => limited;
      const recorder = await openRecorder({
        dialect: store.dialect,
        openStore: openLimited,
        spool,
        clock: systemClock,
        log: silentLog,
      });
      await recorder.started();
      await recorder.record({ polls: site, gaps: [] });
      while (left >= 0 && recorder.state().spool.bytes > 0) await systemClock.sleep(2);
      const through = recorder.state().spool.bytes === 0;
      await recorder.close({ deadlineMs: 0 });
      return through;
    };

    const check = async (site: readonly Poll[], what: string) => {
      const rows = await database.rows(`
        SELECT p.expected, p.stored, (SELECT count(*) FROM reading r JOIN topic t ON t.id = r.topic_id
          WHERE t.meter_id = m.id AND r.ts = p.slot) FROM poll p JOIN meter m ON m.id = p.meter_id
        WHERE m.name = '${site[0]?.meter.name}' ORDER BY p.slot`);
      assert.deepEqual(
        rows.map((row) => row.map(Number)),
        site.map(({ values, missing }) => {
          const rejected = values.filter((value) => value === BAD).length;
          const stored = rejected > 1 ? 0 : values.length - rejected - missing.size;
          return [7, stored, stored];
        }),
        what,
      );
    };

    it('are missing, all others are stored; twice is as once', async (t) => {
      const site = polls(
        [1, 2, BAD, 4, null, 6, 7],
        [1, 2, 3, 4, 5, 6, 7],
        [BAD, 2, 3, 4, 5, BAD, BAD],
        [null, null, null, null, null, null, null],
      );
      for (const what of ['once', 'again']) {
        assert.equal(await record(await temporaryFolder(t), site, Number.POSITIVE_INFINITY), true);
        await check(site, what);
      }
    });

    it('are told apart in the same way when the work is interrupted, wherever that is', async (t) => {
      for (let writes = 1; ; writes++) {
        const site = polls([1, 2, BAD, 4, null, 6, 7], [1, 2, 3, 4, 5, 6, 7]);
        const directory = await temporaryFolder(t);
        const through = await record(directory, site, writes);
        assert.equal(await record(directory, [], Number.POSITIVE_INFINITY), true);
        await check(site, `interrupted after ${writes} writes`);
        if (through) break;
      }
    });
  });
}
