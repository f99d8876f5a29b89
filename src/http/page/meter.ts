// One meter on the page: a line that says how it is, and under it its values, each with unit, age and the course of the
// last minutes. What is older than it should be says so.

import { type MeterInfo, type MetricInfo, topicOf } from '../../model/meter.js';
import type { MeterState, MeterStatus } from '../../model/status.js';
import { millisecondsFor, numberFor, spanFor, timeFor } from './format.js';
import { type Html, html, sparkline } from './html.js';

export interface MeterView {
  readonly meter: MeterInfo;
  readonly values: Readonly<Float64Array>;
  readonly times: Readonly<Float64Array>;
  readonly recent: (topic: string) => readonly (number | null)[];
  /** Its name within its group. */
  readonly label: string;
  /** null: the service does not know it yet. */
  readonly status: MeterStatus | null;
  readonly now: number;
  /** Leave the values out, for the script to fetch. */
  readonly later: boolean;
  readonly open: boolean;
}

const SHOWN: Readonly<Record<MeterState, { readonly sign: string; readonly tone: string }>> = {
  starting: { sign: '○', tone: 'none' },
  online: { sign: '●', tone: 'good' },
  failing: { sign: '▲', tone: 'warn' },
  offline: { sign: '✕', tone: 'bad' },
  probing: { sign: '?', tone: 'bad' },
};

export function renderMeter(view: MeterView): Html {
  const { meter, label, status, now, times, open } = view;
  const state = status?.state ?? 'starting';
  const { sign, tone } = SHOWN[state];
  const newest = times.reduce((latest, time) => Math.max(latest, time), Number.NEGATIVE_INFINITY);
  const stale = staleness(view, newest);
  const trouble = tone === 'warn' || tone === 'bad' ? `trouble ${tone === 'bad' ? 'down' : ''}` : '';
  const late = meter.metrics.filter((_, index) => stale(index)).length;
  const power = headline(view, stale);
  return html`<details class="meter ${trouble || (late > 0 && 'trouble')}" data-meter="${meter.name}" data-search="${meter.name} ${meter.host} ${state}"${open && html` open`}>
<summary><h3><bdi>${label}</bdi></h3><span class="pill ${tone}"><span aria-hidden="true">${sign}</span>${state}</span>${
    late > 0 && trouble === '' && html`<span class="pill warn">${late} stale</span>`
  }<span class="facts">${power}${newest > 0 && html`<span>${spanFor(now - newest)} ago</span>`}</span>${
    status?.why !== null &&
    status !== null &&
    html`<span class="why">${status.why} · for ${spanFor(now - status.since)}</span>`
  }</summary>
${
  view.later
    ? html`<div class="values" data-later><p class="more"><a href="?meter=${encodeURIComponent(meter.name)}">Show the values</a></p></div>`
    : html`<div class="values"><ul class="metrics">${meter.metrics.map((_, index) => metricItem(view, index, stale(index)))}</ul>${about(view)}</div>`
}</details>
`;
}

/**
 * Which metrics are older than they should be: by three intervals (at least 5 s), or, where slots are uneven, than the
 * newest of their meter; all of them while the meter does not answer.
 */
function staleness({ times, status, now }: MeterView, newest: number): (index: number) => boolean {
  const interval = intervalOf(status?.schedule ?? '');
  const limit = interval === null ? newest : now - Math.max(3 * interval, 5000);
  const down = status?.state === 'failing' || status?.state === 'offline' || status?.state === 'probing';
  return (index) => {
    const time = times[index] as number;
    return time > 0 && (down || time < limit);
  };
}

/** Of `15s`; null: a cron expression. */
function intervalOf(schedule: string): number | null {
  const [, count, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(schedule) ?? [];
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return unit === undefined ? null : Number(count) * (units[unit] ?? 0);
}

/** The meter's power, for a look at a closed one: of all phases where it has that. */
function headline({ meter, values }: MeterView, stale: (index: number) => boolean): Html | null {
  const power = (metric: MetricInfo) => /^[kM]?W$/.test(metric.unit);
  const whole = meter.metrics.findIndex(
    (metric) => power(metric) && !/(^|_|\b)(L?[1-3ABC]|AN|BN|CN)$/i.test(metric.name),
  );
  const index = whole >= 0 ? whole : meter.metrics.findIndex(power);
  const value = values[index];
  if (value === undefined || Number.isNaN(value) || stale(index)) return null;
  return html`<b>${numberFor(value)} ${(meter.metrics[index] as MetricInfo).unit}</b>`;
}

function metricItem({ meter, values, times, recent, now }: MeterView, index: number, stale: boolean): Html {
  const metric = meter.metrics[index] as MetricInfo;
  const value = values[index] as number;
  const time = times[index] as number;
  const topic = topicOf(meter, metric);
  const read = !Number.isNaN(value);
  const exact = read ? `${value} ${metric.unit} at ${new Date(time).toISOString()}` : 'not read yet';
  const title = `${topic}${metric.description === '' ? '' : `\n${metric.description}`}\n${exact}`;
  return html`<li class="${stale && 'stale'}" data-search="${metric.name} ${metric.unit}" title="${title.replaceAll('\n', ' — ')}"><span class="name"><bdi>${metric.name}</bdi></span><span class="value">${
    read ? numberFor(value) : '–'
  } <span class="unit">${metric.unit}</span></span><span class="foot"><span class="age">${
    read ? `${stale ? 'stale · ' : ''}${spanFor(now - time)}` : 'not read yet'
  }</span>${sparkline(recent(topic))}</span></li>`;
}

function about({ meter, status, now }: MeterView): Html {
  const facts = [`${meter.host}:${meter.port} unit ${meter.unitId}`, `map ${meter.mapName}`];
  if (status) {
    const { counters, roundTripMs, lastError } = status;
    facts.push(`every ${status.schedule}`);
    if (roundTripMs !== null) facts.push(`round trip ${millisecondsFor(roundTripMs)}`);
    facts.push(`polls ${numberFor(counters.polls)}, slots missed ${numberFor(counters.missedSlots)}`);
    if (lastError) facts.push(`last error ${timeFor(lastError.time, now)}: ${lastError.message}`);
  }
  return html`<p class="about">${facts.map((fact) => html`<span>${fact}</span>`)}</p>`;
}
