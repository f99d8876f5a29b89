// Prometheus' two text formats: 0.0.4 and OpenMetrics 1.0. They differ in where a counter's `_total` stands and in the
// end mark.

export type Format = 'prometheus' | 'openmetrics';

/** One sample: its labels as written between the braces, and its value. */
export type Sample = readonly [labels: string, value: number];

export interface Family {
  /** Without `_total`. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: Iterable<Sample>;
}

/** A family with nothing to show is left out. */
export function* familyText({ name, type, help, samples }: Family, format: Format): Generator<string> {
  const sampleName = type === 'counter' ? `${name}_total` : name;
  let head = familyHead({ name: format === 'openmetrics' ? name : sampleName, type, help });
  for (const [labels, value] of samples) {
    yield `${head}${sampleName}${labels === '' ? '' : `{${labels}}`} ${numberText(value)}\n`;
    head = '';
  }
}

export const familyHead = ({ name, type, help }: { name: string; type: string; help: string }): string =>
  `# TYPE ${name} ${type}\n# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`;

export const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);

export const label = (name: string, value: string): string =>
  /["\\\n]/.test(value)
    ? `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
    : `${name}="${value}"`;
