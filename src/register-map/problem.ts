// Collects what is wrong with a map, each problem with its rule, its cell and, where the mending is mechanical, the fix.

import { InvalidInput, type Problem } from '../errors.js';
import { type RuleName, rules } from './rules.js';

/** Makes the cell hold this value, or takes the row out. */
export type Fix =
  | { readonly type: 'set'; readonly cell: string; readonly value: string | number }
  | { readonly type: 'remove-row'; readonly row: number };

export interface MapProblem extends Problem {
  readonly rule: RuleName;
  /** What `emdc check --fix` does about it; null: only a person can tell. */
  readonly fix: Fix | null;
}

export interface ProblemInit {
  /** Null: the whole sheet. */
  readonly cell: string | null;
  readonly value: string | number | boolean | null;
  readonly expected: string;
  readonly fix?: Fix;
}

export class Problems {
  readonly list: MapProblem[] = [];
  readonly #file: string;
  readonly #sheet: string;

  /** `sheet` is empty for a .csv file, whose cells then stand alone: `F7`. */
  constructor(file: string, sheet: string) {
    this.#file = file;
    this.#sheet = sheet;
  }

  add(rule: RuleName, { cell, value, expected, fix }: ProblemInit): void {
    const sheet = this.#sheet;
    this.list.push({
      severity: rules[rule].severity,
      rule,
      file: this.#file,
      place: cell === null ? sheet || 'sheet' : sheet === '' ? cell : `${sheet}!${cell}`,
      value: value === null ? null : String(value),
      expected,
      fix: fix ?? null,
    });
  }

  get hasErrors(): boolean {
    return this.list.some((problem) => problem.severity === 'error');
  }
}

/** Throws InvalidInput with every problem, errors first, where one of them is an error. */
export function refuseErrors(file: string, problems: readonly Problem[]): void {
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length === 0) return;
  const warnings = problems.filter((problem) => problem.severity === 'warning');
  throw new InvalidInput(`register map ${file} cannot be used`, [...errors, ...warnings]);
}
