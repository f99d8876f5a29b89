// The dashboards, described once: Site, Meter and Data quality.

import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import type { Sql } from './dialect.js';
import { counterIds, energyIds, freshValues, METERS, newestValues, topicIds } from './latest.js';
import { ENERGY_VARIABLE, type MetricGroup, meterGroups, power } from './metrics.js';
import { type AnyPanel, figures, hoursOfDay, lines, note, row, rows } from './panels.js';
import * as quality from './quality.js';
import { energyInRange, energyOverTime, hourlyPower, peakDemand, siteDemand, valuesOverTime } from './series.js';

const BY_METER = 'm.name';
const BY_METRIC = 't.metric';

function base(options: { uid: string; title: string; description: string; from: string }): dashboard.DashboardBuilder {
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
        .includeVars(true),
    );
}

const ALL: dashboard.VariableOption = { selected: true, text: ['All'], value: ['$__all'] };

function meters(sql: Sql, several: boolean): dashboard.QueryVariableBuilder {
  const variable = new dashboard.QueryVariableBuilder('meter')
    .label('Meter')
    .datasource(sql.dataSource)
    .query(METERS)
    .refresh(dashboard.VariableRefresh.OnDashboardLoad)
    .multi(several)
    .includeAll(several);
  return several ? variable.current(ALL) : variable;
}

/** Topic ids of the chosen meters. */
function ids(sql: Sql, name: string, query: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .hide(dashboard.VariableHide.HideVariable)
    .datasource(sql.dataSource)
    .query(query)
    .refresh(dashboard.VariableRefresh.OnDashboardLoad)
    .multi(true)
    .includeAll(true)
    .current(ALL);
}

const RELATIVE_ONLY = 'Follows the calendar, in the time zone of the dashboard, while its range is a relative one.';

export function site(sql: Sql): dashboard.Dashboard {
  const byMeter = { variable: power.variable, label: BY_METER };
  const energy = energyInRange(sql, { variable: ENERGY_VARIABLE, label: BY_METER });
  const calendar = { query: energy, unit: 'watth', width: 6, height: 6, description: RELATIVE_ONLY };
  return base({ uid: 'emdc-site', title: 'Site', description: 'Power and energy of all meters.', from: 'now-24h' })
    .withVariable(meters(sql, true))
    .withVariable(ids(sql, power.variable, topicIds(power.metrics)))
    .withVariable(ids(sql, ENERGY_VARIABLE, energyIds()))
    .withPanel(
      figures(sql, {
        title: 'Power now',
        query: freshValues(sql, power.metrics, 'meter'),
        unit: power.unit,
        width: 6,
        height: 6,
        description: 'The newest reading of each meter, where it is no older than 15 minutes.',
      }),
    )
    .withPanel(figures(sql, { ...calendar, title: 'Energy today', timeFrom: 'now/d' }))
    .withPanel(figures(sql, { ...calendar, title: 'Energy yesterday', timeFrom: 'now/d', timeShift: '1d/d' }))
    .withPanel(figures(sql, { ...calendar, title: 'Energy this month', timeFrom: 'now/M' }))
    .withPanel(
      lines(sql, { title: 'Power', query: valuesOverTime(sql, byMeter), unit: power.unit, width: 24, height: 10 }),
    )
    .withPanel(
      lines(sql, {
        title: 'Energy',
        description: 'What each meter took in, an hour a bar or more.',
        query: energyOverTime(sql, { variable: ENERGY_VARIABLE, label: BY_METER }),
        unit: 'watth',
        width: 12,
        height: 9,
        bars: true,
        interval: '1h',
        points: 100,
      }),
    )
    .withPanel(
      hoursOfDay(sql, {
        title: 'Load profile by hour of the day',
        description:
          'Mean power of all chosen meters together over the range, hour by hour in the time zone of the dashboard.',
        query: hourlyPower(sql, power.variable),
        unit: power.unit,
        width: 12,
        height: 9,
      }),
    )
    .withPanel(
      lines(sql, {
        title: 'Demand of all together',
        description: 'Mean power of a quarter of an hour; where a point stands for more than one, the highest.',
        query: siteDemand(sql, power.variable),
        unit: power.unit,
        width: 12,
        height: 9,
        interval: '15m',
      }),
    )
    .withPanel(
      rows(sql, {
        title: 'Peak demand',
        description: 'The quarter of an hour with the highest mean power in the range.',
        query: peakDemand(sql, power.variable),
        width: 12,
        height: 9,
        columns: [
          { name: 'name', title: 'Meter' },
          { name: 'at', title: 'From', unit: 'dateTimeAsIso' },
          { name: 'value', title: 'Peak', unit: power.unit },
        ],
      }),
    )
    .build();
}

