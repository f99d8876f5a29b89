// Turns the rows of a sheet into metrics. Reading stops at the first row without a metric name. A row with an error gives
// no metric; the rows after it are still read, so that all problems come out at once.

import { codeBits, isBitTable, sizesOf } from '../codec/words.js';
import type { DataType, Metric, RegisterFunction } from '../model/meter.js';
import { fromFiveDigits, fromSixDigits, notationHint } from './addresses.js';
import { isTakeable, toNumber } from './cells.js';
import {
  functionWords,
  orderWords,
  readWords,
  sideWords,
  toChoice,
  toKind,
  toLabels,
  toNotAvailable,
} from './choices.js';
import { type ColumnKey, type ColumnPlaces, columns } from './columns.js';
import { dataTypeNames, dataTypes, findDataType } from './data-types.js';
import type { MeterSheet } from './meter-sheet.js';
import type { Problems } from './problem.js';
import { type Cell, cellRef, type Sheet } from './workbook.js';

/** A metric and where it stands. */
export interface MetricRow {
  readonly row: number;
  readonly metric: Metric;
}

export interface RowContext {
  readonly sheet: Sheet;
  readonly places: ColumnPlaces;
  readonly problems: Problems;
  /** In a .csv file every number is text. */
  readonly textIsNormal: boolean;
  readonly settings: MeterSheet;
}

const MAX_NAME_LENGTH = 128;

/** Rows 2 to the last one that has a metric name. */
export function lastMetricRow({ sheet, places }: RowContext): number {
  const nameColumn = places.get('name') ?? 0;
  let row = 2;
  while (sheet.rows.get(row)?.has(nameColumn) === true) row++;
  return row - 1;
}

export function readRows(context: RowContext): MetricRow[] {
  const found: MetricRow[] = [];
  const last = lastMetricRow(context);
  for (let row = 2; row <= last; row++) {
    const metric = new RowReader(context, row).read();
    if (metric !== null) found.push({ row, metric });
  }
  return found;
}

class RowReader {
  readonly #context: RowContext;
  readonly #row: number;
  readonly #problems: Problems;

  constructor(context: RowContext, row: number) {
    this.#context = context;
    this.#row = row;
    this.#problems = context.problems;
  }

