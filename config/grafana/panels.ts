// Panels as the dashboards need them: what all have in common is said here once. A panel's query returns the columns that
// its kind draws, and a test runs every query on every database: values over time have time, metric, value; lists have
// name and value; tables whatever they show.

import * as barchart from '@grafana/grafana-foundation-sdk/barchart';
import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as text from '@grafana/grafana-foundation-sdk/text';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { type Sql, target } from './dialect.js';
import { GAP_S } from './series.js';

export interface Place {
  readonly title: string;
  readonly description?: string;
  readonly query: string;
  /** Grafana's name of the unit. */
  readonly unit?: string;
  /** Of 24 columns. */
  readonly width: number;
  readonly height: number;
}

export type AnyPanel = cog.Builder<dashboard.Panel>;

/** Readings may lie a second apart; an interval below a second would be none. */
const LEAST_INTERVAL = '1s';

/** Columns time, metric, value. */
export function lines(
  sql: Sql,
  place: Place & { readonly bars?: boolean; readonly interval?: string; readonly points?: number },
): AnyPanel {
  const { bars = false, interval = LEAST_INTERVAL, points } = place;
  const panel = new timeseries.PanelBuilder()
    .title(place.title)
    .description(place.description ?? '')
    .datasource(sql.dataSource)
    .withTarget(target(sql, place.query, 'time_series'))
    .interval(interval)
    .span(place.width)
    .height(place.height)
    .unit(place.unit ?? 'none')
    .lineWidth(1)
    .fillOpacity(bars ? 70 : 5)
    .drawStyle(bars ? common.GraphDrawStyle.Bars : common.GraphDrawStyle.Line)
    .showPoints(common.VisibilityMode.Auto)
    .spanNulls(GAP_S * 1_000)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.Table)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(bars ? ['sum'] : ['min', 'max', 'lastNotNull']),
    )
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi));
  if (bars) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
  if (points !== undefined) panel.maxDataPoints(points);
  if (sql.seriesName !== null) panel.displayName(sql.seriesName);
  return panel;
}

/** Columns name, value: one figure per row. `timeFrom` and `timeShift` as Grafana's panel time overrides. */
export function figures(
  sql: Sql,
  place: Place & { readonly timeFrom?: string; readonly timeShift?: string; readonly decimals?: number },
): AnyPanel {
  const panel = new stat.PanelBuilder()
    .title(place.title)
    .description(place.description ?? '')
    .datasource(sql.dataSource)
    .withTarget(target(sql, place.query, 'table'))
    .span(place.width)
    .height(place.height)
    .unit(place.unit ?? 'none')
    .noValue('no value')
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    .textMode(common.BigValueTextMode.ValueAndName)
    .reduceOptions(new common.ReduceDataOptionsBuilder().values(true).calcs(['lastNotNull']).fields(''));
  if (place.decimals !== undefined) panel.decimals(place.decimals);
  if (place.timeFrom !== undefined) panel.timeFrom(place.timeFrom);
  if (place.timeShift !== undefined) panel.timeShift(place.timeShift);
  return panel;
}

export interface Column {
  readonly name: string;
  readonly title?: string;
  readonly unit?: string;
  readonly thresholds?: readonly dashboard.Threshold[];
  readonly width?: number;
}

export function rows(sql: Sql, place: Place & { readonly columns: readonly Column[] }): AnyPanel {
  const panel = new table.PanelBuilder()
    .title(place.title)
    .description(place.description ?? '')
    .datasource(sql.dataSource)
    .withTarget(target(sql, place.query, 'table'))
    .span(place.width)
    .height(place.height)
    .filterable(true);
  for (const column of place.columns) panel.overrideByName(column.name, propertiesOf(column));
  return panel;
}

function propertiesOf(column: Column): dashboard.DynamicConfigValue[] {
  const properties: dashboard.DynamicConfigValue[] = [];
  if (column.title !== undefined) properties.push({ id: 'displayName', value: column.title });
  if (column.unit !== undefined) properties.push({ id: 'unit', value: column.unit });
  if (column.width !== undefined) properties.push({ id: 'custom.width', value: column.width });
  if (column.thresholds !== undefined) {
    properties.push({ id: 'thresholds', value: { mode: 'absolute', steps: column.thresholds } });
    properties.push({ id: 'custom.cellOptions', value: { type: 'color-text' } });
  }
  return properties;
}

/** Columns time, value, an hour each; drawn as the mean of each hour of the day, in the dashboard's time zone. */
export function hoursOfDay(sql: Sql, place: Place): AnyPanel {
  const { timeField } = sql;
  return new barchart.PanelBuilder()
    .title(place.title)
    .description(place.description ?? '')
    .datasource(sql.dataSource)
    .withTarget(target(sql, place.query, 'time_series'))
    .withTransformation({ id: 'formatTime', options: { timeField, outputFormat: 'HH', useTimezone: true } })
    .withTransformation({
      id: 'groupBy',
      options: {
        fields: {
          [timeField]: { operation: 'groupby', aggregations: [] },
          value: { operation: 'aggregate', aggregations: ['mean'] },
        },
      },
    })
    .withTransformation({ id: 'sortBy', options: { fields: {}, sort: [{ field: timeField, desc: false }] } })
    .xField(timeField)
    .interval(LEAST_INTERVAL)
    .span(place.width)
    .height(place.height)
    .unit(place.unit ?? 'none')
    .showValue(common.VisibilityMode.Never)
    .legend(new common.VizLegendOptionsBuilder().showLegend(false).displayMode(common.LegendDisplayMode.Hidden));
}

export function note(content: string, width: number, height: number): AnyPanel {
  return new text.PanelBuilder().title('').mode(text.TextMode.Markdown).content(content).span(width).height(height);
}

export const row = (title: string) => new dashboard.RowBuilder(title);
