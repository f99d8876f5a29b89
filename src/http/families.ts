// The collector's own figures as metric families, and how a family is written in Prometheus' two text formats: 0.0.4 and
// OpenMetrics 1.0. The formats differ in whether a counter's `_total` belongs to the name of its family.

import type { MeterStatus, ServiceStatus } from '../model/status.js';

export type Format = 'prometheus' | 'openmetrics';

export interface FamilyHead {
  /** Without `_total`. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
}

/** One sample: its labels as written between the braces, and its value. */
export type Sample = readonly [labels: string, value: number];

export interface Family extends FamilyHead {
  readonly samples: readonly Sample[];
}

type Value = number | null;

/** All families of the state; `meters`: names to show, null: all. `now` in ms UTC. */
export function serviceFamilies(
  status: ServiceStatus,
  meters: ReadonlySet<string> | null,
  now: number,
): readonly Family[] {
  const { schedule, database, spool } = status;
  const shown = meters ? status.meters.filter(({ name }) => meters.has(name)) : status.meters;
  const ofMeters = (value: (meter: MeterStatus) => Value) =>
    shown.flatMap((meter) => one(value(meter), label('meter', meter.name)));
  const states = ['ok', 'degraded', 'failing'] as const;
  const spoolAge = spool.oldest === null ? 0 : (now - spool.oldest) / 1000;
  return [
    gauge('emdc_info', 'The running version', one(1, label('version', status.version))),
    gauge('emdc_start_time_seconds', 'When the collector started', one(seconds(status.startedAt))),
    gauge(
      'emdc_state',
      'Whether the service is in this state',
      states.map((state): Sample => [label('state', state), Number(status.status === state)]),
    ),
    counter('emdc_cycles', 'Cycles ended', one(schedule.cycles)),
    gauge('emdc_cycle_duration_seconds', 'Duration of the newest cycle', one(seconds(schedule.lastDurationMs))),
    gauge('emdc_last_slot_timestamp_seconds', 'Slot of the newest cycle that ended', one(seconds(schedule.last))),
    gauge('emdc_next_slot_timestamp_seconds', 'Next slot', one(seconds(schedule.next))),
    counter('emdc_missed_slots', 'Slots that passed unread', one(schedule.missed)),
    counter('emdc_overrun_slots', 'Slots that fell into a cycle still running', one(schedule.overran)),
    gauge(
      'emdc_database_up',
      'Whether the database takes readings',
      one(Number(database.state === 'connected'), label('dialect', database.dialect)),
    ),
    gauge('emdc_database_write_seconds', 'Duration of the newest write', one(seconds(database.writeMs))),
    gauge('emdc_spool_readings', 'Readings on local disk that the database has not taken yet', one(spool.readings)),
    gauge('emdc_spool_bytes', 'Size of the spool', one(spool.bytes)),
    gauge('emdc_spool_age_seconds', 'Age of the oldest reading in the spool, 0 when it is empty', one(spoolAge)),
    counter('emdc_spool_dropped_readings', 'Readings dropped at the bound of the spool', one(spool.dropped)),
    counter('emdc_dead_letter_readings', 'Readings that the database will never take', one(spool.deadLetters)),
    counter('emdc_lost_readings', 'Readings kept neither in the database nor on disk', one(status.lost)),
    gauge(
      'emdc_disk_free_bytes',
      'Free space on the disk of this directory',
      (status.disks ?? []).map(({ directory, freeBytes }): Sample => [label('directory', directory), freeBytes]),
    ),
    gauge(
      'emdc_disk_size_bytes',
      'Size of the disk of this directory',
      (status.disks ?? []).map(({ directory, sizeBytes }): Sample => [label('directory', directory), sizeBytes]),
    ),
    gauge(
      'emdc_meter_up',
      'Whether the meter answers',
      ofMeters(({ state }) => Number(state === 'online')),
    ),
    gauge(
      'emdc_meter_last_success_timestamp_seconds',
      'When the meter was last read',
      ofMeters(({ lastSuccess }) => seconds(lastSuccess)),
    ),
    gauge(
      'emdc_meter_round_trip_seconds',
      'Round trip of the newest answered request',
      ofMeters(({ roundTripMs }) => seconds(roundTripMs)),
    ),
    counter(
      'emdc_meter_polls',
      'Polls of the meter',
      ofMeters(({ counters }) => counters.polls),
    ),
    counter(
      'emdc_meter_requests',
      'Modbus requests, retries included',
      ofMeters(({ counters }) => counters.requests),
    ),
    counter(
      'emdc_meter_readings',
      'Readings of the meter',
      ofMeters(({ counters }) => counters.readings),
    ),
    counter(
      'emdc_meter_missed_slots',
      'Slots of the meter unread',
      ofMeters(({ counters }) => counters.missedSlots),
    ),
    counter(
      'emdc_meter_overrun_slots',
      'Slots of the meter that fell into a poll still running',
      ofMeters(({ counters }) => counters.overrunSlots),
    ),
    counter(
      'emdc_meter_missing_readings',
      'Readings that are missing, by reason',
      shown.flatMap(({ name, counters }) =>
        Object.entries(counters.missing).map(
          ([reason, count]): Sample => [`${label('meter', name)},${label('reason', reason)}`, count ?? 0],
        ),
      ),
    ),
  ];
}

const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
  name,
  type: 'gauge',
  help,
  samples,
});

const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({
  name,
  type: 'counter',
  help,
  samples,
});

const one = (value: Value, labels = ''): readonly Sample[] => (value === null ? [] : [[labels, value]]);

const seconds = (ms: Value): Value => (ms === null ? null : ms / 1000);

/** Head and samples; empty for a family with nothing to show. */
export function familyText(family: Family, format: Format): string {
  if (family.samples.length === 0) return '';
  const name = sampleName(family);
  const lines = family.samples.map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`);
  return familyHead(family, format) + lines.join('');
}

export function familyHead(family: FamilyHead, format: Format): string {
  const name = format === 'openmetrics' ? family.name : sampleName(family);
  return `# TYPE ${name} ${family.type}\n# HELP ${name} ${escapeText(family.help)}\n`;
}

export const sampleName = ({ name, type }: FamilyHead): string => (type === 'counter' ? `${name}_total` : name);

export const label = (name: string, value: string): string => `${name}="${escapeText(value).replaceAll('"', '\\"')}"`;

const escapeText = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
