// The column dictionary of register-maps/README.md: one good and one bad row for each column, and what `emdc check` really
// says about the bad one. Written into the README by `npm run maps`.

import { formatProblem } from '../src/model/errors.js';
import { type ColumnKey, columnKeys, columns } from '../src/register-map/columns.js';
import { type CheckedMap, checkWorkbook } from '../src/register-map/load.js';
import { meterSettings } from '../src/register-map/meter-sheet.js';
import { rules } from '../src/register-map/rules.js';
import { parseWorkbook } from '../src/register-map/workbook.js';

/** Rows as .csv: the six required columns, then the column that the example is about. */
export interface Example {
  readonly good: string;
  readonly bad: string;
  /** Where more columns are needed than the one that the example is about. */
  readonly header?: string;
  /** Where the header itself is the mistake. */
  readonly badHeader?: string;
}

const six = 'Metric Name,Metric Description,Metric Address,Metric Size,Scaling Factor,Data Type';

export const examples: Readonly<Record<ColumnKey, Example>> = {
  name: { good: 'Voltage_AN,Voltage A-N,4630,2,1,FLOAT32', bad: 'UW/Voltage_AN,Voltage A-N,4630,2,1,FLOAT32' },
  description: {
    good: 'VAR_A,Reactive power phase A (inferred),4672,2,1,FLOAT32',
    bad: 'VAR_A,4672,2,1,FLOAT32',
    badHeader: 'Metric Name,Metric Address,Metric Size,Scaling Factor,Data Type',
  },
  address: { good: 'Voltage_AN,,0x1216,2,1,FLOAT32', bad: 'Voltage_AN,,44631,2,1,FLOAT32' },
  size: { good: 'Wh_imp,,3203,4,1,INT64', bad: 'Wh_imp,,3203,2,1,INT64' },
  scale: { good: 'Voltage_AN,,0,2,0.1,INT32', bad: 'Voltage_AN,,0,2,"0,1",INT32' },
  dataType: { good: 'pf,,232,1,1,PF_QUADRANT', bad: 'pf,,232,1,1,INT3' },
  unit: { good: 'Wh_imp,,52,2,100,INT32,Wh', bad: 'Wh_imp,,52,2,1,INT32,100' },
  function: { good: 'Voltage_AN,,0,2,1,FLOAT32,input', bad: 'Voltage_AN,,0,2,1,FLOAT32,output' },
  wordOrder: { good: 'W,,40,2,0.1,INT32,little', bad: 'W,,40,2,0.1,INT32,swapped' },
  byteOrder: { good: 'W,,40,2,0.1,INT32,big', bad: 'W,,40,2,0.1,INT32,cdab' },
  offset: { good: 'Temperature,,10,1,0.1,UINT16,-40', bad: 'Temperature,,10,1,0.1,UINT16,-40 K' },
  notAvailable: { good: 'Wh_imp,,3203,4,1,INT64,0x8000000000000000', bad: 'Wh_imp,,3203,4,1,INT64,0xFFFFFFFF' },
  kind: { good: 'Wh_imp,,1715,4,1,MOD10K,counter 1e16', bad: 'Wh_imp,,1715,4,1,MOD10K,energy' },
  side: {
    good: 'Voltage_AN,,179,2,0.0000152587890625,INT32,secondary-voltage',
    bad: 'Voltage_AN,,179,2,1,INT32,secondary',
  },
  exponent: { good: 'W,,18,1,1,INT16,W_SF\nW_SF,,22,1,1,INT16,', bad: 'W,,18,1,1,INT16,-2' },
  read: { good: 'Serial,,100,4,1,STRING,once', bad: 'Serial,,100,4,1,UINT64,daily' },
  labels: {
    good: 'Wiring,,110,1,1,UINT16,once,0=single-phase;1=three-phase',
    bad: 'Wiring,,110,1,1,UINT16,once,0: single-phase',
    header: `${six},Read,Labels`,
  },
  group: { good: 'W,,18,1,1,INT16,power\nVAR,,19,1,1,INT16,power', bad: 'W,,18,1,1,INT16,power' },
  maximum: { good: 'W,,40,2,0.1,INT32,250000', bad: 'W,,40,2,0.1,INT32,0' },
  source: {
    good: "W,,40,2,0.1,INT32,maker's list of 2021 page 7",
    bad: 'W,,40,2,0.1,INT32,page 7',
    badHeader: `${six},Page`,
  },
};

const headerOf = (key: ColumnKey): string =>
  examples[key].header ?? (columns[key].required ? six : `${six},${columns[key].header}`);

export function checkExample(header: string, rows: string): CheckedMap {
  const book = parseWorkbook(Buffer.from(`${header}\n${rows}\n`), { format: 'csv', file: 'map.csv' });
  return checkWorkbook(book, 'map.csv');
}

export const checkGood = (key: ColumnKey): CheckedMap => checkExample(headerOf(key), examples[key].good);

export const checkBad = (key: ColumnKey): CheckedMap =>
  checkExample(examples[key].badHeader ?? headerOf(key), examples[key].bad);

export function describeColumns(): string {
  return columnKeys.map(describeColumn).join('\n\n');
}

function describeColumn(key: ColumnKey): string {
  const { header, required, aliases, says } = columns[key];
  const { good, bad, badHeader } = examples[key];
  const also = aliases.length === 0 ? '' : ` · also found as ${aliases.join(', ')}`;
  const sameHeader = badHeader === undefined;
  const problems = checkBad(key).problems.map(
    (problem) => `> ${problem.severity} \`${problem.rule}\`: ${formatProblem(problem)}`,
  );
  return [
    `### ${header}`,
    `${required ? 'required' : 'optional'}${also}`,
    '',
    says,
    '',
    table(headerOf(key), [['good', good], ...(sameHeader ? ([['bad', bad]] as const) : [])]),
    ...(sameHeader ? [] : ['', table(badHeader, [['bad', bad]])]),
    '',
    ...problems,
  ].join('\n');
}

function table(header: string, rows: readonly (readonly [string, string])[]): string {
  const names = header.split(',');
  return [
    `| | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---').join('|')}|`,
    ...rows.flatMap(([word, text]) => text.split('\n').map((line) => `| ${word} | ${fieldsOf(line).join(' | ')} |`)),
  ].join('\n');
}

const fieldsOf = (line: string): string[] =>
  [...line.matchAll(/("([^"]*)"|[^,]*)(,|$)/g)]
    .slice(0, line.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/).length)
    .map((m) => m[2] ?? m[1] ?? '');

export function describeSettings(): string {
  const rows = Object.values(meterSettings).map(
    ({ header, least, most, says }) => `| ${header} | ${least} to ${most} | ${says} |`,
  );
  return ['| Setting | Value | Meaning |', '|---|---|---|', ...rows].join('\n');
}

export function describeRules(): string {
  const rows = Object.entries(rules).map(
    ([name, { severity, says, fixable }]) =>
      `| \`${name}\` | ${severity} | ${says}${fixable ? ' `--fix` mends it.' : ''} |`,
  );
  return ['| Rule | | |', '|---|---|---|', ...rows].join('\n');
}
