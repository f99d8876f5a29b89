import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generate } from '../../src/gendata/generate.js';
import { parseSeries } from '../../src/gendata/series.js';
import { KnownMetrics } from '../../src/import/known-metrics.js';
import { silentLog } from '../../src/model/log.js';
import { openStore } from '../../src/store/open.js';
import { kinds, readingsOf } from '../import/support.js';

for (const kind of kinds) {
  test(`sample data in ${kind.name} take the place of values of their times, and leave all others`, {
    skip: kind.skip,
  }, async (t) => {
    const target = await kind.make();
    t.after(() => target.drop());
    const one = (start: string, end: string, offset: number, topic = 'a/b') =>
      ({ start, end, topic_name: topic, topic_id: 1, sample_rate: 1, amplitude_offset: offset, spread: 0 }) as const;
    const run = async (...entries: object[]) => {
      const store = await openStore({ url: target.url, log: silentLog });
      const series = parseSeries(JSON.stringify(entries), 'test.json');
      const known = new KnownMetrics([]);
      const write = (batch: Parameters<typeof store.write>[0]) => store.write(batch);
      try {
        return await generate(series, { write, known, random: () => 0.5, onProgress: () => {} });
      } finally {
        while (await store.catchUp?.());
        await store.close();
      }
    };
    const first = await run(
      one('2017-01-01T00:00:00Z', '2017-01-01T00:00:10Z', 1),
      one('2017-01-01', '2017-01-01T00:00:10Z', 5, 'a/c'),
    );
    assert.deepEqual(first, { topics: 2, written: 20 });
    const second = await run(
      one('2017-01-01T00:00:04Z', '2017-01-01T00:00:06Z', 7),
      one('2017-01-01T00:00:05Z', '2017-01-01T00:00:06Z', 100),
    );
    assert.deepEqual(second, { topics: 1, written: 2 });
    const values = async (topic: string) =>
      (await readingsOf(target, kind)).filter(([name]) => name === topic).map(([, , value]) => value);
    assert.deepEqual(await values('a/b'), [1, 1, 1, 1, 7, 107, 1, 1, 1, 1]);
    assert.deepEqual(await values('a/c'), new Array(10).fill(5));
    assert.deepEqual(
      (await target.rows('SELECT count, max FROM rollup ORDER BY max')).map((row) => row.map(Number)),
      [
        [10, 5],
        [10, 107],
      ],
    );
  });
}
