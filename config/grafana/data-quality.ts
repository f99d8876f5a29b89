// Dashboard: what was to be read, what was stored, and why the rest is missing.

import type * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { base, meterIds, meters } from './board.js';
import type { Sql } from './dialect.js';
import { lines, note, rows } from './panels.js';
import * as quality from './quality.js';

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
    .withVariable(meterIds(sql))
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
          'missed: passed unread while the collector was running, since an earlier cycle overran or the machine was busy. down: the collector was not running. lost: read, but the spool was full or its disk took nothing before the database was back.',
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