export function meter(sql: Sql): dashboard.Dashboard {
  const built = base({
    uid: 'emdc-meter',
    title: 'Meter',
    description: 'What one meter measures. A panel stays empty where the meter has no such metric.',
    from: 'now-24h',
  })
    .withVariable(meters(sql, false))
    .withVariable(ids(sql, ENERGY_VARIABLE, counterIds()));
  for (const group of Object.values(meterGroups)) {
    built.withVariable(ids(sql, group.variable, topicIds(group.metrics)));
  }
  const drawn = (group: MetricGroup): AnyPanel =>
    lines(sql, {
      title: group.title,
      query: valuesOverTime(sql, { variable: group.variable, label: BY_METRIC }),
      unit: group.unit,
      width: 12,
      height: 8,
    });
  const {
    phaseVoltage,
    lineVoltage,
    current,
    active,
    reactive,
    apparent,
    factor,
    frequency,
    voltageAngle,
    currentAngle,
  } = meterGroups;
  const now = { width: 6, height: 4 };
  return built
    .withPanel(figures(sql, { ...now, title: 'Power', query: freshValues(sql, ['W'], 'metric'), unit: 'watt' }))
    .withPanel(figures(sql, { ...now, title: 'Power factor', query: freshValues(sql, ['pf'], 'metric'), decimals: 3 }))
    .withPanel(
      figures(sql, {
        ...now,
        title: 'Frequency',
        query: freshValues(sql, ['freq'], 'metric'),
        unit: 'hertz',
        decimals: 2,
      }),
    )
    .withPanel(
      figures(sql, {
        ...now,
        title: 'Energy today',
        description: RELATIVE_ONLY,
        query: energyInRange(sql, { variable: ENERGY_VARIABLE, label: BY_METRIC }),
        unit: 'watth',
        timeFrom: 'now/d',
      }),
    )
    .withRow(row('Voltage and current'))
    .withPanel(drawn(phaseVoltage))
    .withPanel(drawn(lineVoltage))
    .withPanel(drawn(current))
    .withPanel(drawn(frequency))
    .withRow(row('Power'))
    .withPanel(drawn(active))
    .withPanel(drawn(factor))
    .withPanel(drawn(reactive))
    .withPanel(drawn(apparent))
    .withRow(row('Phasors'))
    .withPanel(drawn(voltageAngle))
    .withPanel(drawn(currentAngle))
    .withRow(row('Energy and everything else'))
    .withPanel(
      lines(sql, {
        title: 'Energy',
        query: energyOverTime(sql, { variable: ENERGY_VARIABLE, label: BY_METRIC }),
        unit: 'watth',
        width: 12,
        height: 12,
        bars: true,
        interval: '1h',
        points: 100,
      }),
    )
    .withPanel(
      rows(sql, {
        title: 'Newest values',
        description: 'Every metric of the meter, in its own unit.',
        query: newestValues(sql),
        width: 12,
        height: 12,
        columns: [
          { name: 'name', title: 'Metric' },
          { name: 'value', title: 'Value' },
          { name: 'unit', title: 'Unit', width: 80 },
          { name: 'age', title: 'Age', unit: 's' },
        ],
      }),
    )
    .build();
}

const COVERAGE = [
  { value: null, color: 'red' },
  { value: 95, color: 'orange' },
  { value: 99.9, color: 'green' },
];
const AGE = [
  { value: null, color: 'green' },
  { value: 600, color: 'red' },
];

