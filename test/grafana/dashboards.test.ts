// Every query of every dashboard and alert rule, as Grafana would send it, on real databases.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { alertQueries } from '../../config/grafana/alerts.js';
import { dashboards } from '../../config/grafana/dashboards.js';
import { dialects, type Sql } from '../../config/grafana/dialect.js';
import { grafanaFiles } from '../../config/grafana/main.js';
import { silentLog } from '../../src/model/log.js';
import { packageRoot } from '../../src/model/paths.js';
import { openStore } from '../../src/store/open.js';
import type { Dialect, Store } from '../../src/store/store.js';
import type { TestDatabase } from '../contract/database.js';
import { makeMysqlDatabase, makePostgresDatabase, skipMysql, skipPostgres } from '../store/server-databases.js';
import { makeSqliteDatabase } from '../store/sqlite-database.js';
import { type Answer, openSession, type Session } from './ask.js';
import { type Board, type Panel, panelsOf, sqlOf, variablesOf } from './board.js';
import { expand, intervalOf, type Range, type Variables } from './expand.js';
import { complete, down, HOUR_MS, inKilowatts, meters, POWER_W, sparse, writeSite } from './sample-site.js';

const provisioned = (sql: Sql, folder: string): unknown =>
  parse(readFileSync(`${packageRoot}config/grafana/provisioning/${sql.name}/${folder}/emdc.yaml`, 'utf8'));

describe('the files in config/grafana', () => {
  for (const sql of dialects) {
    it(`${sql.name}: dashboards and alert rules find the data source that is provisioned, and it holds no secret`, () => {
      const { datasources } = provisioned(sql, 'datasources') as { datasources: Record<string, unknown>[] };
      const { uid, type, secureJsonData } = datasources[0] ?? {};
      assert.deepEqual({ uid, type }, sql.dataSource);
      if (secureJsonData !== undefined)
        assert.match(JSON.stringify(secureJsonData), /^{"password":"\$__file\{[^}]+}"}$/);
      const { providers } = provisioned(sql, 'dashboards') as { providers: { options: { path: string } }[] };
      assert.equal(providers[0]?.options.path, `/etc/grafana/dashboards/${sql.name}`);
    });
  }

  for (const [name, text] of grafanaFiles()) {
    it(`${name} is what npm run dashboards writes`, () => {
      assert.equal(readFileSync(`${packageRoot}config/grafana/${name}`, 'utf8'), text);
    });
  }
});

const backends: Readonly<Record<Dialect, { make: () => TestDatabase | Promise<TestDatabase>; skip: string | false }>> =
  {
    sqlite: { make: makeSqliteDatabase, skip: false },
    postgresql: { make: makePostgresDatabase, skip: skipPostgres },
    mysql: { make: makeMysqlDatabase, skip: skipMysql },
  };

const DAY_MS = 24 * HOUR_MS;

