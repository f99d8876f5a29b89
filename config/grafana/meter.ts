// Dashboard: what one meter measures.

import type * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { BY_METRIC, base, ids, meterIds, meters, RELATIVE_ONLY } from './board.js';
import type { Sql } from './dialect.js';
import { counterIds, freshValues, newestValues, topicIds } from './latest.js';
import { ENERGY_VARIABLE, type MetricGroup, meterGroups } from './metrics.js';
import { type AnyPanel, figures, lines, row, rows } from './panels.js';
import { energyInRange, energyOverTime, valuesOverTime } from './series.js';

export function meter(sql: Sql): dashboard.Dashboard {
  const built = base({
    uid: 'emdc-meter',
    title: 'Meter',
    description: 'What one meter measures. A panel stays empty where the meter has no such metric.',
    from: 'now-24h',
  })
    .withVariable(meters(sql, false))
    .withVariable(meterIds(sql))
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
        query: newestValues(),
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
