// Looks into a dashboard's JSON as Grafana does: panels with their query, variables with theirs.

export interface Board {
  readonly panels: readonly RawPanel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

interface RawPanel {
  readonly type: string;
  readonly title?: string;
  readonly interval?: string;
  readonly maxDataPoints?: number;
  readonly targets?: readonly Target[];
  readonly fieldConfig?: { readonly overrides?: readonly { readonly matcher: { id: string; options: string } }[] };
  readonly transformations?: readonly { readonly id: string; readonly options: Record<string, unknown> }[];
}

interface Target {
  readonly rawSql?: string;
  readonly format?: string;
  readonly rawQueryText?: string;
  readonly queryType?: string;
}

export interface Panel {
  readonly type: string;
  readonly title: string;
  readonly interval: string | undefined;
  readonly maxDataPoints: number | undefined;
  readonly target: Target;
  readonly format: 'time_series' | 'table';
  /** Columns that the panel's settings name. */
  readonly fieldNames: readonly string[];
}

/** All that have a query. */
export function panelsOf(board: Board): Panel[] {
  return board.panels.flatMap((panel) => {
    const [target, ...others] = panel.targets ?? [];
    if (!target) return [];
    if (others.length > 0) throw new Error(`${panel.title}: more than one query`);
    const series = target.format === 'time_series' || target.queryType === 'time series';
    const overridden = (panel.fieldConfig?.overrides ?? []).filter(({ matcher }) => matcher.id === 'byName');
    const formatted = (panel.transformations ?? []).flatMap(({ options }) => options['timeField'] ?? []);
    return {
      type: panel.type,
      title: panel.title ?? '',
      interval: panel.interval,
      maxDataPoints: panel.maxDataPoints,
      target,
      format: series ? 'time_series' : 'table',
      fieldNames: [...overridden.map(({ matcher }) => matcher.options), ...formatted.map(String)],
    };
  });
}

export const sqlOf = (panel: Panel): string => panel.target.rawSql ?? panel.target.rawQueryText ?? '';

export const variablesOf = (board: Board): readonly { name: string; query: string }[] => board.templating.list;
