// GET /metric for a browser: a page with all meters and their latest values, complete in itself.

import { createHash } from 'node:crypto';
import type { Service } from '../service.js';

const STYLE = 'body{font:16px/1.4 system-ui,sans-serif}';
const SCRIPT = '';

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** What the content security policy allows: this very style and script. */
export const pageHashes = { style: hash(STYLE), script: hash(SCRIPT) };

export interface PageOptions {
  readonly service: Service;
  /** ms UTC */
  readonly now: number;
  /** Names of the meters to show; null: all. */
  readonly meters: ReadonlySet<string> | null;
}

export function* renderPage({ service, meters }: PageOptions): Generator<string> {
  yield `<!doctype html><html lang="en"><title>EMDC</title><style>${STYLE}</style><table>`;
  for (const { topic, value, metric } of service.latest.all(meters)) {
    yield `<tr><th>${escapeHtml(topic)}<td>${value ?? '–'}<td>${escapeHtml(metric.unit)}`;
  }
  yield '</table>';
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
