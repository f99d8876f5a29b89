// Errors are data: a code to look up in the README, a message that says what and where, a hint that says how to mend it.
// Foreign errors are translated once, at the edge where they come in; there it is also decided what they mean for the
// work in hand: try again (`retry`), keep it on disk until later (`spool`), or give up (`stop`).

export type Remedy = 'retry' | 'spool' | 'stop';

export class EmdcError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly remedy: Remedy;

  constructor(init: { code: string; message: string; hint?: string; remedy?: Remedy; cause?: unknown }) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'EmdcError';
    this.code = init.code;
    this.hint = init.hint ?? '';
    this.remedy = init.remedy ?? 'stop';
  }
}

export type Severity = 'error' | 'warning';

/** One thing wrong with an input file, with its exact place. */
export interface Problem {
  readonly severity: Severity;
  /** Name of the rule, kebab-case, e.g. `unknown-data-type`. */
  readonly rule: string;
  readonly file: string;
  /** `Metrics!F7` in a spreadsheet, `meters[2].unitId` in a configuration. */
  readonly place: string;
  /** The offending value as written; null: something is absent. */
  readonly value: string | null;
  /** What was expected or what to write instead. */
  readonly expected: string;
}

/** `nexus.xlsx · Metrics!F7 · "INT3" · expected one of …` */
export function formatProblem(problem: Problem): string {
  const value = problem.value === null ? 'missing' : JSON.stringify(problem.value);
  return `${problem.file} · ${problem.place} · ${value} · ${problem.expected}`;
}

/** All problems of one input at once. Nothing has been started or changed. */
export class InvalidInput extends EmdcError {
  /** What has the problems, e.g. a file. */
  readonly what: string;
  readonly problems: readonly Problem[];

  constructor(what: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super({
      code: 'invalid-input',
      message: `${what}: ${count}\n${problems.map((p) => `  ${formatProblem(p)}`).join('\n')}`,
    });
    this.name = 'InvalidInput';
    this.what = what;
    this.problems = problems;
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