for (const sql of dialects) {
  const { make, skip } = backends[sql.name];

  describe(`Grafana on ${sql.name}`, { skip }, () => {
    let database: TestDatabase;
    let store: Store;
    let session: Session;
    let newest: number;
    let now: number;
    before(async () => {
      database = await make();
      store = await openStore({ url: database.url, log: silentLog });
      now = Date.now();
      newest = await writeSite(store, now);
      session = await openSession(sql.name, database.url);
    });
    after(async () => {
      await session?.close();
      await store?.close();
      await database?.drop();
    });

    const ranges = (): Record<string, Range> => ({
      'six hours': { from: now - 6 * HOUR_MS, to: now },
      'three days': { from: now - 3 * DAY_MS, to: now },
    });

    /** The variables as they are when a user has chosen these meters; the lists of ids are asked for, as Grafana does. */
    async function variablesFor(board: Board, chosen: readonly string[]): Promise<Variables> {
      const variables = new Map<string, readonly string[]>([['meter', chosen]]);
      for (const { name, query } of variablesOf(board)) {
        const text = expand(sql.name, query, { range: { from: now - HOUR_MS, to: now }, interval: '1m', variables });
        const { columns, rows } = await session.ask(text);
        assert.equal(columns.length, 1, `${name}: one column`);
        const values = rows.map((row) => String(row[0]));
        if (name === 'meter') assert.deepEqual(values, meters.map((info) => info.name).sort());
        else variables.set(name, values);
      }
      return variables;
    }

    async function ask(panel: Panel, range: Range, variables: Variables): Promise<Answer> {
      return session.ask(textOf(panel, range, variables));
    }
    const textOf = (panel: Panel, range: Range, variables: Variables): string =>
      expand(sql.name, sqlOf(panel), { range, interval: intervalFor(panel, range), variables });

    for (const [name, describeBoard] of Object.entries(dashboards)) {
      const board = describeBoard(sql) as unknown as Board;
      const chosen = name === 'meter' ? [complete.name] : meters.map((info) => info.name);

      for (const length of ['six hours', 'three days']) {
        it(`${name}: every panel shows something over ${length}`, async () => {
          const range = ranges()[length] as Range;
          const variables = await variablesFor(board, chosen);
          for (const panel of panelsOf(board)) {
            const answer = await ask(panel, range, variables).catch((error: Error) => {
              throw new Error(`${panel.title}: ${error.message}\n${textOf(panel, range, variables)}`);
            });
            checkAnswer(sql, panel, answer, range);
          }
        });
      }

      it(`${name}: no panel reads more of the big tables than its range`, async () => {
        const range = ranges()['six hours'] as Range;
        const variables = await variablesFor(board, chosen);
        for (const panel of panelsOf(board)) {
          assert.deepEqual(await session.fullScans(textOf(panel, range, variables)), [], panel.title);
        }
      });
    }

    it('a meter that lacks most metrics has a dashboard, too', async () => {
      const board = dashboards['meter']?.(sql) as unknown as Board;
      for (const info of [sparse, down, inKilowatts]) {
        const variables = await variablesFor(board, [info.name]);
        for (const panel of panelsOf(board)) await ask(panel, ranges()['six hours'] as Range, variables);
      }
    });

    it('energy and power come in watts and up to the newest reading, whatever the map measures in', async () => {
      const board = dashboards['site']?.(sql) as unknown as Board;
      const variables = await variablesFor(board, [complete.name, inKilowatts.name]);
      const panels = new Map(panelsOf(board).map((panel) => [panel.title, panel]));
      const values = async (title: string, range: Range) => {
        const { columns, rows } = await ask(panels.get(title) as Panel, range, variables);
        return rows.map((row) => Number(row[columns.indexOf('value')]));
      };
      const start = newest - (newest % 900_000) - 4 * HOUR_MS;
      const hours = (newest - (start - 60_000)) / HOUR_MS;
      const energy = await values('Energy today', { from: start, to: now });
      assert.equal(energy.length, 2);
      for (const value of energy) assertNear(value, hours * POWER_W);
      for (const value of await values('Power now', { from: start, to: now })) assertNear(value, POWER_W);
      for (const value of await values('Load profile by hour of the day', { from: start, to: now })) {
        assertNear(value, 2 * POWER_W);
      }
      const yesterday = await values('Energy yesterday', { from: start - DAY_MS, to: start - 1 });
      for (const value of yesterday) assertNear(value, 24 * POWER_W);
    });

    it('a gap is drawn as a gap', async () => {
      const board = dashboards['meter']?.(sql) as unknown as Board;
      const variables = await variablesFor(board, [complete.name]);
      const panel = panelsOf(board).find(({ title, type }) => title === 'Frequency' && type === 'timeseries') as Panel;
      const range = { from: now - 5 * HOUR_MS, to: now };
      const whole = await ask(panel, range, variables);
      assert.equal(whole.rows.filter((row) => row[2] === null).length, 0);
      const cut = textOf(panel, range, variables).replaceAll(
        'parts',
        `parts WHERE at < ${timeOf(sql, now - 3 * HOUR_MS)} OR at > ${timeOf(sql, now - 2 * HOUR_MS)}`,
      );
      const { rows } = await session.ask(cut);
      assert.equal(rows.filter((row) => row[2] === null).length, 1);
    });

    for (const rule of alertQueries(sql)) {
      it(`the alert rule "${rule.title}" answers, and reads little`, async () => {
        assert.doesNotMatch(rule.query, /\$/);
        const { columns, rows } = await session.ask(rule.query);
        assert.ok(rows.length > 0);
        for (const row of rows) {
          const numbers = row.filter((value) => typeof value === 'number');
          assert.equal(numbers.length, 1, `one number in ${columns}`);
        }
        assert.deepEqual(await session.fullScans(rule.query), []);
      });
    }

    it('the alert rules tell the meter that is down from the others', async () => {
      const firing = async (uid: string) => {
        const rule = alertQueries(sql).find((one) => one.uid === uid);
        assert.ok(rule);
        const { rows } = await session.ask(rule.query);
        const fires = (value: number) => (rule.is === 'gt' ? value > rule.than : value < rule.than);
        return rows.filter((row) => fires(Number(row.at(-1)))).map((row) => (row.length === 1 ? '' : row[0]));
      };
      assert.deepEqual(await firing('emdc-meter-silent'), [down.name]);
      assert.deepEqual(await firing('emdc-coverage'), [down.name]);
      assert.deepEqual(await firing('emdc-nothing-arrives'), []);
    });
  });
}

const intervalFor = (panel: Panel, range: Range): string =>
  intervalOf(range, panel.maxDataPoints ?? 1_000, panel.interval ?? '1s');

const timeOf = (sql: Sql, ms: number): string => {
  if (sql.name === 'sqlite') return String(ms);
  return `'${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')}${sql.name === 'postgresql' ? 'Z' : ''}'`;
};

const assertNear = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= Math.abs(expected) * 1e-6, `${actual} is not ${expected}`);

/** What the panel draws is there: times in order, numbers, names. */
function checkAnswer(sql: Sql, panel: Panel, answer: Answer, range: Range): void {
  const { title } = panel;
  const { columns, rows } = answer;
  assert.ok(rows.length > 0, `${title}: no rows`);
  const column = (name: string) => rows.map((row) => row[columns.indexOf(name)]);
  if (panel.format === 'time_series') {
    assert.deepEqual(
      columns.filter((name) => name !== 'metric'),
      ['time', 'value'],
      title,
    );
    const times = column('time').map(Number);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
      `${title}: in order of time`,
    );
    const slack = 2 * DAY_MS;
    assert.ok(
      times.every((time) => time * 1_000 > range.from - slack && time * 1_000 <= range.to),
      `${title}: seconds`,
    );
    assert.ok(
      column('value').every((value) => typeof value === 'number' || value === null),
      `${title}: numbers`,
    );
    assert.ok(
      column('value').some((value) => value !== null),
      `${title}: values`,
    );
    if (columns.includes('metric'))
      assert.ok(
        column('metric').every((name) => typeof name === 'string'),
        title,
      );
  } else {
    assert.ok(
      column('name').every((name) => typeof name === 'string'),
      `${title}: names`,
    );
    if (panel.type === 'stat') assert.deepEqual(columns, ['name', 'value'], title);
    const numeric = columns.filter((name) => column(name).some((value) => typeof value === 'number'));
    assert.ok(numeric.length > 0, `${title}: numbers`);
  }
  const known = new Set([...columns, sql.timeField]);
  for (const name of panel.fieldNames) assert.ok(known.has(name), `${title}: no column ${name}`);
}
