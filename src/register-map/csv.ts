// Parses .csv text: fields separated by commas, semicolons or tabs, whichever the first line has most of. The spreadsheet
// library is not asked: it guesses numbers, dates and even other file formats from text that begins in a certain way.

import { parse } from 'csv-parse/sync';

/** One array of fields as written per line. Throws an Error that names the line where a quote is not closed. */
export function parseCsvText(text: string): string[][] {
  return parse(text, {
    delimiter: separatorOf(text),
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: false,
    trim: true,
  });
}

function separatorOf(text: string): string {
  const [first = ''] = text.split(/[\r\n]/, 1);
  const count = (separator: string): number => first.split(separator).length;
  return [',', ';', '\t'].reduce((best, separator) => (count(separator) > count(best) ? separator : best));
}
