// Writes Grafana's dashboards and alert rules for the three databases: `npm run dashboards`. A test holds the files in the
// repository equal to what comes out here.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import { packageRoot } from '../../src/model/paths.js';
import { alertRules } from './alerts.js';
import { dashboards } from './dashboards.js';
import { dialects } from './dialect.js';

const ALERTS_HEAD = '# Written by `npm run dashboards` from config/grafana/alerts.ts.\n';

/** File under config/grafana → text. */
export function grafanaFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const sql of dialects) {
    for (const [name, make] of Object.entries(dashboards)) {
      files.set(`dashboards/${sql.name}/${name}.json`, `${JSON.stringify(numbered(make(sql)), null, 2)}\n`);
    }
    files.set(`provisioning/${sql.name}/alerting/emdc.yaml`, ALERTS_HEAD + stringify(alertRules(sql)));
  }
  return files;
}

/** Grafana wants panels numbered. */
function numbered<T extends { panels?: object[] }>(board: T): T {
  return { ...board, panels: board.panels?.map((panel, index) => ({ ...panel, id: index + 1 })) };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [name, text] of grafanaFiles()) {
    const file = `${packageRoot}config/grafana/${name}`;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
