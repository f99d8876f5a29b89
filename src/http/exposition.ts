// Prometheus' two text formats: 0.0.4 and OpenMetrics 1.0. They differ in whether a counter's `_total` belongs to the
// name of its family, and in the end mark.

export type Format = 'prometheus' | 'openmetrics';

export interface FamilyHead {
  /** Without `_total`. */
  readonly name: string;
  /** `gauge`, `counter`, `histogram` … */
  readonly type: string;
  readonly help: string;
}

/** One sample: its labels as written between the braces, and its value. */
export type Sample = readonly [labels: string, value: number];

export interface Family extends FamilyHead {
  readonly samples: readonly Sample[];
}

/** A family with nothing to show is left out. */
export function familyText(family: Family, format: Format): string {
  if (family.samples.length === 0) return '';
  let text = familyHead(family, format);
  for (const [labels, value] of family.samples) text += sampleText(sampleName(family), labels, value);
  return text;
}

export function familyHead(family: FamilyHead, format: Format): string {
  const name = format === 'openmetrics' ? family.name : sampleName(family);
  return `# TYPE ${name} ${family.type}\n# HELP ${name} ${escapeText(family.help)}\n`;
}

export const sampleName = ({ name, type }: FamilyHead): string => (type === 'counter' ? `${name}_total` : name);

export const sampleText = (name: string, labels: string, value: number): string =>
  `${name}${labels === '' ? '' : `{${labels}}`} ${numberText(value)}\n`;

export const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);

export const label = (name: string, value: string): string => `${name}="${escapeText(value).replaceAll('"', '\\"')}"`;

const escapeText = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
