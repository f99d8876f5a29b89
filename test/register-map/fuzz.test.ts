// Whatever stands in a spreadsheet: a map that everything after the loader takes, or an error with a known rule. Never
// both, never a crash.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compileDecoder } from '../../src/codec/decode.js';
import { EmdcError } from '../../src/model/errors.js';
import { packageRoot } from '../../src/model/paths.js';
import { planBlocks } from '../../src/plan/blocks.js';
import { columnKeys, columns } from '../../src/register-map/columns.js';
import { dataTypes } from '../../src/register-map/data-types.js';
import { fixBytes } from '../../src/register-map/fix.js';
import { type CheckedMap, checkWorkbook } from '../../src/register-map/load.js';
import { rules } from '../../src/register-map/rules.js';
import {
  type Cell,
  type CellKind,
  cellRef,
  parseWorkbook,
  type Sheet,
  type Workbook,
} from '../../src/register-map/workbook.js';

function assertSound({ map, problems }: CheckedMap): void {
  for (const problem of problems) assert.equal(rules[problem.rule].severity, problem.severity);
  const errors = problems.filter((problem) => problem.severity === 'error');
  assert.equal(map === null, errors.length > 0);
  if (map === null) return;
  const maxRegisters = map.limits.maxRegisters ?? 125;
  const plan = planBlocks(map.metrics, { maxRegisters, maxGap: map.limits.maxGap ?? 32 });
  assert.deepEqual(plan.unread, []);
  compileDecoder({ name: 'fuzzed', metrics: map.metrics, ctRatio: 1, ptRatio: 1 });
}

const word = fc.constantFrom(
  ...dataTypes,
  ...['holding', 'input', 'coil', '3', 'big', 'little', 'counter 5', 'counter -5', 'gauge', 'secondary-power'],
  ...[
    'W',
    'W_SF',
    'Metrics',
    '0x7FFFFFFF',
    '0x8000 -1',
    '0xFFFFFFFFFFFFFFFF',
    '-',
    '1e5',
    '1,5',
    '=A1',
    'NaN',
    '∞',
    '\u0000',
    ' ',
  ],
);
const number = fc.oneof(
  fc.integer({ min: -2, max: 70_000 }),
  fc.constantFrom(0, -0, 1, 2, 4, 1.5, 40_001, 65_535, 400_001, 1e-300, 1e308, Number.NaN, Number.POSITIVE_INFINITY),
  fc.double(),
);
const value = fc.oneof(
  { weight: 4, arbitrary: word },
  { weight: 4, arbitrary: number },
  fc.string({ maxLength: 300 }),
  fc.boolean(),
);
const kind = fc.constantFrom<CellKind>('date', 'error', 'uncomputed');

/** A cell as the reader would make it; now and then one that no column takes. */
const cell = fc
  .tuple(value, fc.oneof({ weight: 29, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: kind }))
  .map(([content, odd]): Omit<Cell, 'ref' | 'row' | 'column'> | null => {
    if (odd !== null) return { kind: odd, value: String(content) };
    if (typeof content === 'number') return { kind: 'number', value: content };
    if (typeof content === 'boolean') return { kind: 'boolean', value: content };
    return content.trim() === '' ? null : { kind: 'text', value: content.trim() };
  });

/** Rows that are right but for a few cells, so that the rules after the first mistake are reached, too. */
const rightRow = fc
  .tuple(fc.constantFrom('W', 'VA', 'W_SF', 'Wh'), fc.integer({ min: 0, max: 200 }), fc.constantFrom(...dataTypes))
  .map(([name, address, type]) => [name, '', address, /64/.test(type) ? 4 : /32|4Q/.test(type) ? 2 : 1, 1, type]);

const row = fc.tuple(rightRow, fc.array(cell, { maxLength: columnKeys.length }), fc.nat({ max: 0xffff }));

const header = columnKeys.map((key) => columns[key].header);

const sheet = fc.array(row, { maxLength: 12 }).map((given): Sheet => {
  const rows = new Map<number, Map<number, Cell>>();
  const put = (at: number, column: number, content: Omit<Cell, 'ref' | 'row' | 'column'> | null): void => {
    if (content === null) return;
    const cells = rows.get(at) ?? new Map<number, Cell>();
    rows.set(at, cells.set(column, { ref: cellRef(at, column), row: at, column, ...content }));
  };
  for (const [column, text] of header.entries()) put(1, column, { kind: 'text', value: text });
  given.forEach(([right, wild, mask], index) => {
    right.forEach((content, column) => {
      // A name that stands twice would hide every other rule: most rows have their own.
      const named = column === 0 && mask % 8 !== 0 ? `${content}${index}` : content;
      const plain = { kind: typeof named === 'number' ? 'number' : 'text', value: named } as const;
      put(index + 2, column, named === '' ? null : plain);
    });
    // Few bits set in most masks: two thirds of the rows stay nearly right.
    const chosen = mask % 3 === 0 ? mask : mask & (mask >> 3) & (mask >> 6);
    wild.forEach((content, column) => {
      if ((chosen >> column) & 1) put(index + 2, column, content);
    });
  });
  const merges =
    given.length % 5 === 4 ? [{ ref: 'C2:D3', firstRow: 2, lastRow: 3, firstColumn: 2, lastColumn: 3 }] : [];
  return {
    name: 'Metrics',
    rows,
    lastRow: given.length + 1,
    merges,
    hiddenRows: new Set([3]),
    hiddenColumns: new Set([7]),
  };
});

