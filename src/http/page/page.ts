// GET /metric for a browser: a page with all meters, their latest values and their state, complete in itself. Made on the
// server, so that it needs nothing but HTML to be read; a script keeps it up to date.

import { createHash } from 'node:crypto';
import type { MeterColumns } from '../../collect/latest.js';
import type { MeterStatus, ServiceStatus } from '../../model/status.js';
import type { Service } from '../service.js';
import { bytesFor, millisecondsFor, numberFor, spanFor, timeFor } from './format.js';
import { Html, html } from './html.js';
import { renderMeter } from './meter.js';
import { script } from './script.js';
import { style } from './style.js';

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** What the content security policy allows: this very style and script. */
export const pageHashes = { style: hash(style), script: hash(script) };

/** With more metrics than this a page comes without values; the script fetches those of the meters that are opened. */
const MAX_METRICS_AT_ONCE = 1000;
/** With more metrics than this the meters come closed. */
const MAX_METRICS_OPEN = 250;
const MAX_REASONS = 6;

export interface PageOptions {
  readonly service: Service;
  /** ms UTC */
  readonly now: number;
  /** Names of the meters to show; null: all. */
  readonly meters: ReadonlySet<string> | null;
}

export function* renderPage({ service, now, meters }: PageOptions): Generator<string> {
  const status = service.status();
  const states = new Map(status.meters.map((meter) => [meter.name, meter]));
  const columns = [...service.latest.columns(meters)];
  const metrics = columns.reduce((sum, { meter }) => sum + meter.metrics.length, 0);
  const later = meters === null && metrics > MAX_METRICS_AT_ONCE;
  const open = metrics <= MAX_METRICS_OPEN;

  yield head(status, metrics);
  yield overview({ status, now, shown: columns.length });
  yield `${BAR}<main data-live>\n`;
  for (const [group, members] of groupByPrefix(columns)) {
    yield html`<section>${group !== '' && html`<h2><bdi>${group}</bdi></h2>`}<div class="meters">`.text;
    for (const column of members) {
      yield renderMeter({
        ...column,
        recent: (topic) => service.latest.recent(topic),
        label: group === '' ? column.meter.name : column.meter.name.slice(group.length + 1),
        status: states.get(column.meter.name) ?? null,
        now,
        later,
        open,
      }).text;
    }
    yield '</div></section>\n';
  }
  yield `<p class="nothing soft" hidden>Nothing here matches the filter.</p>${foot(status, now)}`;
}

/** `site/building` of `site/building/meter`; meters without a slash come first, in a group without a name. */
function groupByPrefix(columns: readonly MeterColumns[]): Map<string, MeterColumns[]> {
  const groups = new Map<string, MeterColumns[]>();
  for (const column of columns) {
    const prefix = column.meter.name.slice(0, Math.max(0, column.meter.name.lastIndexOf('/')));
    const group = groups.get(prefix);
    if (group) group.push(column);
    else groups.set(prefix, [column]);
  }
  return groups;
}

const TONES = { ok: 'good', degraded: 'warn', failing: 'bad' } as const;
const WORDS = { ok: 'OK', degraded: 'Degraded', failing: 'Failing' } as const;

const ICON =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 16 16%22%3E%3Ccircle cx=%228%22 cy=%228%22 r=%228%22 fill=%22%231f5fd0%22/%3E%3Cpath d=%22M9 2 4 9h3l-1 5 6-7H9z%22 fill=%22white%22/%3E%3C/svg%3E';