  read(): Metric | null {
    const name = this.#name();
    const dataType = this.#dataType();
    const fn = this.#choice('function', functionWords, 'holding');
    const address = this.#address();
    const size = this.#number('size', true, 'the number of registers, 1 to 4');
    const scale = this.#number('scale', false, 'a number, 1 for none');
    const offset = this.#number('offset', false, 'a number, 0 for none', 0);
    const wordOrder = this.#choice('wordOrder', orderWords, 'big');
    const byteOrder = this.#choice('byteOrder', orderWords, 'big');
    const side = this.#choice('side', sideWords, 'primary');
    const read = this.#choice('read', readWords, 'always');
    const labelsCell = this.#optional('labels');
    const labels = labelsCell === undefined ? null : toLabels(labelsCell, this.#problems);
    const maximum = this.#maximum();
    const kindCell = this.#optional('kind');
    const kind = kindCell === undefined ? ({ type: 'gauge' } as const) : toKind(kindCell, this.#problems);
    const sizeFits = dataType !== undefined && size !== undefined && this.#sizeFits(size, dataType);
    const addressFits = address !== undefined && this.#addressFits(address, size ?? 1);
    if (address !== undefined && fn !== undefined) this.#questionNotation(address, fn);
    const notAvailable = sizeFits ? this.#notAvailable(codeBits({ dataType, size })) : undefined;
    if (dataType !== undefined && fn !== undefined) {
      const isBit = isBitTable(fn);
      if (isBit !== (dataType === 'BOOL')) {
        this.#problems.add('type-and-function-disagree', {
          cell: this.#ref('dataType'),
          value: dataType,
          expected: isBit
            ? `a ${fn} is a single bit: expected BOOL`
            : `BOOL is for coils and discrete inputs: for one bit of a ${fn} register write BIT0 … BIT15`,
        });
        return null;
      }
    }
    this.#questionRead(read, dataType, labels ?? null);
    if (read === undefined || labels === undefined || maximum === undefined) return null;
    if (name === undefined || dataType === undefined || fn === undefined || address === undefined) return null;
    if (size === undefined || scale === undefined || offset === undefined || kind === undefined) return null;
    if (wordOrder === undefined || byteOrder === undefined || side === undefined) return null;
    if (!sizeFits || !addressFits || notAvailable === undefined) return null;
    return {
      name,
      description: this.#text('description'),
      unit: this.#unit(),
      dataType,
      kind,
      function: fn,
      address,
      size,
      wordOrder,
      byteOrder,
      scale,
      offset,
      notAvailable,
      side,
      exponent: this.#text('exponent') || null,
      ...(read === 'once' && { read }),
      ...(labels !== null && { labels }),
      ...(this.#text('group') !== '' && { group: this.#text('group') }),
      ...(maximum !== null && { maximum }),
    };
  }

  /** null: none is given; undefined: it is no maximum, and that was said. */
  #maximum(): number | null | undefined {
    if (this.#cell('maximum') === undefined) return null;
    const maximum = this.#number('maximum', false, 'a number above 0');
    if (maximum === undefined || maximum > 0) return maximum;
    const expected = 'expected a number above 0, in the unit of the metric';
    this.#problems.add('bad-maximum', { cell: this.#ref('maximum'), value: maximum, expected });
    return undefined;
  }

  #questionRead(
    read: Metric['read'],
    dataType: DataType | undefined,
    labels: ReadonlyMap<number, string> | null,
  ): void {
    if (read !== 'always') return;
    const key = dataType === 'STRING' ? 'dataType' : labels === null ? null : 'labels';
    if (key === null) return;
    const value = key === 'dataType' ? 'STRING' : this.#text('labels');
    const expected = 'a time series holds numbers: expected once in the column Read';
    this.#problems.add('only-read-once', { cell: this.#ref(key), value, expected });
  }

  #ref(key: ColumnKey): string {
    return cellRef(this.#row, this.#context.places.get(key) ?? 0);
  }