const meterSheet = fc.array(fc.tuple(fc.constantFrom('Max Registers', 'Base Address', 'Pause ms', 'Odd'), cell), {
  maxLength: 3,
});

const workbook = fc.tuple(sheet, meterSheet).map(([metrics, settings]): Workbook => {
  const rows = new Map(
    settings.map(([name, content], index): [number, Map<number, Cell>] => {
      const place = (column: number) => ({ ref: cellRef(index + 1, column), row: index + 1, column });
      const cells = new Map<number, Cell>([[0, { ...place(0), kind: 'text', value: name }]]);
      return [index + 1, content === null ? cells : cells.set(1, { ...place(1), ...content })];
    }),
  );
  const empty = { merges: [], hiddenRows: new Set<number>(), hiddenColumns: new Set<number>() };
  return { format: 'xlsx', sheets: [metrics, { name: 'Meter', rows, lastRow: settings.length, ...empty }] };
});

describe('the loader', () => {
  it('makes a sound map or a known error of any cells', () => {
    let maps = 0;
    fc.assert(
      fc.property(workbook, (book) => {
        const checked = checkWorkbook(book, 'fuzz.xlsx');
        if (checked.map !== null) maps++;
        assertSound(checked);
      }),
      { numRuns: 1500 },
    );
    assert.ok(maps > 20, `only ${maps} of the sheets became maps`);
  });

  it('makes a sound map or a known error of any text that calls itself .csv', () => {
    const line = fc
      .array(fc.oneof(word, fc.string({ maxLength: 20 })), { maxLength: 8 })
      .map((fields) => fields.join(','));
    const text = fc
      .tuple(fc.boolean(), fc.array(line, { maxLength: 8 }))
      .map(([proper, lines]) => [...(proper ? [header.slice(0, 6).join(',')] : []), ...lines].join('\n'));
    fc.assert(
      fc.property(text, (csv) => {
        let book: Workbook;
        try {
          book = parseWorkbook(Buffer.from(csv), { format: 'csv', file: 'f.csv' });
        } catch (error) {
          assert.match(String(error), /f\.csv is not a \.csv file that can be read: .* line \d+/);
          return;
        }
        assertSound(checkWorkbook(book, 'f.csv'));
      }),
      { numRuns: 500 },
    );
  });

  it('makes an error of a damaged .xlsx file, or reads what is left of it', () => {
    const whole = readFileSync(join(packageRoot, 'test/golden/ancestor/nexus-metrics.xlsx'));
    const damage = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(damage, fc.nat({ max: whole.length }), fc.boolean(), (bytes, length, cut) => {
        const damaged = Buffer.from(cut ? whole.subarray(0, length) : whole);
        for (const [at, byte] of bytes) if (at < damaged.length) damaged[at] = byte;
        try {
          assertSound(checkWorkbook(parseWorkbook(damaged, { format: 'xlsx', file: 'f.xlsx' }), 'f.xlsx'));
        } catch (error) {
          if (!(error instanceof EmdcError)) throw error;
          assert.equal(error.code, 'unreadable-file');
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('a corrected copy', () => {
  it('has exactly the cells that were set and the rows that were not removed', () => {
    const whole = readFileSync(join(packageRoot, 'test/golden/ancestor/eaton-metrics.xlsx'));
    const valuesOf = (bytes: Uint8Array) =>
      [...(parseWorkbook(bytes, { format: 'xlsx', file: 'f' }).sheets[0]?.rows.values() ?? [])].map((cells) =>
        [...cells.values()].map(({ value: content }) => content),
      );
    const before = valuesOf(whole);
    const setting = fc.tuple(
      fc.nat({ max: 21 }),
      fc.nat({ max: 5 }),
      fc.oneof(fc.integer(), fc.constantFrom('a<b>&"', 'é', 'x')),
    );
    fc.assert(
      fc.property(fc.array(setting, { maxLength: 4 }), fc.option(fc.integer({ min: 2, max: 22 })), (sets, removed) => {
        const expected = before.map((cells) => [...cells]);
        for (const [at, column, content] of sets) (expected[at] as (typeof content)[])[column] = content;
        if (removed !== null) expected.splice(removed - 1, 1);
        const fixed = fixBytes(
          whole,
          [
            ...(removed === null ? [] : [{ type: 'remove-rows', first: removed, last: removed } as const]),
            ...sets.map(
              ([at, column, content]) => ({ type: 'set', cell: cellRef(at + 1, column), value: content }) as const,
            ),
          ],
          { file: 'f.xlsx', worksheet: 'Metrics' },
        );
        assert.deepEqual(valuesOf(fixed), expected);
      }),
      { numRuns: 60 },
    );
  });
});
