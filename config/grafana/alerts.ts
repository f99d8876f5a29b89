// Alert rules in the form of Grafana's file provisioning. Their SQL has no macros: in these files Grafana takes every $ for
// an environment variable.
//
// SQL cannot see the spool: what it sees of a database that was away, or of a collector that is, is that nothing comes.
// config/prometheus/rules.yaml has the rule for the spool itself.

import { DATA_SOURCE_UID, type Sql } from './dialect.js';
import { ROLLUP_LAG_MINUTES } from './series.js';

interface Rule {
  readonly uid: string;
  readonly title: string;
  readonly query: string;
  /** It fires where the value is … */
  readonly is: 'gt' | 'lt';
  readonly than: number;
  readonly for: string;
  readonly noData: 'Alerting' | 'OK';
  readonly summary: string;
}

export function alertQueries(sql: Sql): readonly Rule[] {
  const hoursAgo = sql.plus(sql.now, -ROLLUP_LAG_MINUTES);
  return [
    {
      uid: 'emdc-meter-silent',
      title: 'Meter silent',
      // A meter that has said nothing for a week is taken to be gone.
      query: `SELECT l.meter AS name, 1e0 * min(l.age_seconds) AS age
FROM latest_measurement l
GROUP BY l.meter
HAVING min(l.age_seconds) < ${7 * 86_400}`,
      is: 'gt',
      than: 600,
      for: '0s',
      noData: 'Alerting',
      summary: 'No reading of meter {{ .Labels.name }} for more than ten minutes.',
    },
    {
      uid: 'emdc-coverage',
      title: 'Coverage under 95 %',
      // The newest quarters that are counted; SQLite's are counted at most an hour late.
      query: `SELECT m.name AS name, 100e0 * sum(CASE WHEN c.reason = '' THEN c.readings ELSE 0 END) / sum(c.readings) AS coverage
FROM meter m JOIN coverage_quarter c ON c.meter_id = m.id AND c.bucket > ${hoursAgo}
WHERE m.retired IS NULL
GROUP BY m.name
HAVING sum(c.readings) > 0`,
      is: 'lt',
      than: 95,
      for: '10m',
      noData: 'OK',
      summary: 'Less than 95 % of the newest hours of meter {{ .Labels.name }} is in the database.',
    },
    {
      uid: 'emdc-nothing-arrives',
      title: 'Nothing arrives for an hour',
      query: `SELECT 1e0 * (${sql.seconds(sql.now)} - ${sql.seconds('max(n.slot)')}) AS age FROM (
  SELECT (SELECT p.slot FROM poll p WHERE p.meter_id = m.id AND p.slot > ${sql.plus(sql.now, -7 * 1_440)} ORDER BY p.slot DESC LIMIT 1) AS slot FROM meter m
) n`,
      is: 'gt',
      than: 3_600,
      for: '0s',
      noData: 'Alerting',
      summary:
        'The newest poll in the database is more than an hour old: the collector is down, or its spool holds more than an hour.',
    },
  ];
}

export function alertRules(sql: Sql): object {
  return {
    apiVersion: 1,
    groups: [
      {
        orgId: 1,
        name: 'EMDC',
        folder: 'EMDC',
        interval: '1m',
        rules: alertQueries(sql).map((rule) => ruleOf(sql, rule)),
      },
    ],
  };
}

function ruleOf(sql: Sql, rule: Rule): object {
  const query = sql.query('A', rule.query, 'table');
  const queryType = 'queryType' in query ? { queryType: query.queryType } : {};
  return {
    uid: rule.uid,
    title: rule.title,
    condition: 'B',
    for: rule.for,
    noDataState: rule.noData,
    execErrState: 'Alerting',
    annotations: { summary: rule.summary },
    labels: { program: 'emdc' },
    data: [
      {
        refId: 'A',
        ...queryType,
        datasourceUid: DATA_SOURCE_UID,
        relativeTimeRange: { from: 3_600, to: 0 },
        model: query,
      },
      {
        refId: 'B',
        datasourceUid: '__expr__',
        model: {
          refId: 'B',
          type: 'threshold',
          expression: 'A',
          conditions: [{ evaluator: { type: rule.is, params: [rule.than] } }],
        },
      },
    ],
  };
}
