// The optional sheet `Example`: raw registers of a real meter or of its manual, and the values that they mean. A map that
// has one proves itself: `emdc check` decodes the registers and compares.

import { decodeMetric } from '../codec/decode.js';
import { isBitTable } from '../codec/words.js';
import type { Metric, RegisterFunction } from '../model/meter.js';
import { functionWords } from './choices.js';
import { plain } from './columns.js';
import { Problems } from './problem.js';
import type { Cell, Sheet, Workbook } from './workbook.js';

export const exampleSheetName = 'Example';

/**
 * Columns by header. A row has registers (`Function`, holding if empty, `Address`, `Registers`: hexadecimal words from that
 * address on), or a value (`Metric`, `Value`), or both. Rows with the same word in `Example` belong together.
 */
const headers = ['Example', 'Function', 'Address', 'Registers', 'Metric', 'Value'] as const;

type Header = (typeof headers)[number];
type Image = Map<string, number>;

/** Decimal places that are shown differ: values agree when they are this near, as a share. */
const TOLERANCE = 1e-5;

/** What is wrong with the examples of a workbook; nothing where it has none. Addresses are those on the wire. */
export function checkExamples(book: Workbook, metrics: readonly Metric[], file: string): Problems {
  const sheet = book.sheets.find(({ name }) => plain(name) === plain(exampleSheetName));
  const problems = new Problems(file, sheet?.name ?? exampleSheetName);
  if (sheet === undefined || book.format === 'csv') return problems;
  const places = placesOf(sheet);
  const images = new Map<string, Image>();
  const expectations: { readonly example: string; readonly metric: Cell; readonly value: Cell }[] = [];
  for (const [row, cells] of sheet.rows) {
    if (row === 1 || cells.size === 0) continue;
    const cell = (header: Header) => cells.get(places.get(header) ?? -1);
    const example = String(cell('Example')?.value ?? '');
    const [address, registers, metric, value] = [cell('Address'), cell('Registers'), cell('Metric'), cell('Value')];
    if (address && registers) takeRegisters(images, { example, table: cell('Function'), address, registers }, problems);
    if (metric && value) expectations.push({ example, metric, value });
    if ((address && registers) || (metric && value)) continue;
    const [first] = cells.values();
    const expected = 'expected an Address with Registers, or a Metric with its Value';
    if (first) problems.add('bad-example', { cell: first.ref, value: first.value, expected });
  }
  for (const { example, metric, value } of expectations) {
    const found = metrics.find(({ name }) => name === String(metric.value));
    if (found === undefined) {
      const expected = 'expected the name of a metric of this map';
      problems.add('bad-example', { cell: metric.ref, value: metric.value, expected });
    } else compare(found, value, { image: images.get(example) ?? new Map(), metrics, problems });
  }
  return problems;
}

function placesOf(sheet: Sheet): ReadonlyMap<Header, number> {
  const places = new Map<Header, number>();
  for (const cell of sheet.rows.get(1)?.values() ?? []) {
    const header = headers.find((candidate) => plain(candidate) === plain(String(cell.value)));
    if (header !== undefined) places.set(header, cell.column);
  }
  return places;
}

function takeRegisters(
  images: Map<string, Image>,
  row: { example: string; table: Cell | undefined; address: Cell; registers: Cell },
  problems: Problems,
): void {
  const table = functionWords.get(plain(String(row.table?.value ?? 'holding')));
  const address = Number(row.address.value);
  const words = String(row.registers.value).trim().split(/\s+/);
  const isSound = Number.isInteger(address) && words.every((word) => /^(0x)?[0-9a-f]{1,4}$/i.test(word));
  if (table === undefined || !isSound) {
    const expected = 'expected an address on the wire and hexadecimal words such as 4366 8000';
    problems.add('bad-example', { cell: row.registers.ref, value: row.registers.value, expected });
    return;
  }
  const image = images.get(row.example) ?? new Map();
  images.set(row.example, image);
  for (const [i, word] of words.entries())
    image.set(`${table} ${address + i}`, Number.parseInt(word.replace(/^0x/i, ''), 16));
}

interface Comparison {
  readonly image: Image;
  readonly metrics: readonly Metric[];
  readonly problems: Problems;
}

