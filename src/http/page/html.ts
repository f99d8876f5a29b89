// HTML and SVG by template: text that is put in is escaped, except what such a template made. So nothing that a meter, a
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

const WIDTH = 100;
const HEIGHT = 20;

/** The last values of a metric as a line, oldest first, null: a gap. Empty for fewer than two values. */
export function sparkline(values: readonly (number | null)[]): Html {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (const value of values) {
    if (value === null) continue;
    count++;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (count < 2) return new Html('');
  const across = WIDTH / (values.length - 1);
  const up = max > min ? HEIGHT / (max - min) : 0;
  let path = '';
  let pen = 'M';
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number | null;
    if (value === null) {
      pen = 'M';
      continue;
    }
    const y = up === 0 ? HEIGHT / 2 : HEIGHT - (value - min) * up;
    // A point between two gaps would not show without a line of no length.
    path += `${pen}${short(i * across)} ${short(y)}${pen === 'M' ? 'h0' : ''}`;
    pen = 'L';
  }
  return new Html(
    `<svg class="spark" viewBox="-2 -2 ${WIDTH + 4} ${HEIGHT + 4}" preserveAspectRatio="none" aria-hidden="true"><path d="${path}"/></svg>`,
  );
}

const short = (value: number): string => String(Math.round(value * 10) / 10);
