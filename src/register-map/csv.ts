// Parses .csv text (RFC 4180; fields separated by commas, semicolons or tabs, whichever the first line has most of) into
// lines of fields as written. The spreadsheet library is not asked: it guesses numbers, dates and even other file formats
// from text that begins in a certain way.

/** One array per line; empty lines are empty arrays. Never throws: a quote that is not closed ends with the text. */
export function parseCsvText(text: string): string[][] {
  const separator = separatorOf(text);
  const lines: string[][] = [];
  let fields: string[] = [];
  let field = '';
  let quoted = false;
  const endLine = (): void => {
    lines.push(fields.length === 0 && field === '' ? [] : [...fields, field]);
    fields = [];
    field = '';
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (quoted) {
      if (char !== '"') field += char;
      else if (text[at + 1] === '"') field += text[at++];
      else quoted = false;
    } else if (char === '"' && field.trim() === '') {
      quoted = true;
      field = '';
    } else if (char === separator) {
      fields.push(field);
      field = '';
    } else if (char === '\n' || char === '\r') {
      if (char === '\r' && text[at + 1] === '\n') at++;
      endLine();
    } else field += char;
  }
  if (field !== '' || fields.length > 0) endLine();
  return lines;
}

function separatorOf(text: string): string {
  const [first = ''] = text.split(/[\r\n]/, 1);
  const count = (separator: string): number => first.split(separator).length;
  return [',', ';', '\t'].reduce((best, separator) => (count(separator) > count(best) ? separator : best));
}
