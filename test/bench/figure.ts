// One line of the benchmark's table: what was measured, the limit measured beside it in the same run, and the target.

export interface Figure {
  readonly group: string;
  readonly name: string;
  /** EMDC's own value and its unit. */
  readonly value: number;
  readonly unit: string;
  /** What the bare reference took for the same; null: the figure stands alone. */
  readonly limit: number | null;
  /** Highest (or, with `least`, lowest) ratio to the limit, or value where there is none; null: no target. */
  readonly target: number | null;
  readonly least?: boolean;
  /** Whose the value is, and whose the limit. Default EMDC's and the bare reference's; one of a group speaks for all. */
  readonly columns?: { readonly value: string; readonly limit: string };
}

export const judged = (figure: Figure): number => (figure.limit === null ? figure.value : figure.value / figure.limit);

export function verdict(figure: Figure): 'reached' | 'missed' | '' {
  if (figure.target === null) return '';
  const own = judged(figure);
  return (figure.least ? own >= figure.target : own <= figure.target) ? 'reached' : 'missed';
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

const short = (value: number): string =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));

/** One measurement of both sides. */
export interface Pair {
  readonly own: number;
  readonly limit: number;
}

/** The measurement whose ratio is the median of all: its two sides belong together. */
export function middleOf(pairs: readonly Pair[]): Pair {
  const sorted = pairs.toSorted((a, b) => a.own / a.limit - b.own / b.limit);
  return sorted[sorted.length >> 1] ?? { own: Number.NaN, limit: Number.NaN };
}

/** A table in Markdown, one section per group. */
export function tableOf(figures: readonly Figure[]): string {
  const lines: string[] = [];
  let group = '';
  for (const figure of figures) {
    if (figure.group !== group) {
      group = figure.group;
      const { value: own, limit: other } = figure.columns ?? { value: 'EMDC', limit: 'bare' };
      lines.push('', `**${group}**`, '', `| | ${own} | ${other} | ratio | target | |`, '|---|--:|--:|--:|--:|---|');
    }
    const { name, value, unit, limit, target, least } = figure;
    const bound = target === null ? '' : `${least ? '≥' : '≤'} ${short(target)}${limit === null ? ` ${unit}` : ''}`;
    const bare = limit === null ? '' : `${short(limit)} ${unit}`;
    const ratio = limit === null ? '' : short(judged(figure));
    lines.push(`| ${name} | ${short(value)} ${unit} | ${bare} | ${ratio} | ${bound} | ${verdict(figure)} |`);
  }
  return lines.join('\n').trim();
}