function compare(metric: Metric, cell: Cell, { image, metrics, problems }: Comparison): void {
  const add = (expected: string) =>
    problems.add('example-differs', { cell: cell.ref, value: cell.value, expected: `${metric.name}: ${expected}` });
  if (registersOf(metric, image) === null) {
    add(`the example has no registers ${metric.function} ${metric.address}+${metric.size}`);
    return;
  }
  const wanted = typeof cell.value === 'number' ? cell.value : Number(cell.value);
  if (metric.dataType === 'STRING' || Number.isNaN(wanted)) {
    const text = textIn(registersOf(metric, image) ?? Buffer.alloc(0));
    const label = metric.labels?.get(decoded(metric, image, metrics) ?? Number.NaN);
    if (text !== String(cell.value) && label !== String(cell.value)) add(`the registers hold "${label ?? text}"`);
    return;
  }
  const value = decoded(metric, image, metrics);
  if (value !== null && agree(value, wanted)) return;
  const likely = alternatives(metric).find(({ as }) => {
    const other = decoded(as, image, metrics);
    return other !== null && agree(other, wanted);
  });
  add(
    `the registers give ${value ?? 'no value'}${likely ? `; with ${likely.what} they would give the example's value` : ''}`,
  );
}

const agree = (a: number, b: number): boolean =>
  Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b), 1e-9);

/** Null where the registers are not all in the example, or hold no value. */
function decoded(metric: Metric, image: Image, metrics: readonly Metric[]): number | null {
  const data = registersOf(metric, image);
  if (data === null) return null;
  const power = metrics.find(({ name }) => name === metric.exponent);
  const exponent = power === undefined ? null : decoded(power, image, metrics);
  if (power !== undefined && exponent === null) return null;
  return decodeMetric(metric, data, exponent === null ? {} : { exponent }).value;
}

function registersOf({ function: table, address, size }: Metric, image: Image): Buffer | null {
  const words = Array.from({ length: size }, (_, i) => image.get(`${table} ${address + i}`));
  if (words.some((word) => word === undefined)) return null;
  if (isBitTable(table)) return Buffer.of((words[0] ?? 0) & 1);
  const data = Buffer.alloc(2 * size);
  for (const [i, word] of words.entries()) data.writeUInt16BE(word ?? 0, 2 * i);
  return data;
}

const textIn = (data: Buffer): string => data.toString('latin1').replace(/\0.*$/s, '').trim();

/** The usual mistakes, for a hint. */
function alternatives(metric: Metric): { readonly what: string; readonly as: Metric }[] {
  const order = metric.wordOrder === 'big' ? 'little' : 'big';
  const types = (['UINT16', 'INT16', 'UINT32', 'INT32', 'FLOAT32', 'UINT64', 'INT64', 'FLOAT64'] as const).filter(
    (type) => type !== metric.dataType,
  );
  const sizes: Readonly<Record<string, number>> = { '16': 1, '32': 2, '64': 4 };
  return [
    { what: `Word Order ${order}`, as: { ...metric, wordOrder: order } },
    ...[-1, 1].map((step) => ({
      what: `the address ${metric.address + step}`,
      as: { ...metric, address: metric.address + step },
    })),
    ...[0.001, 0.01, 0.1, 10, 100, 1000].map((factor) => ({
      what: `the Scaling Factor ${metric.scale * factor}`,
      as: { ...metric, scale: metric.scale * factor },
    })),
    ...types
      .filter((type) => sizes[type.slice(-2)] === metric.size)
      .map((type) => ({ what: `the Data Type ${type}`, as: { ...metric, dataType: type } })),
  ];
}

/** Rows of a sheet `Example` for what was read from a meter; values as numbers, registers as hexadecimal words. */
export function exampleRows(
  registers: readonly {
    readonly function: RegisterFunction;
    readonly address: number;
    readonly words: readonly number[];
  }[],
  values: readonly { readonly metric: string; readonly value: number | string }[],
): (string | number | null)[][] {
  const hex = (word: number) => word.toString(16).padStart(4, '0');
  return [
    [...headers],
    ...registers.map(({ function: table, address, words }) => [
      '1',
      table,
      address,
      words.map(hex).join(' '),
      null,
      null,
    ]),
    ...values.map(({ metric, value }) => ['1', null, null, null, metric, value]),
  ];
}
