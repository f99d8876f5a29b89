// Everything a register map is checked for: one row per rule. An error stops the load, a warning does not. `fixable` ones
// are mended by `emdc check --fix`, since only one reading of the cell makes sense. Each rule has a golden sheet in
// test/golden/register-map/.

import type { Severity } from '../model/errors.js';

export interface Rule {
  readonly severity: Severity;
  readonly says: string;
  readonly fixable: boolean;
}

const error = (says: string): Rule => ({ severity: 'error', says, fixable: false });
const warning = (says: string): Rule => ({ severity: 'warning', says, fixable: false });
const fixable = (rule: Rule): Rule => ({ ...rule, fixable: true });

export const rules = {
  // the file and its sheet
  'unreadable-file': error('The file is absent, too large, or neither .xlsx nor .csv.'),
  'no-such-worksheet': error('The workbook has no sheet of that name.'),
  'header-not-first': error('The column headers stand below row 1.'),
  'missing-column': error('A required column is absent.'),
  'duplicate-column': error('Two columns have the same header.'),
  'unknown-column': warning(
    'A header is not that of a known column: a typing error would make its cells count for nothing.',
  ),
  'bad-labels': error('Labels are written number=text, separated by semicolons.'),
  'only-read-once': error('A text or a label has a meaning only for a metric that is read once.'),
  'bad-maximum': error('A maximum is a number above 0.'),
  'lonely-group': warning('A group has one metric: a typing error, or a word too many.'),
  'group-too-wide': error('The metrics of a group do not fit into one request.'),
  'unknown-identity': error('The sheet Meter names a metric that the map does not have, or does not read once.'),
  'bad-example': error('A row of the sheet Example is neither registers nor a value.'),
  'example-differs': error('The registers of an example do not give the value that the example says.'),
  'no-metrics': error('The sheet has no metric.'),
  'merged-cells': error('Merged cells give their value to the first cell only; the others are empty.'),
  'hidden-column': warning('A column is hidden, and its values count.'),
  'hidden-row': warning('A row is hidden, and its metric is read.'),
  'empty-row': fixable(warning('A row without a metric name ends the map, and metrics follow it.')),
  'nameless-row': warning('A row has an address but no metric name: the map ends before it.'),

  // any cell
  'missing-value': error('A cell that must have a value is empty.'),
  'date-cell': error('The spreadsheet program has made a date of the value.'),
  'error-cell': error('The cell holds an error such as #REF!.'),
  'uncomputed-formula': error('The cell holds a formula whose value was never computed.'),
  'not-a-number': error('Text stands where a number belongs.'),
  'decimal-comma': fixable(error('A number is written with a decimal comma.')),
  'number-as-text': fixable(warning('A number is stored as text.')),
  'not-a-whole-number': error('An address or size is not a whole number.'),

  // names
  'duplicate-name': error('Two metrics have the same name.'),
  'names-differ-by-case': warning(
    'Two metric names differ only by upper and lower case, which some databases take for one.',
  ),
  'bad-name': error('A metric name is too long or holds characters that a topic cannot have.'),

  // addresses and sizes
  'address-out-of-range': error('An address is negative or past 65535.'),
  'address-in-40001-notation': warning(
    'An address looks like a printed register number, not a zero-based wire address.',
  ),
  'size-and-type-disagree': error('The size is not that of the data type.'),
  'same-address': warning('Two metrics read the same register: often a copy-paste error.'),
  overlap: warning('Two metrics share some of their registers.'),
  'exceeds-limits': error('A metric is larger than the largest request that the Meter sheet allows.'),

  // meaning
  'unknown-data-type': error('The data type is not known.'),
  'other-name-for-data-type': fixable(error('The data type is known by another name.')),
  'type-and-function-disagree': error('Coils and discrete inputs hold single bits (BOOL), registers everything else.'),
  'unknown-choice': error('The cell holds none of the values that its column knows.'),
  'suspicious-unit': warning('A unit is a number: two columns may be mixed up.'),
  'scale-zero': warning('A scale of 0 makes every reading 0.'),
  'bad-kind': error('The kind is neither gauge nor counter, or its range is not a number above 0.'),
  'bad-not-available': error('A value for "not available" is not a raw code of the width of the data type.'),
  'suspicious-not-available': warning(
    'A value for "not available" may be a real reading, or belongs to another width.',
  ),
  'unknown-exponent': error('The Exponent column names no other metric of the map.'),
  'unsuitable-exponent': error('The metric that holds the exponent is not a plain whole number.'),
  'unknown-setting': error('The Meter sheet holds a setting that is not known.'),
  'bad-setting': error('A setting of the Meter sheet is not a whole number in its range.'),
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof rules;
