// What all dashboards have in common: their frame and their variables.

import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import type { Sql } from './dialect.js';
import { METER_IDS_QUERY, METERS } from './latest.js';
import { METER_IDS } from './metrics.js';

/** Series and rows are named by these, of t (topic) and m (meter). */
export const BY_METER = 'm.name';
export const BY_METRIC = 't.metric';

export const RELATIVE_ONLY =
  'Follows the calendar, in the time zone of the dashboard, while its range is a relative one.';

export function base(options: {
  uid: string;
  title: string;
  description: string;
  from: string;
}): dashboard.DashboardBuilder {
  return new dashboard.DashboardBuilder(options.title)
    .uid(options.uid)
    .description(options.description)
    .tags(['emdc'])
    .timezone('browser')
    .time({ from: options.from, to: 'now' })
    .refresh('1m')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .link(
      new dashboard.DashboardLinkBuilder('EMDC')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['emdc'])
        .asDropdown(false)
        .keepTime(true)
        .includeVars(false),
    );
}

const ALL: dashboard.VariableOption = { selected: true, text: ['All'], value: ['$__all'] };

/** Meter names: one, or several. */
export function meters(sql: Sql, several: boolean): dashboard.QueryVariableBuilder {
  const variable = new dashboard.QueryVariableBuilder('meter')
    .label('Meter')
    .datasource(sql.dataSource)
    .query(METERS)
    .refresh(dashboard.VariableRefresh.OnDashboardLoad)
    .multi(several)
    .includeAll(several);
  return several ? variable.current(ALL) : variable;
}

/** The ids of the meters that `meters` chose. */
export const meterIds = (sql: Sql): dashboard.QueryVariableBuilder => ids(sql, METER_IDS, METER_IDS_QUERY);

/** Topic ids of the chosen meters. */
export function ids(sql: Sql, name: string, query: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .hide(dashboard.VariableHide.HideVariable)
    .datasource(sql.dataSource)
    .query(query)
    .refresh(dashboard.VariableRefresh.OnDashboardLoad)
    .multi(true)
    .includeAll(true)
    .current(ALL);
}
