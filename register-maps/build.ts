// Makes the shipped workbooks and the tables of README.md from the readable sources beside them: `npm run maps`. A test
// holds them equal.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { packageRoot } from '../src/model/paths.js';
import { type ColumnKey, columnKeys, columns } from '../src/register-map/columns.js';
import type { MeterSheet } from '../src/register-map/meter-sheet.js';
import { meterSheetOf, metricsSheet, notesSheet } from '../src/register-map/template.js';
import { composeWorkbook, parseWorkbook } from '../src/register-map/workbook.js';
import { describeColumns, describeRules, describeSettings } from './dictionary.js';

/** One file of `source/`. */
export interface MapSource {
  readonly meter: string;
  /** How sure the map is: weak, middling, good, strong or normative, and why. */
  readonly sure: string;
  readonly limits?: Partial<MeterSheet>;
  readonly notes: readonly string[];
  /** The numbers in the Source column count these, from 1. */
  readonly sources: readonly string[];
  /** The rows, as .csv with a header. */
  readonly metrics: string;
}

export const mapsFolder = join(packageRoot, 'register-maps');
export const sourcesFolder = join(mapsFolder, 'source');

export const mapNames = (): string[] =>
  readdirSync(sourcesFolder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();

export const readSource = (name: string): MapSource =>
  parse(readFileSync(join(sourcesFolder, `${name}.yaml`), 'utf8')) as MapSource;

const marks =
  'V3, V2, V1: read in three, two or one independent source. family: a sister product with the same map. INF: inferred, not read in a document. The numbers in the Source column stand for the sources below.';

export function buildMap(source: MapSource): Buffer {
  const table = parseWorkbook(Buffer.from(source.metrics), { format: 'csv', file: 'source' }).sheets[0]?.rows;
  if (table === undefined) throw new Error('a source without metrics');
  const header = [...(table.get(1)?.values() ?? [])].map((cell): ColumnKey => {
    const key = columnKeys.find((candidate) => columns[candidate].header === cell.value);
    if (key === undefined) throw new Error(`unknown column ${cell.value}`);
    return key;
  });
  const rows = [...table]
    .slice(1)
    .map(([, cells]) => Object.fromEntries(header.map((key, index) => [key, typed(key, cells.get(index)?.value)])));
  return composeWorkbook([
    metricsSheet(header, rows),
    meterSheetOf(source.limits ?? {}),
    notesSheet([
      ['Meter', source.meter],
      ['How sure', source.sure],
      ...source.notes.map((note): [string, string] => ['Note', note]),
      ['Marks', marks],
      ...source.sources.map((text, index): [string, string] => [`Source ${index + 1}`, text]),
    ]),
  ]);
}

export const readmeFile = join(mapsFolder, 'README.md');

/** The README with its tables written anew, between `<!-- name -->` and `<!-- end -->`. */
export function buildReadme(readme: string): string {
  const tables = { maps: describeMaps, columns: describeColumns, settings: describeSettings, rules: describeRules };
  return Object.entries(tables).reduce(
    (text, [name, describe]) =>
      text.replace(
        new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- end -->)`),
        (_, start: string, end: string) => `${start}${describe()}\n${end}`,
      ),
    readme,
  );
}

function describeMaps(): string {
  const rows = mapNames().map((name) => {
    const { meter, sure, metrics } = readSource(name);
    return `| \`${name}\` | ${meter} | ${metrics.trim().split('\n').length - 1} | ${sure} |`;
  });
  return ['| Map | Meter | Metrics | How sure |', '|---|---|---|---|', ...rows].join('\n');
}

const numeric: readonly ColumnKey[] = ['address', 'size', 'scale', 'offset'];

function typed(key: ColumnKey, value: unknown): string | number | null {
  if (value === undefined) return null;
  return numeric.includes(key) ? Number(value) : String(value);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of mapNames()) writeFileSync(join(mapsFolder, `${name}.xlsx`), buildMap(readSource(name)));
  writeFileSync(readmeFile, buildReadme(readFileSync(readmeFile, 'utf8')));
}
