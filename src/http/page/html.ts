// HTML by template: whatever is put in is escaped, except what such a template made. So nothing that a meter, a
// spreadsheet or a configuration holds can become markup.

export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | readonly Html[] | string | number | null | false;

export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html =>
  new Html(strings.reduce((text, string, index) => text + textOf(parts[index - 1] ?? '') + string));

function textOf(part: Part): string {
  if (part instanceof Html) return part.text;
  if (part === null || part === false) return '';
  if (typeof part === 'string') return escapeHtml(part);
  return typeof part === 'number' ? String(part) : part.map(({ text }) => text).join('');
}

const escapeHtml = (text: string): string =>
  /[&<>"'\p{Cc}]/u.test(text)
    ? text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/\p{Cc}/gu, '\u{fffd}')
    : text;
