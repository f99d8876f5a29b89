// Dashboard: power and energy of all meters.

import type * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { BY_METER, base, ids, meterIds, meters, RELATIVE_ONLY } from './board.js';
import type { Sql } from './dialect.js';
import { energyIds, freshValues, topicIds } from './latest.js';
import { ENERGY_VARIABLE, power } from './metrics.js';
import { figures, hoursOfDay, lines, rows } from './panels.js';
import {
  energyByDay,
  energyInRange,
  energyOverTime,
  hourlyPower,
  peakDemand,
  siteDemand,
  valuesOverTime,
} from './series.js';

export function site(sql: Sql): dashboard.Dashboard {
  const byMeter = { variable: power.variable, label: BY_METER };
  const energy = energyInRange(sql, { variable: ENERGY_VARIABLE, label: BY_METER });
  const calendar = { query: energy, unit: 'watth', width: 6, height: 6, description: RELATIVE_ONLY };
  return base({ uid: 'emdc-site', title: 'Site', description: 'Power and energy of all meters.', from: 'now-24h' })
    .withVariable(meters(sql, true))
    .withVariable(meterIds(sql))
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
      lines(sql, {
        title: 'Energy by day',
        description: "Days of the site's calendar (`timezone` of the configuration).",
        query: energyByDay(sql, { variable: ENERGY_VARIABLE, label: BY_METER }),
        unit: 'watth',
        width: 12,
        height: 9,
        bars: true,
        interval: '1d',
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