export function dataQuality(sql: Sql): dashboard.Dashboard {
  const half = { width: 12, height: 9 };
  return base({
    uid: 'emdc-quality',
    title: 'Data quality',
    description: 'What was to be read, what was stored, and why the rest is missing.',
    from: 'now-24h',
  })
    .withVariable(meters(sql, true))
    .withPanel(
      rows(sql, {
        title: 'Meters',
        description: 'As of the newest poll of the last hour.',
        query: quality.meterStates(sql),
        width: 24,
        height: 9,
        columns: [
          { name: 'name', title: 'Meter' },
          { name: 'host', title: 'Host' },
          { name: 'state', title: 'State', width: 100 },
          { name: 'age', title: 'Last reading ago', unit: 's', thresholds: AGE },
          { name: 'stored', title: 'Read', width: 80 },
          { name: 'expected', title: 'Of', width: 80 },
          { name: 'duration', title: 'Took', unit: 'ms', width: 100 },
          { name: 'requests', title: 'Requests', width: 100 },
          { name: 'error', title: 'Error' },
        ],
      }),
    )
    .withPanel(
      rows(sql, {
        ...half,
        title: 'Coverage',
        description: 'Readings stored, of those that the schedule asked for.',
        query: quality.coverageByMeter(sql),
        columns: [
          { name: 'name', title: 'Meter' },
          { name: 'expected', title: 'Expected' },
          { name: 'stored', title: 'Stored' },
          { name: 'missing', title: 'Missing' },
          { name: 'coverage', title: 'Coverage', unit: 'percent', thresholds: COVERAGE },
        ],
      }),
    )
    .withPanel(
      lines(sql, {
        ...half,
        title: 'Coverage by the hour',
        query: quality.coverageOverTime(sql),
        unit: 'percent',
        interval: '1h',
      }),
    )
    .withPanel(
      lines(sql, {
        ...half,
        title: 'Missing readings by reason',
        query: quality.missingOverTime(sql),
        bars: true,
        interval: '1h',
        points: 100,
      }),
    )
    .withPanel(
      rows(sql, {
        ...half,
        title: 'Missing readings by meter and reason',
        query: quality.missingByReason(sql),
        columns: [
          { name: 'name', title: 'Meter' },
          { name: 'reason', title: 'Reason' },
          { name: 'readings', title: 'Readings' },
          { name: 'slots', title: 'Slots' },
        ],
      }),
    )
    .withPanel(
      lines(sql, {
        ...half,
        title: 'Round trip',
        description: 'Time of a poll by its requests.',
        query: quality.pollsOverTime(sql, quality.roundTrip),
        unit: 'ms',
        interval: '1m',
      }),
    )
    .withPanel(
      lines(sql, {
        ...half,
        title: 'Longest poll',
        query: quality.pollsOverTime(sql, quality.longestPoll),
        unit: 'ms',
        interval: '1m',
      }),
    )
    .withPanel(
      lines(sql, {
        ...half,
        title: 'Lost slots',
        description:
          'missed: passed unread while the collector was running, since an earlier cycle overran or the machine was busy. down: the collector was not running.',
        query: quality.lostSlots(sql),
        bars: true,
        interval: '1h',
        points: 100,
      }),
    )
    .withPanel(
      lines(sql, {
        ...half,
        title: 'Delay',
        description: 'From the slot to the first request of its poll, at most.',
        query: quality.pollsOverTime(sql, quality.latest(sql)),
        unit: 's',
        interval: '1m',
      }),
    )
    .withPanel(
      note(
        'The **spool** (readings on local disk while the database is away) is not in the database: `GET /ping` and the ' +
          'Prometheus metrics `emdc_spool_readings`, `emdc_spool_bytes`, `emdc_spool_age_seconds` tell of it.',
        24,
        3,
      ),
    )
    .build();
}

export const dashboards: Readonly<Record<string, (sql: Sql) => dashboard.Dashboard>> = {
  site,
  meter,
  'data-quality': dataQuality,
};