  #cell(key: ColumnKey): Cell | undefined {
    const column = this.#context.places.get(key);
    return column === undefined ? undefined : this.#context.sheet.rows.get(this.#row)?.get(column);
  }

  #optional(key: ColumnKey): Cell | undefined {
    const cell = this.#cell(key);
    return cell === undefined || !isTakeable(cell, this.#problems) ? undefined : cell;
  }

  #required(key: ColumnKey): Cell | undefined {
    const cell = this.#cell(key);
    if (cell !== undefined) return isTakeable(cell, this.#problems) ? cell : undefined;
    const hint = key === 'scale' ? '; 1 leaves the raw number as it is' : '';
    this.#problems.add('missing-value', {
      cell: this.#ref(key),
      value: null,
      expected: `expected a value for ${columns[key].header}${hint}`,
    });
    return undefined;
  }

  #text(key: ColumnKey): string {
    const cell = this.#optional(key);
    return cell === undefined ? '' : String(cell.value);
  }

  #unit(): string {
    const unit = this.#text('unit');
    if (unit !== '' && Number.isFinite(Number(unit))) {
      const expected = 'expected a unit such as kWh, not a number: are two columns mixed up?';
      this.#problems.add('suspicious-unit', { cell: this.#ref('unit'), value: unit, expected });
    }
    return unit;
  }

  #number(key: ColumnKey, whole: boolean, what: string, fallback?: number): number | undefined {
    const absent = fallback !== undefined && this.#cell(key) === undefined;
    if (absent) return fallback;
    const cell = this.#required(key);
    const { textIsNormal } = this.#context;
    return cell === undefined ? undefined : toNumber(cell, { whole, textIsNormal, what }, this.#problems);
  }

  #choice<T extends string>(key: ColumnKey, known: ReadonlyMap<string, T>, fallback: T): T | undefined {
    const cell = this.#cell(key);
    if (cell === undefined) return fallback;
    return isTakeable(cell, this.#problems) ? toChoice(cell, known, this.#problems) : undefined;
  }

  #name(): string | undefined {
    const cell = this.#required('name');
    if (cell === undefined) return undefined;
    const name = String(cell.value);
    const expected =
      name.length > MAX_NAME_LENGTH
        ? `expected at most ${MAX_NAME_LENGTH} characters`
        : /[\p{Cc}\p{Cf}/]/u.test(name)
          ? 'expected a name without slashes, line breaks and control characters: it is the last part of a topic'
          : null;
    if (expected === null) return name;
    this.#problems.add('bad-name', { cell: cell.ref, value: name, expected });
    return undefined;
  }

  #dataType(): Metric['dataType'] | undefined {
    const cell = this.#required('dataType');
    if (cell === undefined) return undefined;
    const found = findDataType(String(cell.value));
    switch (found.found) {
      case 'type':
        return found.type;
      case 'other name':
        // Its size and codes are still looked at, as those of the type that is meant.
        this.#problems.add('other-name-for-data-type', {
          cell: cell.ref,
          value: cell.value,
          expected: `expected ${found.type}`,
          fix: { type: 'set', cell: cell.ref, value: found.type },
        });
        return found.type;
      case 'nothing':
        this.#problems.add('unknown-data-type', {
          cell: cell.ref,
          value: cell.value,
          expected: `expected one of ${dataTypeNames}`,
        });
        return undefined;
    }
  }

  #address(): number | undefined {
    const base = this.#context.settings.baseAddress ?? 0;
    const what = base === 0 ? 'a zero-based address, 0 to 65535' : `an address from ${-base} to ${65_535 - base}`;
    const written = this.#number('address', true, what);
    if (written === undefined) return undefined;
    const address = written + base;
    if (address >= 0 && address <= 65_535) return address;
    const printed = base === 0 ? fromSixDigits(written) : null;
    const why =
      printed !== null
        ? `: register number ${written} is likely address ${printed.address} of function ${printed.function}`
        : base === 0
          ? ''
          : `: with the Base Address ${base} of the sheet Meter it is ${address}`;
    const cell = this.#ref('address');
    this.#problems.add('address-out-of-range', { cell, value: written, expected: `expected ${what}${why}` });
    return undefined;
  }

  #questionNotation(address: number, fn: RegisterFunction): void {
    const { settings, textIsNormal } = this.#context;
    const printed = settings.baseAddress === null ? fromFiveDigits(address, fn) : null;
    if (printed === null) return;
    const expected = notationHint(printed.address, address, textIsNormal);
    this.#problems.add('address-in-40001-notation', { cell: this.#ref('address'), value: address, expected });
  }

  #addressFits(address: number, size: number): boolean {
    if (address + size <= 65_536) return true;
    const expected = `${size} registers from ${address} on go past the last address, 65535`;
    this.#problems.add('address-out-of-range', { cell: this.#ref('address'), value: address, expected });
    return false;
  }

  /** Not mended by itself: the size may be right and the type wrong, with plausible numbers either way. */
  #sizeFits(size: number, type: DataType): boolean {
    const sizes = sizesOf(type);
    if (sizes.includes(size)) return true;
    const takes = sizes.length === 1 ? `${sizes[0]}` : `${sizes[0]} to ${sizes.at(-1)}`;
    const others = dataTypes.filter((other) => !/^BIT\d|BOOL|STRING/.test(other) && sizesOf(other).includes(size));
    this.#problems.add('size-and-type-disagree', {
      cell: this.#ref('size'),
      value: size,
      expected: `${type} takes ${takes}${others.length === 0 ? '' : `; ${size} is for ${others.join(', ')}`}`,
    });
    return false;
  }

  #notAvailable(bits: number): bigint[] | undefined {
    const cell = this.#cell('notAvailable');
    if (cell === undefined) return [];
    return isTakeable(cell, this.#problems) ? toNotAvailable(cell, bits, this.#problems) : undefined;
  }
}