const head = (status: ServiceStatus, metrics: number): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${WORDS[status.status]} – EMDC</title>
<link rel="icon" href="${ICON}">
<noscript><meta http-equiv="refresh" content="10"></noscript>
<style>${new Html(style)}</style>
</head>
<body data-period="${metrics > MAX_METRICS_AT_ONCE ? 5000 : 2000}">
`.text;

/** Not among what is fetched anew: it holds what the reader has set. */
const BAR = `<div class="bar" hidden>
<input type="search" placeholder="Filter meters and values" aria-label="Filter meters and values" autocomplete="off" spellcheck="false">
<label><input type="checkbox">Trouble only</label>
<button type="button" data-open="yes">Open all</button><button type="button" data-open="no">Close all</button>
<p class="lost notice bad" role="status" hidden></p>
</div>
`;

function overview({ status, now, shown }: { status: ServiceStatus; now: number; shown: number }): string {
  const { schedule, database } = status;
  const online = status.meters.filter(({ state }) => state === 'online').length;
  const all = status.meters.length;
  return html`<header data-live>
<div class="title"><h1>Energy meters</h1><span class="pill ${TONES[status.status]}">${WORDS[status.status]}</span>
<span class="asof">as of ${timeFor(now, now)}</span></div>
${status.reasons.length > 0 && reasonList(status)}
<dl class="tiles">
${tile('Meters online', `${online} of ${all}`, {
  tone: online === all ? '' : 'warn',
  note: shown === all ? troubles(status.meters) : `${shown} shown`,
})}
${tile('Last cycle', schedule.last === null ? 'none yet' : `${spanFor(now - schedule.last)} ago`, {
  note: [
    schedule.lastDurationMs === null ? '' : `took ${millisecondsFor(schedule.lastDurationMs)}`,
    schedule.next === null ? '' : `next ${timeFor(schedule.next, now).replace(' UTC', '')}`,
  ],
})}
${tile('Slots missed, overrun', `${numberFor(schedule.missed)}, ${numberFor(schedule.overran)}`, {
  note: `in ${numberFor(schedule.cycles)} cycles since start`,
})}
${tile('Database', database.state === 'connected' ? 'Connected' : `Away for ${spanFor(now - database.since)}`, {
  tone: database.state === 'connected' ? '' : 'warn',
  note: [
    { sqlite: 'SQLite', postgresql: 'PostgreSQL', mysql: 'MySQL' }[database.dialect],
    database.writeMs === null ? '' : `write ${millisecondsFor(database.writeMs)}`,
  ],
})}
${spoolTile(status, now)}
</dl>
</header>
`.text;
}

function reasonList({ status, reasons }: ServiceStatus): Html {
  const shown = reasons.slice(0, MAX_REASONS).map((reason) => html`<li>${reason}</li>`);
  const more = reasons.length - shown.length;
  return html`<ul class="notice ${TONES[status]}" aria-label="Why">${shown}${more > 0 && html`<li>and ${more} more</li>`}</ul>`;
}

function spoolTile({ spool, lost }: ServiceStatus, now: number) {
  const gone = spool.dropped + lost;
  return tile('Waiting on disk', spool.readings === 0 ? 'Nothing' : `${numberFor(spool.readings)} readings`, {
    tone: gone > 0 ? 'bad' : spool.readings > 0 ? 'warn' : '',
    note: [
      spool.oldest === null ? '' : `${bytesFor(spool.bytes)}, oldest ${spanFor(now - spool.oldest)}`,
      gone > 0 ? `${numberFor(gone)} lost` : '',
      spool.deadLetters > 0 ? `${numberFor(spool.deadLetters)} refused` : '',
    ],
  });
}

function tile(name: string, value: string, { tone = '', note }: { tone?: string; note: string | readonly string[] }) {
  const notes = typeof note === 'string' ? note : note.filter((part) => part !== '').join(' · ');
  return html`<div><dt>${name}</dt><dd class="${tone}">${value}</dd><dd>${notes}</dd></div>`;
}

/** `2 offline · 1 failing` */
function troubles(meters: readonly MeterStatus[]): string[] {
  const counts = new Map<string, number>();
  for (const { state } of meters) if (state !== 'online') counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`);
}

const foot = (status: ServiceStatus, now: number): string =>
  html`</main>
<footer data-live>EMDC ${status.version} · up ${spanFor(now - status.startedAt)} · times are UTC · the lines show the last 60
polls</footer>
<script>${new Html(script)}</script>
</body>
</html>
`.text;
