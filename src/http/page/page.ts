// GET /metric for a browser: page.html filled in, with page.css and page.js inside, so that the page is complete in itself.
// It can be read without scripts; page.js keeps it up to date.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { MeterColumns } from '../../collect/latest.js';
import { packageRoot } from '../../model/paths.js';
import type { MeterStatus, ServiceStatus } from '../../model/status.js';
import type { Service } from '../service.js';
import { bytesFor, millisecondsFor, numberFor, spanFor, timeFor } from './format.js';
import { type Html, html } from './html.js';
import { renderMeter } from './meter.js';

const asset = (name: string): string => readFileSync(`${packageRoot}src/http/page/${name}`, 'utf8');
const style = asset('page.css');
const script = asset('page.js');
/** The page with style and script inside, cut into text and, at odd places, the names of what belongs there. */
const template: readonly string[] = asset('page.html')
  .replace(/<link rel="stylesheet" href="page.css"[^>]*>/, () => `<style>${style}</style>`)
  .replace('<script src="page.js"></script>', () => `<script>${script}</script>`)
  .split(/\{\{(\w+)\}\}/);

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

/** The page, in pieces. */
export function* renderPage(options: PageOptions): Generator<string> {
  const { service, now, meters } = options;
  const status = service.status();
  const columns = [...service.latest.columns(meters)];
  const metrics = columns.reduce((sum, { meter }) => sum + meter.metrics.length, 0);
  const fills: Readonly<Record<string, string>> = {
    title: WORDS[status.status],
    period: metrics > MAX_METRICS_AT_ONCE ? '5000' : '2000',
    overview: overview({ status, now, shown: columns.length }),
    version: html`${status.version}`.text,
    uptime: spanFor(now - status.startedAt),
  };
  for (const [index, part] of template.entries()) {
    if (index % 2 === 0) yield part;
    else if (part === 'meters') yield* renderMeters({ ...options, status, columns, metrics });
    else yield fills[part] ?? '';
  }
}

interface MetersOptions extends PageOptions {
  readonly status: ServiceStatus;
  readonly columns: readonly MeterColumns[];
  /** Number of metrics. */
  readonly metrics: number;
}

function* renderMeters({ service, now, meters, status, columns, metrics }: MetersOptions): Generator<string> {
  const states = new Map(status.meters.map((meter) => [meter.name, meter]));
  for (const [group, members] of groupByPrefix(columns)) {
    yield html`<section>${group !== '' && html`<h2><bdi>${group}</bdi></h2>`}<div class="meters">`.text;
    for (const column of members) {
      yield renderMeter({
        ...column,
        recent: (topic) => service.latest.recent(topic),
        label: group === '' ? column.meter.name : column.meter.name.slice(group.length + 1),
        status: states.get(column.meter.name) ?? null,
        now,
        later: meters === null && metrics > MAX_METRICS_AT_ONCE,
        open: metrics <= MAX_METRICS_OPEN,
      }).text;
    }
    yield '</div></section>\n';
  }
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
